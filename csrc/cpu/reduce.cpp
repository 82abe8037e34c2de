#include "cpu/reduce.h"

#include <memory>

#include "cpu/convert.h"
#include "cpu/parallel.h"

namespace rl {

namespace {

constexpr int64_t kConvert = 2048;   // elements converted at a time
constexpr int64_t kSegment = 16384;  // elements of a row that one call reduces
constexpr int64_t kRowsPerSegment = 128;
constexpr int64_t kColumns = 512;     // columns reduced side by side
constexpr int64_t kPartWork = 32768;  // least elements in one part of a split reduction
constexpr int64_t kMaxParts = 256;
constexpr int64_t kCascade = 32;  // segments summed up before they join the running total

struct Axis {
  int64_t size, stride, out;  // bytes of input, elements of output
};
using Axes = std::vector<Axis>;

int64_t product(const Axes& axes) {
  int64_t n = 1;
  for (const Axis& a : axes) n *= a.size;
  return n;
}

// Byte offset of position `i` of the space that the axes span, last axis fastest.
int64_t offset_of(const Axes& axes, int64_t i) {
  int64_t at = 0;
  for (size_t k = axes.size(); k-- > 0;) {
    at += i % axes[k].size * axes[k].stride;
    i /= axes[k].size;
  }
  return at;
}
int64_t out_offset_of(const Axes& axes, int64_t i) {
  int64_t at = 0;
  for (size_t k = axes.size(); k-- > 0;) {
    at += i % axes[k].size * axes[k].out;
    i /= axes[k].size;
  }
  return at;
}

struct Job {
  const ReduceKernel& k;
  const void* f;
  const char* in;
  DType in_dtype;
  bool same;     // no conversion of dtype
  int64_t item;  // bytes of an input element
  char* out[2];
  DType out_dtype[2];
  int64_t out_item[2];
  int outs;
  Axes kept, reduced;  // outermost first; without the inner axis
  Axis inner;
  int64_t parts = 1, segments = 1;

  void segment_range(int64_t part, int64_t* begin, int64_t* end) const {
    int64_t each = (segments + parts - 1) / parts;
    *begin = std::min(part * each, segments);
    *end = std::min(*begin + each, segments);
  }
  void split(int64_t work) {
    if (work <= 2 * kPartWork) return;
    parts = std::min({segments, kMaxParts, (work + kPartWork - 1) / kPartWork});
  }
  // Runs add(segment, acc) over a part's segments, in two levels of accumulators.
  template <class F>
  void cascade(int64_t part, int64_t width, char* acc, char* level, const F& add) const {
    int64_t begin, end;
    segment_range(part, &begin, &end);
    k.init(f, acc, width);
    if (end - begin <= kCascade) {
      for (int64_t s = begin; s < end; ++s) add(s, acc);
      return;
    }
    while (begin < end) {
      int64_t stop = std::min(begin + kCascade, end);
      k.init(f, level, width);
      for (; begin < stop; ++begin) add(begin, level);
      k.combine(f, acc, level, width);
    }
  }
  void write(const char* acc, int64_t n, int64_t at, int64_t step) const {
    alignas(64) char results[kColumns * 16];
    int64_t size = int64_t(item_size(k.result));
    int64_t chunk = kColumns / outs;
    for (int64_t b = 0; b < n; b += chunk) {
      int64_t m = std::min(chunk, n - b);
      k.finish(f, acc + b * k.acc_bytes, m, results);
      for (int o = 0; o < outs; ++o) {
        convert(k.result, results + o * size, size * outs, out_dtype[o],
                out[o] + (at + b * step) * out_item[o], out_item[o] * step, m);
      }
    }
  }
  // Combines the parts of one task pairwise, into the first; their slots are `bytes` apart.
  void join(char* accs, int64_t width, int64_t bytes) const {
    for (int64_t step = 1; step < parts; step *= 2) {
      for (int64_t i = 0; i + step < parts; i += 2 * step) {
        k.combine(f, accs + i * bytes, accs + (i + step) * bytes, width);
      }
    }
  }

