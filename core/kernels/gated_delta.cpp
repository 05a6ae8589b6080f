// Port of mlx_lm/models/gated_delta.py › gated_delta_ops.
#include "core/kernels/gated_delta.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/kernels/cpu_primitive.h"
#include "core/kernels/thread_pool.h"

namespace hub::kernels {
namespace {

constexpr int kLanes = 16;  // partial sums of a dot product

// In a fixed order, whatever the compiler makes of the lanes.
float dot(const float* left, const float* right, int size) {
  std::array<float, kLanes> sums{};
  int i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      sums[static_cast<std::size_t>(lane)] += left[i + lane] * right[i + lane];
    }
  }
  float total = 0.0F;
  for (const float sum : sums) {
    total += sum;
  }
  for (; i < size; ++i) {
    total += left[i] * right[i];
  }
  return total;
}

struct DeltaArguments {
  DeltaHeads heads;
  int rows = 0;
  const float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  const float* g = nullptr;
  const float* beta = nullptr;
  const float* state = nullptr;
  float* out = nullptr;
  float* new_state = nullptr;
};

// One value head: each row of its state goes through all tokens by itself.
void run_head(const DeltaArguments& in, int head) {
  const auto& heads = in.heads;
  const int key_head = head / (heads.value_heads / heads.key_heads);
  const std::int64_t size = std::int64_t{heads.value_dim} * heads.key_dim;
  const float* before = in.state + head * size;
  float* after = in.new_state + head * size;
  for (int row = 0; row < heads.value_dim; ++row) {
    float* s = after + std::int64_t{row} * heads.key_dim;
    const float* from = before + std::int64_t{row} * heads.key_dim;
    for (int i = 0; i < heads.key_dim; ++i) {
      s[i] = from[i];
    }
    for (int t = 0; t < in.rows; ++t) {
      const std::int64_t key_at = (std::int64_t{t} * heads.key_heads + key_head) * heads.key_dim;
      const std::int64_t gate_at = std::int64_t{t} * heads.value_heads + head;
      const std::int64_t value_at = gate_at * heads.value_dim + row;
      const float* k = in.k + key_at;
      const float decay = in.g[gate_at];
      for (int i = 0; i < heads.key_dim; ++i) {
        s[i] *= decay;
      }
      const float delta = (in.v[value_at] - dot(s, k, heads.key_dim)) * in.beta[gate_at];
      for (int i = 0; i < heads.key_dim; ++i) {
        s[i] += k[i] * delta;
      }
      in.out[value_at] = dot(s, in.q + key_at, heads.key_dim);
    }
  }
}

// Inputs q, k, v, g, beta, state; outputs the rows and the new state.
class GatedDeltaStep : public CpuPrimitive {
 public:
  GatedDeltaStep(mx::Stream stream, CpuLevel level, const DeltaHeads& heads)
      : CpuPrimitive(stream, level), heads_(heads) {}
  const char* name() const override { return "HubGatedDeltaStep"; }
  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {inputs[2].shape(), inputs[5].shape()};
  }

 protected:
  [[nodiscard]] Task task() const override {
    return [heads = heads_](const Arrays& in, Arrays& out) {
      const DeltaArguments arguments{
          heads,
          in[0].shape(0),
          in[0].data<float>(),
          in[1].data<float>(),
          in[2].data<float>(),
          in[3].data<float>(),
          in[4].data<float>(),
          in[5].data<float>(),
          out[0].data<float>(),
          out[1].data<float>()};
      ThreadPool::shared().for_each(
          heads.value_heads, [&](int head) { run_head(arguments, head); });
    };
  }

 private:
  DeltaHeads heads_;
};

void check(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const mx::array& g,
    const mx::array& beta,
    const mx::array& state,
    const DeltaHeads& heads) {
  const bool heads_fit = heads.key_heads > 0 && heads.value_heads > 0 && heads.key_dim > 0 &&
                         heads.value_dim > 0 && heads.value_heads % heads.key_heads == 0;
  const auto fits = [&](const mx::array& x, int width) {
    return x.ndim() == 2 && x.shape(0) == q.shape(0) && x.shape(1) == width;
  };
  const int keys = heads.key_heads * heads.key_dim;
  if (!heads_fit || !fits(q, keys) || !fits(k, keys) ||
      !fits(v, heads.value_heads * heads.value_dim) || !fits(g, heads.value_heads) ||
      !fits(beta, heads.value_heads) ||
      state.shape() != mx::Shape{heads.value_heads, heads.value_dim, heads.key_dim}) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "gated_delta_step: {} key heads of {} and {} value heads of {} elements do not fit q "
            "{}, k {}, v {}, g {}, beta {}, state {}",
            heads.key_heads,
            heads.key_dim,
            heads.value_heads,
            heads.value_dim,
            describe(q),
            describe(k),
            describe(v),
            describe(g),
            describe(beta),
            describe(state)));
  }
  for (const auto* input : {&q, &k, &v, &g, &beta, &state}) {
    require(*input, mx::float32, input->ndim(), "gated_delta_step");
  }
}

}  // namespace

DeltaStep composed_gated_delta_step(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const mx::array& g,
    const mx::array& beta,
    const mx::array& state,
    const DeltaHeads& heads) {
  check(q, k, v, g, beta, state, heads);
  const int rows = q.shape(0);
  const auto by_head = [&](const mx::array& x) {  // [rows, Hv, 1, Dk]
    const mx::array split = mx::reshape(x, {rows, heads.key_heads, 1, heads.key_dim});
    return mx::repeat(split, heads.value_heads / heads.key_heads, 1);
  };
  const mx::array queries = by_head(q);
  const mx::array keys = by_head(k);
  const mx::array values = mx::reshape(v, {rows, heads.value_heads, heads.value_dim});
  mx::array s = state;
  std::vector<mx::array> out;
  for (int t = 0; t < rows; ++t) {
    const auto at = [t](const mx::array& x) { return mx::take(x, t, 0); };
    const mx::array key = at(keys);
    s = mx::multiply(s, mx::reshape(at(g), {heads.value_heads, 1, 1}));
    const mx::array seen = mx::sum(mx::multiply(s, key), 2);
    const mx::array delta =
        mx::multiply(mx::subtract(at(values), seen), mx::reshape(at(beta), {heads.value_heads, 1}));
    s = mx::add(s, mx::multiply(key, mx::expand_dims(delta, 2)));
    out.push_back(mx::sum(mx::multiply(s, at(queries)), 2));
  }
  return {mx::reshape(mx::stack(out, 0), v.shape()), s};
}

DeltaStep gated_delta_step(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const mx::array& g,
    const mx::array& beta,
    const mx::array& state,
    const DeltaHeads& heads) {
  if (!runs_on_cpu()) {
    return composed_gated_delta_step(q, k, v, g, beta, state, heads);
  }
  check(q, k, v, g, beta, state, heads);
  const auto all = mx::array::make_arrays(
      {v.shape(), state.shape()},
      {mx::float32, mx::float32},
      std::make_shared<GatedDeltaStep>(cpu_stream(), cpu_level(), heads),
      {q, k, v, g, beta, state});
  return {all[0], all[1]};
}

}  // namespace hub::kernels
