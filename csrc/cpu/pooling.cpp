#include "cpu/pooling.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "cpu/scratch.h"
#include "cpu/simd.h"
#include "pool/pool.h"

namespace rl {
namespace {

template <class T>
struct PoolKernels {
  void (*max_row)(const T* in, int64_t step, int64_t count, int32_t index, T* best, int32_t* at);
  void (*max_channels)(const T* in, int64_t count, int32_t index, T* best, int32_t* at);
  void (*add_row)(const T* in, int64_t step, int64_t count, T* sum);
  void (*spread_row)(const T* in, int64_t step, int64_t count, T* to);
  void (*mean_of_four)(const T* a, const T* b, int64_t count, T* out);
  void (*quarter_to_four)(const T* in, int64_t count, T* a, T* b);
};

#define RL_KERNELS "cpu/pooling.inc"
#include "cpu/levels.inc"

template <class T>
const PoolKernels<T>& best() {
  static const PoolKernels<T>& chosen =
      simd::pick(baseline::kernels<T>(), avx2::kernels<T>(), avx512::kernels<T>());
  return chosen;
}

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// The taps of output `o` along dimension d that lie inside the image.
Range window_taps(const PoolProblem& p, int d, int64_t o) {
  const int64_t start = o * p.stride[d] - p.pad[d], step = p.dilation[d];
  const int64_t first = start < 0 ? (-start + step - 1) / step : 0;
  const int64_t room = p.in[d] - start;
  const int64_t last = room <= 0 ? 0 : std::min(p.kernel[d], (room + step - 1) / step);
  return {std::min(first, last), last};
}

Range adaptive_window(const PoolProblem& p, int d, int64_t o) {
  return {o * p.in[d] / p.out[d], ((o + 1) * p.in[d] + p.out[d] - 1) / p.out[d]};
}

// Outputs along the last dimension whose tap k lies inside the image.
Range outputs_of_tap(const PoolProblem& p, int64_t k) {
  const int64_t shift = k * p.dilation[2] - p.pad[2], s = p.stride[2];
  const int64_t first = shift < 0 ? std::min(p.out[2], (-shift + s - 1) / s) : 0;
  const int64_t room = p.in[2] - 1 - shift;
  const int64_t last = room < 0 ? 0 : std::min(p.out[2], room / s + 1);
  return {first, std::max(first, last)};
}

template <class T>
constexpr T lowest() {
  if constexpr (std::is_floating_point_v<T>)
    return -std::numeric_limits<T>::infinity();
  else
    return std::numeric_limits<T>::lowest();
}

int64_t grain_for(int64_t work_per_item) {
  return std::max<int64_t>(1, kDefaultGrain / std::max<int64_t>(work_per_item, 1));
}

int64_t window_size(const PoolProblem& p) { return p.kernel[0] * p.kernel[1] * p.kernel[2]; }

// ------------------------------------------------------------------------- rows of plain order

// For output row (z, y) calls f(range of outputs, index of the input of its first output) per tap.
template <class F>
void row_taps(const PoolProblem& p, int64_t z, int64_t y, F f) {
  const Range tz = window_taps(p, 0, z), ty = window_taps(p, 1, y);
  for (int64_t kz = tz.begin; kz < tz.end; kz++)
    for (int64_t ky = ty.begin; ky < ty.end; ky++) {
      const int64_t iz = z * p.stride[0] - p.pad[0] + kz * p.dilation[0];
      const int64_t iy = y * p.stride[1] - p.pad[1] + ky * p.dilation[1];
      for (int64_t kx = 0; kx < p.kernel[2]; kx++) {
        const Range x = outputs_of_tap(p, kx);
        if (x.size() > 0)
          f(x,
            (iz * p.in[1] + iy) * p.in[2] + x.begin * p.stride[2] - p.pad[2] + kx * p.dilation[2]);
      }
    }
}

// Column of the first input of each output along the last dimension.
void first_columns(const PoolProblem& p, int32_t* out) {
  for (int64_t x = 0; x < p.out[2]; x++)
    out[x] = int32_t(x * p.stride[2] - p.pad[2] + window_taps(p, 2, x).begin * p.dilation[2]);
}

template <class T>
void max_plane(const PoolProblem& p, const int32_t* first, const T* src, T* dst, int64_t* indices,
               int32_t* at) {
  for (int64_t z = 0; z < p.out[0]; z++)
    for (int64_t y = 0; y < p.out[1]; y++) {
      const int64_t row = (z * p.out[1] + y) * p.out[2];
      // Where everything is -inf the first element of the window is the answer.
      const int64_t iz = z * p.stride[0] - p.pad[0] + window_taps(p, 0, z).begin * p.dilation[0];
      const int64_t iy = y * p.stride[1] - p.pad[1] + window_taps(p, 1, y).begin * p.dilation[1];
      for (int64_t i = 0; i < p.out[2]; i++)
        at[i] = int32_t((iz * p.in[1] + iy) * p.in[2]) + first[i];
      std::fill_n(dst + row, p.out[2], lowest<T>());
      row_taps(p, z, y, [&](Range x, int64_t index) {
        best<T>().max_row(src + index, p.stride[2], x.size(), int32_t(index), dst + row + x.begin,
                          at + x.begin);
      });
      if (indices)
        for (int64_t i = 0; i < p.out[2]; i++) indices[row + i] = at[i];
    }
}

// Elements each average divides by, for output row (z, y).
template <class T>
void divisors(const PoolProblem& p, bool include_pad, int64_t divisor, int64_t z, int64_t y,
              T* out) {
  const int64_t at[3] = {z, y, 0};
  const auto extent = [&](int d, int64_t o) {
    if (!include_pad) return window_taps(p, d, o).size();
    const int64_t start = o * p.stride[d] - p.pad[d];
    return std::min(start + p.kernel[d], p.in[d] + p.pad[d]) - start;
  };
  const int64_t outer = extent(0, at[0]) * extent(1, at[1]);
  for (int64_t x = 0; x < p.out[2]; x++)
    out[x] = T(divisor ? divisor : std::max<int64_t>(outer * extent(2, x), 1));
}

// The commonest case: 2 x 2 windows that do not overlap and fill the plane's rows.
template <class T>
bool two_by_two(const PoolProblem& p, int64_t divisor) {
  return std::is_floating_point_v<T> && p.in[0] == 1 && p.out[0] == 1 && p.kernel[0] == 1 &&
         p.kernel[1] == 2 && p.kernel[2] == 2 && p.stride[1] == 2 && p.stride[2] == 2 &&
         p.pad[0] == 0 && p.pad[1] == 0 && p.pad[2] == 0 && (divisor == 0 || divisor == 4) &&
         p.out[1] * 2 <= p.in[1] && p.out[2] * 2 <= p.in[2];
}

template <class T>
void avg_plane(const PoolProblem& p, bool include_pad, int64_t divisor, const T* src, T* dst,
               T* count) {
  for (int64_t z = 0; z < p.out[0]; z++)
    for (int64_t y = 0; y < p.out[1]; y++) {
      T* row = dst + (z * p.out[1] + y) * p.out[2];
      std::fill_n(row, p.out[2], T(0));
      row_taps(p, z, y, [&](Range x, int64_t index) {
        best<T>().add_row(src + index, p.stride[2], x.size(), row + x.begin);
      });
      divisors(p, include_pad, divisor, z, y, count);
      for (int64_t i = 0; i < p.out[2]; i++) row[i] = T(row[i] / count[i]);
    }
}

template <class T>
void avg_plane_backward(const PoolProblem& p, bool include_pad, int64_t divisor, const T* diff_dst,
                        T* diff_src, T* count) {
  std::fill_n(diff_src, p.in_size(), T(0));
  for (int64_t z = 0; z < p.out[0]; z++)
    for (int64_t y = 0; y < p.out[1]; y++) {
      const T* row = diff_dst + (z * p.out[1] + y) * p.out[2];
      divisors(p, include_pad, divisor, z, y, count);
      for (int64_t i = 0; i < p.out[2]; i++) count[i] = T(row[i] / count[i]);
      row_taps(p, z, y, [&](Range x, int64_t index) {
        best<T>().spread_row(count + x.begin, p.stride[2], x.size(), diff_src + index);
      });
    }
}

// Calls f(plane number) for all (n, c) in parallel.
template <class F>
void planes(const PoolProblem& p, F f) {
  parallel_for(p.n * p.c, grain_for(p.in_size() + p.out_size() * window_size(p)),
               [&](int64_t begin, int64_t end) { f(begin, end); });
}

// ------------------------------------------------------------------------------ channels last

// Calls f(begin, end) over all output positions (n, z, y, x).
template <class F>
void positions(const PoolProblem& p, int64_t window, F f) {
  parallel_for(p.n * p.out_size(), grain_for(p.c * window), f);
}

struct Position {
  int64_t n, z, y, x;
};

Position position(const PoolProblem& p, int64_t i) {
  const int64_t x = i % p.out[2], r = i / p.out[2];
  return {r / p.out[1] / p.out[0], r / p.out[1] % p.out[0], r % p.out[1], x};
}

// Calls f(input index within the plane) for the inputs of one output.
template <class F>
void window(const PoolProblem& p, const Position& o, bool adaptive, F f) {
  Range r[3];
  int64_t start[3], step[3];
  const int64_t at[3] = {o.z, o.y, o.x};
  for (int d = 0; d < 3; d++) {
    r[d] = adaptive ? adaptive_window(p, d, at[d]) : window_taps(p, d, at[d]);
    start[d] = adaptive ? 0 : at[d] * p.stride[d] - p.pad[d];
    step[d] = adaptive ? 1 : p.dilation[d];
  }
  for (int64_t kz = r[0].begin; kz < r[0].end; kz++)
    for (int64_t ky = r[1].begin; ky < r[1].end; ky++)
      for (int64_t kx = r[2].begin; kx < r[2].end; kx++)
        f(((start[0] + kz * step[0]) * p.in[1] + start[1] + ky * step[1]) * p.in[2] + start[2] +
          kx * step[2]);
}

int64_t mean_window(const PoolProblem& p, bool adaptive) {
  return adaptive ? p.in_size() / std::max<int64_t>(1, p.out_size()) + 1 : window_size(p);
}

template <class T>
void max_last(const PoolProblem& p, bool adaptive, const T* src, T* dst, int64_t* indices) {
  positions(p, mean_window(p, adaptive), [&](int64_t begin, int64_t end) {
    const Scratch block(sizeof(int32_t) * p.c);
    int32_t* const at = block.get<int32_t>();
    for (int64_t i = begin; i < end; i++) {
      const Position o = position(p, i);
      const T* image = src + o.n * p.in_size() * p.c;
      T* out = dst + i * p.c;
      bool first = true;
      window(p, o, adaptive, [&](int64_t index) {
        if (first) {
          std::fill_n(at, p.c, int32_t(index));
          std::fill_n(out, p.c, lowest<T>());
          first = false;
        }
        best<T>().max_channels(image + index * p.c, p.c, int32_t(index), out, at);
      });
      if (indices) std::copy_n(at, p.c, indices + i * p.c);
    }
  });
}

template <class T, class Count>
void avg_last(const PoolProblem& p, bool adaptive, const T* src, T* dst, Count count) {
  positions(p, mean_window(p, adaptive), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const Position o = position(p, i);
      const T* image = src + o.n * p.in_size() * p.c;
      T* out = dst + i * p.c;
      std::fill_n(out, p.c, T(0));
      window(p, o, adaptive,
             [&](int64_t index) { best<T>().add_row(image + index * p.c, 1, p.c, out); });
      const T by = count(o);
      for (int64_t c = 0; c < p.c; c++) out[c] = T(out[c] / by);
    }
  });
}

