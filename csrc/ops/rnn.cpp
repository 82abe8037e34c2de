// Recurrent layers: cells and steps made of matrix products and pointwise operators, and the choice
// of the kernel that runs all steps of a layer (vector_rnn.cpp).
#include "autograd/engine.h"
#include "dispatch/autocast.h"
#include "dispatch/call.h"
#include "ops/rnn_mode.h"

namespace rl {
namespace {

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) { return call<"linear">(x, w, b); }

struct Weights {
  Tensor w_ih, w_hh, b_ih, b_hh, w_hr;  // w_hr: projection of an LSTM with proj_size
};

// ---- cells: the input part is computed for all steps at once and passed in ----
using State = TensorList;  // {h} or {h, c}

TensorList gates_of_step(const Tensor& all, int64_t count) {
  RL_CHECK(all.ndim() == 2 && all.sizes()[1] % count == 0, "Expected weights of ", count,
           " gates, but got gates of size ", all.sizes());
  return call_all<"chunk">(all, count, int64_t(1));
}

State lstm_step(const Tensor& input_part, const State& state, const Weights& w) {
  TensorList g = gates_of_step(input_part + linear(state[0], w.w_hh, w.b_hh), 4);
  Tensor i = call<"sigmoid">(g[0]), f = call<"sigmoid">(g[1]), n = call<"tanh">(g[2]),
         o = call<"sigmoid">(g[3]);
  Tensor c = f * state[1] + i * n;
  Tensor h = o * call<"tanh">(c);
  if (w.w_hr.defined()) h = linear(h, w.w_hr, Tensor());
  return {h, c};
}

State gru_step(const Tensor& input_part, const State& state, const Weights& w) {
  TensorList x = gates_of_step(input_part, 3);
  TensorList h = gates_of_step(linear(state[0], w.w_hh, w.b_hh), 3);
  Tensor r = call<"sigmoid">(x[0] + h[0]), z = call<"sigmoid">(x[1] + h[1]);
  Tensor n = call<"tanh">(x[2] + r * h[2]);
  return {(state[0] - n) * z + n};
}

template <bool Tanh>
State simple_step(const Tensor& input_part, const State& state, const Weights& w) {
  Tensor s = input_part + linear(state[0], w.w_hh, w.b_hh);
  return {Tanh ? call<"tanh">(s) : call<"relu">(s)};
}

using Step = State (*)(const Tensor&, const State&, const Weights&);

struct Cell {
  RnnMode mode;
  Step step;
};
constexpr Cell kLstm{RnnMode::Lstm, lstm_step}, kGru{RnnMode::Gru, gru_step},
    kTanh{RnnMode::Tanh, simple_step<true>}, kRelu{RnnMode::Relu, simple_step<false>};
const Cell& cell_of(int64_t mode) {
  static constexpr Cell cells[] = {kRelu, kTanh, kLstm, kGru};
  return cells[mode];
}

// ---- layers ----
std::vector<Weights> gather_weights(const TensorList& params, bool has_biases, bool projected) {
  size_t each = 2 + (has_biases ? 2 : 0) + (projected ? 1 : 0);
  RL_CHECK(params.size() % each == 0,
           "rnn: got an incorrect number of parameters: ", params.size());
  std::vector<Weights> out;
  for (size_t at = 0; at < params.size(); at += each) {
    Weights w{params[at], params[at + 1], {}, {}, {}};
    if (has_biases) {
      w.b_ih = params[at + 2];
      w.b_hh = params[at + 3];
    }
    if (projected) w.w_hr = params[at + each - 1];
    out.push_back(w);
  }
  return out;
}

// All steps of one direction. parts: (T, N, gates * H), the inputs' share of the gates. Returns the
// states of all steps, each stacked, in the order of time.
TensorList run_steps(const Cell& cell, const Tensor& parts, State state, const Weights& w,
                     bool reverse) {
  TensorList steps = call_all<"unbind.int">(parts, int64_t(0));
  std::vector<TensorList> all(state.size(), TensorList(steps.size()));
  for (size_t k = 0; k < steps.size(); ++k) {
    size_t t = reverse ? steps.size() - 1 - k : k;
    state = cell.step(steps[t], state, w);
    for (size_t i = 0; i < state.size(); ++i) all[i][t] = state[i];
  }
  TensorList out;
  for (const TensorList& one : all) out.push_back(call<"stack">(one, int64_t(0)));
  return out;
}

// Everything else, wrong sizes included, is left to the operators.
bool use_kernel(const Cell& cell, const Tensor& input, const State& state, const Weights& w) {
  const DType type = input.dtype();
  if (input.device().type != DeviceType::CPU || input.ndim() != 3 || input.numel() == 0)
    return false;
  if (type != DType::Float32 && type != DType::Float64) return false;
  if (Autocast::active()) return false;  // its products are of another dtype
  if (w.w_hr.defined() || w.b_ih.defined() != w.b_hh.defined()) return false;
  const Dims& h = state[0].sizes();
  if (h.size() != 2 || h[0] != input.sizes()[1] || h[1] == 0) return false;
  for (const Tensor& s : state)
    if (s.sizes() != h || s.dtype() != type) return false;
  const int64_t width = gates_of(cell.mode) * h[1];
  if (w.w_hh.sizes() != Dims({width, h[1]}) || w.w_hh.dtype() != type) return false;
  if (w.w_ih.ndim() != 2 || w.w_ih.sizes()[0] != width || w.w_ih.dtype() != type) return false;
  return !w.b_hh.defined() || (w.b_hh.sizes() == Dims({width}) && w.b_hh.dtype() == type &&
                               w.b_ih.sizes() == Dims({width}) && w.b_ih.dtype() == type);
}

// Whether the kernel multiplies the inputs too, which takes as many rows as its products need, and
// weights that stay in the caches beside the others.
bool inputs_inside(const Tensor& input, const Tensor& w_ih) {
  return input.sizes()[1] >= kLeastRows && input.sizes()[2] == w_ih.sizes()[1] &&
         w_ih.numel() * int64_t(w_ih.item_size()) <= 2 << 20;
}

// (T, N, F) through one direction of one layer; returns the outputs and the last state.
std::pair<Tensor, State> run_direction(const Cell& cell, const Tensor& input, const State& state,
                                       const Weights& w, bool reverse) {
  TensorList all;
  if (use_kernel(cell, input, state, w)) {
    // Both biases join the inputs' share, but for the GRU, where a gate comes between.
    const bool gru = cell.mode == RnnMode::Gru;
    const Tensor bias = w.b_ih.defined() && !gru ? w.b_ih + w.b_hh : w.b_ih;
    const bool inside = inputs_inside(input, w.w_ih);
    all = call_all<"_rnn_layer">(
        inside ? input : linear(input, w.w_ih, bias), inside ? w.w_ih : Tensor(),
        inside ? bias : Tensor(), state[0], state.size() > 1 ? state[1] : Tensor(), w.w_hh,
        gru ? w.b_hh : Tensor(), int64_t(cell.mode), reverse, GradMode::enabled());
  } else {
    all = run_steps(cell, linear(input, w.w_ih, w.b_ih), state, w, reverse);
  }
  State last;
  for (size_t i = 0; i < state.size(); ++i)
    last.push_back(call<"select.int">(all[i], int64_t(0), int64_t(reverse ? 0 : -1)));
  return {all[0], last};
}

// The packed form: rows of all steps one after another, batch_sizes[t] rows at step t.
std::pair<Tensor, State> run_packed(const Cell& cell, const Tensor& input, const Dims& batch_sizes,
                                    const State& initial, const Weights& w, bool reverse) {
  TensorList steps =
      call_all<"split_with_sizes">(linear(input, w.w_ih, w.b_ih), batch_sizes, int64_t(0));
  size_t n = steps.size();
  RL_CHECK(n > 0, "Expected at least one entry in batch_sizes");
  TensorList outputs(n);
  State state;
  auto rows = [](const Tensor& t, int64_t from, int64_t count) {
    return call<"narrow">(t, int64_t(0), from, count);
  };
  if (!reverse) {
    int64_t now = batch_sizes.front();
    for (const Tensor& s : initial) state.push_back(rows(s, 0, now));
    std::vector<State> finished;
    for (size_t t = 0; t < n; ++t) {
      int64_t size = batch_sizes[t];
      if (size < now) {
        State done;
        for (Tensor& s : state) {
          done.push_back(rows(s, size, now - size));
          s = rows(s, 0, size);
        }
        finished.push_back(done);
        now = size;
      }
      state = cell.step(steps[t], state, w);
      outputs[t] = state[0];
    }
    finished.push_back(state);
    std::reverse(finished.begin(), finished.end());
    for (size_t k = 0; k < state.size(); ++k) {
      TensorList parts;
      for (const State& s : finished) parts.push_back(s[k]);
      state[k] = call<"cat">(parts, int64_t(0));
    }
  } else {
    int64_t now = batch_sizes.back();
    for (const Tensor& s : initial) state.push_back(rows(s, 0, now));
    for (size_t k = n; k-- > 0;) {
      int64_t size = batch_sizes[k];
      if (size > now) {
        for (size_t j = 0; j < state.size(); ++j) {
          state[j] =
              call<"cat">(TensorList{state[j], rows(initial[j], now, size - now)}, int64_t(0));
        }
        now = size;
      }
      state = cell.step(steps[k], state, w);
      outputs[k] = state[0];
    }
  }
  return {call<"cat">(outputs, int64_t(0)), state};
}

struct Options {
  bool has_biases;
  int64_t num_layers;
  double dropout;
  bool train, bidirectional;
};

template <class Run>
std::pair<Tensor, std::vector<State>> run_layers(Tensor input, const std::vector<State>& initial,
                                                 const std::vector<Weights>& weights,
                                                 const Options& o, Run run) {
  int directions = o.bidirectional ? 2 : 1;
  const size_t wanted = o.num_layers > 0 ? size_t(o.num_layers) * size_t(directions) : 0;
  RL_CHECK(wanted > 0 && initial.size() >= wanted, "Expected more hidden states in stacked_rnn");
  RL_CHECK(weights.size() >= wanted, "Expected more weights in stacked_rnn");
  std::vector<State> last;
  for (int64_t layer = 0; layer < o.num_layers; ++layer) {
    TensorList outputs;
    for (int d = 0; d < directions; ++d) {
      size_t at = size_t(layer * directions + d);
      auto [out, state] = run(input, initial[at], weights[at], d == 1);
      outputs.push_back(out);
      last.push_back(state);
    }
    input = directions == 2 ? call<"cat">(outputs, int64_t(-1)) : outputs[0];
    if (o.dropout > 0 && o.train && layer + 1 < o.num_layers)
      input = call<"dropout">(input, o.dropout, true);
  }
  return {input, last};
}

std::vector<State> split_states(const TensorList& hx) {
  std::vector<State> out;
  for (const Tensor& t : hx) {
    TensorList parts = call_all<"unbind.int">(t, int64_t(0));
    RL_CHECK(out.empty() || out.size() == parts.size(), "rnn: the two hidden states are of ",
             out.size(), " and ", parts.size(), " layers");
    if (out.empty()) out.resize(parts.size());
    for (size_t i = 0; i < parts.size(); ++i) out[i].push_back(parts[i]);
  }
  return out;
}

Tensor stack_state(const std::vector<State>& last, size_t k) {
  TensorList parts;
  for (const State& s : last) parts.push_back(s[k]);
  return call<"stack">(parts, int64_t(0));
}

std::pair<Tensor, std::vector<State>> run_sequence(const Cell& cell, const Tensor& input,
                                                   const TensorList& hx, const TensorList& params,
                                                   const Options& o, bool batch_first,
                                                   bool projected = false) {
  Tensor x = batch_first ? call<"transpose.int">(input, int64_t(0), int64_t(1)) : input;
  RL_CHECK(x.ndim() == 3 && x.sizes()[0] > 0,
           "Expected sequence length to be larger than 0 in RNN");
  auto r = run_layers(x, split_states(hx), gather_weights(params, o.has_biases, projected), o,
                      [&](const Tensor& in, const State& s, const Weights& w, bool reverse) {
                        return run_direction(cell, in, s, w, reverse);
                      });
  if (batch_first) r.first = call<"transpose.int">(r.first, int64_t(0), int64_t(1));
  return r;
}

std::pair<Tensor, std::vector<State>> run_packed_sequence(
    const Cell& cell, const Tensor& data, const Tensor& batch_sizes, const TensorList& hx,
    const TensorList& params, const Options& o, bool projected = false) {
  Tensor sizes = contiguous(to_dtype(batch_sizes, DType::Int64));
  Dims list(sizes.data<int64_t>(), size_t(sizes.numel()));
  RL_CHECK(!list.empty(), "rnn: batch_sizes is empty");
  for (size_t i = 1; i < list.size(); ++i)
    RL_CHECK(list[i] <= list[i - 1], "rnn: batch_sizes must not grow, got ", list);
  return run_layers(data, split_states(hx), gather_weights(params, o.has_biases, projected), o,
                    [&](const Tensor& in, const State& s, const Weights& w, bool reverse) {
                      return run_packed(cell, in, list, s, w, reverse);
                    });
}

bool is_projected(const TensorList& hx) {
  for (const Tensor& t : hx) {
    RL_CHECK_KIND(Index, t.ndim() > 2,
                  "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
  }
  return hx[0].sizes()[2] != hx[1].sizes()[2];
}

OP("lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)")
    .function_only()
    .no_out()
    .composite([](const Tensor& input, const TensorList& hx, const TensorList& params,
                  bool has_biases, int64_t num_layers, double dropout, bool train,
                  bool bidirectional, bool batch_first) {
      RL_CHECK(hx.size() == 2, "lstm expects two hidden states");
      auto [out, last] = run_sequence(kLstm, input, hx, params,
                                      {has_biases, num_layers, dropout, train, bidirectional},
                                      batch_first, is_projected(hx));
      return std::make_tuple(out, stack_state(last, 0), stack_state(last, 1));
    });
OP("lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor, Tensor)")
    .function_only()
    .no_out()
    .composite([](const Tensor& data, const Tensor& batch_sizes, const TensorList& hx,
                  const TensorList& params, bool has_biases, int64_t num_layers, double dropout,
                  bool train, bool bidirectional) {
      RL_CHECK(hx.size() == 2, "lstm expects two hidden states");
      auto [out, last] = run_packed_sequence(
          kLstm, data, batch_sizes, hx, params,
          {has_biases, num_layers, dropout, train, bidirectional}, is_projected(hx));
      return std::make_tuple(out, stack_state(last, 0), stack_state(last, 1));
    });

template <const Cell& cell>
std::tuple<Tensor, Tensor> rnn_input(const Tensor& input, const Tensor& hx,
                                     const TensorList& params, bool has_biases, int64_t num_layers,
                                     double dropout, bool train, bool bidirectional,
                                     bool batch_first) {
  auto [out, last] =
      run_sequence(cell, input, {hx}, params,
                   {has_biases, num_layers, dropout, train, bidirectional}, batch_first);
  return {out, stack_state(last, 0)};
}
template <const Cell& cell>
std::tuple<Tensor, Tensor> rnn_data(const Tensor& data, const Tensor& batch_sizes, const Tensor& hx,
                                    const TensorList& params, bool has_biases, int64_t num_layers,
                                    double dropout, bool train, bool bidirectional) {
  auto [out, last] = run_packed_sequence(cell, data, batch_sizes, {hx}, params,
                                         {has_biases, num_layers, dropout, train, bidirectional});
  return {out, stack_state(last, 0)};
}

OP("gru.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)")
    .function_only()
    .no_out()
    .composite(rnn_input<kGru>);
OP("gru.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)")
    .function_only()
    .no_out()
    .composite(rnn_data<kGru>);
OP("rnn_tanh.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)")
    .function_only()
    .no_out()
    .composite(rnn_input<kTanh>);
OP("rnn_tanh.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)")
    .function_only()
    .no_out()
    .composite(rnn_data<kTanh>);
OP("rnn_relu.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)")
    .function_only()
    .no_out()
    .composite(rnn_input<kRelu>);
OP("rnn_relu.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)")
    .function_only()
    .no_out()
    .composite(rnn_data<kRelu>);

// The sizes of one step, in PyTorch's words.
void check_cell(const Tensor& input, const TensorList& states, const Tensor& w_ih,
                const Tensor& w_hh) {
  for (const Tensor& t : {input, w_ih, w_hh}) {
    RL_CHECK_KIND(Index, t.ndim() > 1,
                  "Dimension out of range (expected to be in range of [-1, 0], but got 1)");
  }
  RL_CHECK(input.sizes()[1] == w_ih.sizes()[1], "input has inconsistent input_size: got ",
           input.sizes()[1], " expected ", w_ih.sizes()[1]);
  for (size_t i = 0; i < states.size(); ++i) {
    const Tensor& h = states[i];
    RL_CHECK_KIND(Index, h.ndim() > 0, "Dimension specified as 0 but tensor has no dimensions");
    RL_CHECK(h.sizes()[0] == input.sizes()[0], "Input batch size ", input.sizes()[0],
             " doesn't match hidden", i, " batch size ", h.sizes()[0]);
    RL_CHECK_KIND(Index, h.ndim() > 1,
                  "Dimension out of range (expected to be in range of [-1, 0], but got 1)");
    RL_CHECK(h.sizes()[1] == w_hh.sizes()[1], "hidden", i, " has inconsistent hidden_size: got ",
             h.sizes()[1], ", expected ", w_hh.sizes()[1]);
  }
}

OP("lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)")
    .function_only()
    .no_out()
    .composite([](const Tensor& input, const TensorList& hx, const Tensor& w_ih, const Tensor& w_hh,
                  const Tensor& b_ih, const Tensor& b_hh) {
      RL_CHECK(hx.size() == 2, "lstm_cell expects two hidden states");
      check_cell(input, hx, w_ih, w_hh);
      State s = lstm_step(linear(input, w_ih, b_ih), hx, {w_ih, w_hh, b_ih, b_hh, {}});
      return std::make_tuple(s[0], s[1]);
    });
template <Step step>
Tensor one_step(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh,
                const Tensor& b_ih, const Tensor& b_hh) {
  check_cell(input, {hx}, w_ih, w_hh);
  return step(linear(input, w_ih, b_ih), {hx}, {w_ih, w_hh, b_ih, b_hh, {}})[0];
}
OP("gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor")
    .function_only()
    .no_out()
    .composite(one_step<gru_step>);
OP("rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor")
    .function_only()
    .no_out()
    .composite(one_step<simple_step<true>>);
OP("rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor")
    .function_only()
    .no_out()
    .composite(one_step<simple_step<false>>);

// ---- the kernel's gradients made of operators, for graphs of gradients ----
OP("_rnn_layer_backward_math(Tensor? grad_output, Tensor? grad_cells, Tensor gates, Tensor h0, Tensor? c0, Tensor w_hh, Tensor? b_hh, int mode, bool reverse) -> (Tensor, Tensor, Tensor, Tensor, Tensor)")
    .hidden()
    .no_out()
    .composite([](const Tensor& grad_output, const Tensor& grad_cells, const Tensor& gates,
                  const Tensor& h0, const Tensor& c0, const Tensor& w_hh, const Tensor& b_hh,
                  int64_t mode, bool reverse) {
      // Aliases end the walk at this call's inputs, also where one was made of another.
      TensorList inputs{gates, h0, c0, w_hh, b_hh};
      BackwardOptions options;
      options.keep_graph = options.create_graph = true;
      for (Tensor& t : inputs) {
        if (t.defined() && requires_grad(t)) t = call<"alias">(t);
        options.inputs.push_back(t.defined() ? gradient_edge(t) : Edge());
      }
      State state{inputs[1]};
      if (c0.defined()) state.push_back(inputs[2]);
      const TensorList all =
          run_steps(cell_of(mode), inputs[0], state, {{}, inputs[3], {}, inputs[4], {}}, reverse);
      std::vector<Edge> roots;
      TensorList grads;
      const Tensor given[] = {grad_output, grad_cells};
      for (size_t i = 0; i < all.size(); ++i) {
        if (!given[i].defined()) continue;
        roots.push_back(gradient_edge(all[i]));
        grads.push_back(given[i]);
      }
      const TensorList g = run_backward(roots, grads, options);
      return std::make_tuple(g[0], g[1], g[2], g[3], g[4]);
    });

}  // namespace
}  // namespace rl