  void add_row(const char* p, int64_t n, char* acc) const {
    if (same && inner.stride == item) {
      k.rows(f, p, n, 1, n, acc);
      return;
    }
    alignas(64) char buffer[kConvert * 16];
    for (int64_t b = 0; b < n; b += kConvert) {
      int64_t m = std::min(kConvert, n - b);
      convert(in_dtype, p + b * inner.stride, inner.stride, k.compute, buffer,
              int64_t(item_size(k.compute)), m);
      k.rows(f, buffer, m, 1, m, acc);
    }
  }
  void by_rows();
  void add_columns(const char* p, int64_t rows, int64_t row_stride, int64_t cols,
                   int64_t col_stride, char* acc) const;
  void by_columns(const Axis& cols);
};

// The innermost axis of the input is reduced.
void Job::by_rows() {
  int64_t outputs = product(kept), per_row = (inner.size + kSegment - 1) / kSegment;
  int64_t outer = product(reduced), work = outer * inner.size;
  segments = outer * per_row;
  split(work);
  auto add = [&](const char* base, int64_t s, char* acc) {
    int64_t start = s % per_row * kSegment;
    const char* p = base + offset_of(reduced, s / per_row) + start * inner.stride;
    add_row(p, std::min(kSegment, inner.size - start), acc);
  };
  if (parts == 1) {
    bool batches = segments == 1 && same && inner.stride == item && !kept.empty() &&
                   kept.back().stride % item == 0;
    parallel(outputs, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
      alignas(64) char acc[kColumns * kMaxAccBytes / 4];
      alignas(64) char level[kMaxAccBytes];
      constexpr int64_t group = kColumns / 4;
      for (int64_t b = begin; b < end;) {
        int64_t n = std::min(group, end - b);
        if (batches) {
          const Axis& last = kept.back();
          n = std::min(n, last.size - b % last.size);
          k.init(f, acc, n);
          k.rows(f, in + offset_of(kept, b), inner.size, n, last.stride / item, acc);
        } else {
          for (int64_t i = 0; i < n; ++i) {
            const char* base = in + offset_of(kept, b + i);
            cascade(0, 1, acc + i * k.acc_bytes, level,
                    [&](int64_t s, char* a) { add(base, s, a); });
          }
        }
        write(acc, n, b, 1);
        b += n;
      }
    });
    return;
  }
  auto accs = std::make_unique<char[]>(size_t(outputs * parts * k.acc_bytes));
  int64_t unit_work = std::max<int64_t>(1, work / parts);
  parallel(outputs * parts, std::max<int64_t>(1, kGrain / unit_work),
           [&](int64_t begin, int64_t end) {
             alignas(64) char level[kMaxAccBytes];
             for (int64_t u = begin; u < end; ++u) {
               const char* base = in + offset_of(kept, u / parts);
               cascade(u % parts, 1, accs.get() + u * k.acc_bytes, level,
                       [&](int64_t s, char* a) { add(base, s, a); });
             }
           });
  for (int64_t o = 0; o < outputs; ++o) {
    char* mine = accs.get() + o * parts * k.acc_bytes;
    join(mine, 1, k.acc_bytes);
    write(mine, 1, o, 1);
  }
}

void Job::add_columns(const char* p, int64_t rows, int64_t row_stride, int64_t cols,
                      int64_t col_stride, char* acc) const {
  if (same && col_stride == item && row_stride % item == 0) {
    k.columns(f, p, rows, row_stride / item, cols, acc);
    return;
  }
  alignas(64) char buffer[kConvert * 16];
  int64_t size = int64_t(item_size(k.compute));
  int64_t at_once = kConvert / cols;
  for (int64_t r = 0; r < rows; r += at_once) {
    int64_t m = std::min(at_once, rows - r);
    const char* q = p + r * row_stride;
    if (row_stride == cols * col_stride) {
      convert(in_dtype, q, col_stride, k.compute, buffer, size, m * cols);
    } else {
      for (int64_t i = 0; i < m; ++i) {
        convert(in_dtype, q + i * row_stride, col_stride, k.compute, buffer + i * cols * size, size,
                cols);
      }
    }
    k.columns(f, buffer, m, cols, cols, acc);
  }
}

// The innermost axis of the input is kept; `inner` is the innermost reduced one.
void Job::by_columns(const Axis& cols) {
  int64_t width = std::min(kColumns, cols.size), blocks = (cols.size + width - 1) / width;
  int64_t rows = kRowsPerSegment * std::max<int64_t>(1, 64 / width);
  int64_t per_axis = (inner.size + rows - 1) / rows, outer = product(reduced);
  int64_t work = outer * inner.size * width, tasks = product(kept) * blocks;
  segments = outer * per_axis;
  split(work);
  int64_t unit_work = std::max<int64_t>(1, work / parts), unit_bytes = width * k.acc_bytes;
  std::unique_ptr<char[]> accs;
  if (parts > 1) accs = std::make_unique<char[]>(size_t(tasks * parts * unit_bytes));
  auto columns_of = [&](int64_t task) {
    return std::min(width, cols.size - task % blocks * width);
  };
  auto finish = [&](int64_t task, const char* acc) {
    int64_t at = out_offset_of(kept, task / blocks) + task % blocks * width * cols.out;
    write(acc, columns_of(task), at, cols.out);
  };
  parallel(
      tasks * parts, std::max<int64_t>(1, kGrain / unit_work), [&](int64_t begin, int64_t end) {
        alignas(64) char own[kColumns * kMaxAccBytes];
        alignas(64) char level[kColumns * kMaxAccBytes];
        for (int64_t u = begin; u < end; ++u) {
          int64_t task = u / parts, n = columns_of(task);
          const char* base =
              in + offset_of(kept, task / blocks) + task % blocks * width * cols.stride;
          char* acc = parts > 1 ? accs.get() + u * unit_bytes : own;
          cascade(u % parts, n, acc, level, [&](int64_t s, char* a) {
            int64_t start = s % per_axis * rows;
            const char* p = base + offset_of(reduced, s / per_axis) + start * inner.stride;
            add_columns(p, std::min(rows, inner.size - start), inner.stride, n, cols.stride, a);
          });
          if (parts == 1) finish(task, acc);
        }
      });
  for (int64_t t = 0; t < tasks && parts > 1; ++t) {
    char* mine = accs.get() + t * parts * unit_bytes;
    join(mine, columns_of(t), unit_bytes);
    finish(t, mine);
  }
}

// Merges neighbouring axes that one stride walks through; outermost first.
void coalesce(Axes& axes, bool with_output) {
  Axes merged;
  for (const Axis& a : axes) {
    if (!merged.empty()) {
      Axis& before = merged.back();
      if (before.stride == a.stride * a.size && (!with_output || before.out == a.out * a.size)) {
        before = {before.size * a.size, a.stride, a.out};
        continue;
      }
    }
    merged.push_back(a);
  }
  axes = std::move(merged);
}

// Where the elements are: a storage in channels-last order is read as it stands.
const char* elements(const Tensor& t, Dims* strides) {
  const PhysicalLayout& l = t.storage()->layout;
  *strides = t.strides();
  if (!bytes_channels_last(t)) return t.data<char>();
  (*strides)[0] = l.channels * l.spatial;
  (*strides)[1] = 1;
  for (int i = 2; i < t.ndim(); ++i) (*strides)[i] *= l.channels;
  return static_cast<const char*>(t.storage()->raw_data());
}

void reduce_into(const ReduceKernel& k, const void* f, const Tensor& self, const Dims& dims,
                 bool all, const Tensor* const* outs, int count) {
  Job job{k,
          f,
          nullptr,
          self.dtype(),
          self.dtype() == k.compute,
          int64_t(self.item_size()),
          {},
          {},
          {},
          count,
          {},
          {},
          {}};
  for (int i = 0; i < count; ++i) {
    job.out[i] = outs[i]->data<char>();
    job.out_dtype[i] = outs[i]->dtype();
    job.out_item[i] = int64_t(outs[i]->item_size());
  }
  int64_t outputs = outs[0]->numel();
  if (outputs == 0) return;
  if (self.numel() == 0) {
    alignas(64) char acc[kMaxAccBytes];
    k.init(f, acc, 1);
    for (int64_t i = 0; i < outputs; ++i) job.write(acc, 1, i, 1);
    return;
  }
  Dims strides;
  const RawReader reading(self.storage());
  job.in = elements(self, &strides);
  if (all && self.is_contiguous()) {
    job.inner = {self.numel(), job.item, 0};
    job.by_rows();
    return;
  }
  uint64_t mask = all ? ~uint64_t(0) : 0;
  for (int64_t d : dims) mask |= uint64_t(1) << d;
  int64_t step = 1;
  for (int i = self.ndim() - 1; i >= 0; --i) {
    int64_t size = self.sizes()[i];
    if (size == 1) continue;
    Axis a{size, strides[i] * job.item, step};
    if (mask >> i & 1) {
      job.reduced.push_back(a);
    } else {
      job.kept.push_back(a);
      step *= size;
    }
  }
  std::reverse(job.kept.begin(), job.kept.end());
  std::reverse(job.reduced.begin(), job.reduced.end());
  // Repeated elements (stride 0) are walked last.
  auto key = [](const Axis& a) { return a.stride ? a.stride : INT64_MAX; };
  std::stable_sort(job.reduced.begin(), job.reduced.end(),
                   [&](const Axis& a, const Axis& b) { return key(a) > key(b); });
  coalesce(job.reduced, false);
  coalesce(job.kept, true);
  if (job.reduced.empty()) job.reduced.push_back({1, job.item, 0});
  job.inner = job.reduced.back();
  job.reduced.pop_back();
  size_t least = 0;
  for (size_t i = 1; i < job.kept.size(); ++i) {
    if (key(job.kept[i]) <= key(job.kept[least])) least = i;
  }
  bool trivial = job.inner.size == 1;
  if (!job.kept.empty() && (trivial || key(job.kept[least]) < key(job.inner))) {
    Axis cols = job.kept[least];
    job.kept.erase(job.kept.begin() + long(least));
    job.by_columns(cols);
  } else {
    job.by_rows();
  }
}

}  // namespace

void run_reduce(const ReduceKernel& kernel, const void* functor, const Tensor& self,
                const Dims& dims, bool all, const Tensor& out) {
  const Tensor* outs[] = {&out};
  reduce_into(kernel, functor, self, dims, all, outs, 1);
}

void run_reduce_pair(const ReduceKernel& kernel, const void* functor, const Tensor& self,
                     const Dims& dims, bool all, const Tensor& first, const Tensor& second) {
  const Tensor* outs[] = {&first, &second};
  reduce_into(kernel, functor, self, dims, all, outs, 2);
}

}  // namespace rl