// Threads own whole images, or ranges of channels of one, so that no two write one element.
template <class F>
void images_and_channels(const PoolProblem& p, int64_t work, F f) {
  const int64_t pieces =
      p.n >= num_threads() ? 1 : std::clamp<int64_t>(p.c / 16, 1, 2 * num_threads());
  parallel_for(p.n * pieces, grain_for(work * p.c / pieces), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t piece = i % pieces;
      f(i / pieces, Range{p.c * piece / pieces, p.c * (piece + 1) / pieces});
    }
  });
}

template <class T, class Count>
void avg_last_backward(const PoolProblem& p, bool adaptive, const T* diff_dst, T* diff_src,
                       Count count) {
  images_and_channels(p, p.in_size() + p.out_size() * mean_window(p, adaptive),
                      [&](int64_t n, Range c) {
                        T* image = diff_src + n * p.in_size() * p.c;
                        const Scratch block(sizeof(T) * c.size());
                        T* const share = block.get<T>();
                        for (int64_t i = 0; i < p.in_size(); i++)
                          std::fill_n(image + i * p.c + c.begin, c.size(), T(0));
                        for (int64_t i = 0; i < p.out_size(); i++) {
                          const Position o = position(p, n * p.out_size() + i);
                          const T* g = diff_dst + (n * p.out_size() + i) * p.c + c.begin;
                          const T by = count(o);
                          for (int64_t k = 0; k < c.size(); k++) share[k] = T(g[k] / by);
                          window(p, o, adaptive, [&](int64_t index) {
                            best<T>().add_row(share, 1, c.size(), image + index * p.c + c.begin);
                          });
                        }
                      });
}

// ---------------------------------------------------------------------------- adaptive, plain

template <class T>
T adaptive_count(const PoolProblem& p, const Position& o) {
  return T(adaptive_window(p, 0, o.z).size() * adaptive_window(p, 1, o.y).size() *
           adaptive_window(p, 2, o.x).size());
}

template <class T>
T window_count(const PoolProblem& p, bool include_pad, int64_t divisor, const Position& o) {
  if (divisor) return T(divisor);
  const int64_t at[3] = {o.z, o.y, o.x};
  int64_t total = 1;
  for (int d = 0; d < 3; d++) {
    const int64_t start = at[d] * p.stride[d] - p.pad[d];
    total *= include_pad ? std::min(start + p.kernel[d], p.in[d] + p.pad[d]) - start
                         : window_taps(p, d, at[d]).size();
  }
  return T(std::max<int64_t>(total, 1));
}

bool last(const PoolProblem& p) { return p.order == onednn::Order::channels_last; }

}  // namespace

template <class T>
void max_pool(const PoolProblem& p, const T* src, T* dst, int64_t* indices) {
  if (last(p)) return max_last(p, false, src, dst, indices);
  planes(p, [&](int64_t begin, int64_t end) {
    const Scratch block(2 * sizeof(int32_t) * p.out[2]);
    int32_t *const first = block.get<int32_t>(), *const at = first + p.out[2];
    first_columns(p, first);
    for (int64_t i = begin; i < end; i++)
      max_plane(p, first, src + i * p.in_size(), dst + i * p.out_size(),
                indices ? indices + i * p.out_size() : nullptr, at);
  });
}

template <class T>
void adaptive_max_pool(const PoolProblem& p, const T* src, T* dst, int64_t* indices) {
  if (last(p)) return max_last(p, true, src, dst, indices);
  parallel_for(p.n * p.c, grain_for(p.in_size()), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      for (int64_t o = 0; o < p.out_size(); o++) {
        const T* plane = src + i * p.in_size();
        T value = lowest<T>();
        int64_t at = -1;
        window(p, position(p, o), true, [&](int64_t index) {
          const T x = plane[index];
          if (at < 0 || x > value || x != x) value = x, at = index;
        });
        dst[i * p.out_size() + o] = value;
        if (indices) indices[i * p.out_size() + o] = at;
      }
  });
}

template <class T>
void max_pool_backward(const PoolProblem& p, const T* diff_dst, const int64_t* indices,
                       T* diff_src) {
  if (!last(p)) {
    parallel_for(p.n * p.c, grain_for(p.in_size()), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        T* plane = diff_src + i * p.in_size();
        std::fill_n(plane, p.in_size(), T(0));
        for (int64_t o = i * p.out_size(); o < (i + 1) * p.out_size(); o++)
          plane[indices[o]] += diff_dst[o];
      }
    });
    return;
  }
  images_and_channels(p, p.in_size() + p.out_size(), [&](int64_t n, Range c) {
    T* image = diff_src + n * p.in_size() * p.c;
    for (int64_t i = 0; i < p.in_size(); i++)
      std::fill_n(image + i * p.c + c.begin, c.size(), T(0));
    for (int64_t o = n * p.out_size(); o < (n + 1) * p.out_size(); o++)
      for (int64_t k = c.begin; k < c.end; k++)
        image[indices[o * p.c + k] * p.c + k] += diff_dst[o * p.c + k];
  });
}

template <class T>
void avg_pool(const PoolProblem& p, bool include_pad, int64_t divisor, const T* src, T* dst) {
  if (last(p))
    return avg_last(p, false, src, dst,
                    [&](const Position& o) { return window_count<T>(p, include_pad, divisor, o); });
  planes(p, [&](int64_t begin, int64_t end) {
    const Scratch block(sizeof(T) * p.out[2]);
    for (int64_t i = begin; i < end; i++) {
      const T* plane = src + i * p.in_size();
      T* out = dst + i * p.out_size();
      if (!two_by_two<T>(p, divisor)) {
        avg_plane(p, include_pad, divisor, plane, out, block.template get<T>());
        continue;
      }
      for (int64_t y = 0; y < p.out[1]; y++, plane += 2 * p.in[2])
        best<T>().mean_of_four(plane, plane + p.in[2], p.out[2], out + y * p.out[2]);
    }
  });
}

template <class T>
void avg_pool_backward(const PoolProblem& p, bool include_pad, int64_t divisor, const T* diff_dst,
                       T* diff_src) {
  if (last(p))
    return avg_last_backward(p, false, diff_dst, diff_src, [&](const Position& o) {
      return window_count<T>(p, include_pad, divisor, o);
    });
  planes(p, [&](int64_t begin, int64_t end) {
    const Scratch block(sizeof(T) * p.out[2]);
    const bool exact = p.out[1] * 2 == p.in[1] && p.out[2] * 2 == p.in[2];
    for (int64_t i = begin; i < end; i++) {
      const T* diff = diff_dst + i * p.out_size();
      T* plane = diff_src + i * p.in_size();
      if (!exact || !two_by_two<T>(p, divisor)) {
        avg_plane_backward(p, include_pad, divisor, diff, plane, block.template get<T>());
        continue;
      }
      for (int64_t y = 0; y < p.out[1]; y++, plane += 2 * p.in[2])
        best<T>().quarter_to_four(diff + y * p.out[2], p.out[2], plane, plane + p.in[2]);
    }
  });
}

template <class T>
void adaptive_avg_pool(const PoolProblem& p, const T* src, T* dst) {
  const auto count = [&](const Position& o) { return adaptive_count<T>(p, o); };
  if (last(p)) return avg_last(p, true, src, dst, count);
  parallel_for(p.n * p.c, grain_for(p.in_size()), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      for (int64_t o = 0; o < p.out_size(); o++) {
        const T* plane = src + i * p.in_size();
        const Position at = position(p, o);
        T sum = T(0);
        window(p, at, true, [&](int64_t index) { sum += plane[index]; });
        dst[i * p.out_size() + o] = T(sum / count(at));
      }
  });
}

template <class T>
void adaptive_avg_pool_backward(const PoolProblem& p, const T* diff_dst, T* diff_src) {
  const auto count = [&](const Position& o) { return adaptive_count<T>(p, o); };
  if (last(p)) return avg_last_backward(p, true, diff_dst, diff_src, count);
  parallel_for(p.n * p.c, grain_for(p.in_size()), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      T* plane = diff_src + i * p.in_size();
      std::fill_n(plane, p.in_size(), T(0));
      for (int64_t o = 0; o < p.out_size(); o++) {
        const Position at = position(p, o);
        const T share = T(diff_dst[i * p.out_size() + o] / count(at));
        window(p, at, true, [&](int64_t index) { plane[index] += share; });
      }
    }
  });
}

#define RL_POOL(T)                                                                      \
  template void max_pool<T>(const PoolProblem&, const T*, T*, int64_t*);                \
  template void adaptive_max_pool<T>(const PoolProblem&, const T*, T*, int64_t*);       \
  template void max_pool_backward<T>(const PoolProblem&, const T*, const int64_t*, T*); \
  template void avg_pool<T>(const PoolProblem&, bool, int64_t, const T*, T*);           \
  template void avg_pool_backward<T>(const PoolProblem&, bool, int64_t, const T*, T*);  \
  template void adaptive_avg_pool<T>(const PoolProblem&, const T*, T*);                 \
  template void adaptive_avg_pool_backward<T>(const PoolProblem&, const T*, T*);

RL_POOL(float)
RL_POOL(double)
RL_POOL(int64_t)
RL_POOL(int32_t)
RL_POOL(int16_t)
RL_POOL(int8_t)
RL_POOL(uint8_t)
#undef RL_POOL

}  // namespace rl
