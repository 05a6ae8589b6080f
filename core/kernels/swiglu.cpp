#include "core/kernels/swiglu.h"

#include <memory>

#include <fmt/format.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/cpu_primitive.h"
#include "core/kernels/swiglu_cuda.h"
#include "core/kernels/thread_pool.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

// Elements of one part: some ten microseconds.
constexpr std::int64_t kPart = 16384;

template <class Body>
void for_elements(std::size_t count, const Body& body) {
  const auto elements = static_cast<std::int64_t>(count);
  const auto parts = static_cast<int>((elements + kPart - 1) / kPart);
  ThreadPool::shared().for_each(parts, [&](int i) {
    const std::int64_t begin = i * kPart;
    body(begin, std::min(elements, begin + kPart));
  });
}

// Inputs gate, up, gradient of the result; outputs the gradients of gate and up.
class SwigluVjp : public CpuPrimitive {
 public:
  using CpuPrimitive::CpuPrimitive;
  const char* name() const override { return "HubSwigluVjp"; }
  bool is_equivalent(const mx::Primitive& /*other*/) const override { return true; }
  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {inputs[0].shape(), inputs[0].shape()};
  }

 protected:
  [[nodiscard]] Task task() const override {
    return [level = level()](const Arrays& in, Arrays& out) {
      const SwigluGradient arguments{in[0].data<float>(), in[1].data<float>(), in[2].data<float>()};
      auto* gate = out[0].data<float>();
      auto* up = out[1].data<float>();
      for_elements(in[0].size(), [&](std::int64_t begin, std::int64_t end) {
        cpu_ops(level).swiglu_gradient(arguments, gate, up, begin, end);
      });
    };
  }
};

class Swiglu : public CpuPrimitive {
 public:
  using CpuPrimitive::CpuPrimitive;
  const char* name() const override { return "HubSwiglu"; }
  bool is_equivalent(const mx::Primitive& /*other*/) const override { return true; }
  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {inputs[0].shape()};
  }

  std::vector<mx::array> vjp(
      const std::vector<mx::array>& primals,
      const std::vector<mx::array>& cotangents,
      const std::vector<int>& argnums,
      const std::vector<mx::array>& /*outputs*/) override {
    const auto both = mx::array::make_arrays(
        {primals[0].shape(), primals[1].shape()},
        {mx::float32, mx::float32},
        std::make_shared<SwigluVjp>(stream(), level()),
        {primals[0], primals[1], cotangents[0]});
    std::vector<mx::array> gradients;
    gradients.reserve(argnums.size());
    for (const int argument : argnums) {
      gradients.push_back(both[static_cast<std::size_t>(argument)]);
    }
    return gradients;
  }

 protected:
  [[nodiscard]] Task task() const override {
    return [level = level()](const Arrays& in, Arrays& out) {
      const auto* gate = in[0].data<float>();
      const auto* up = in[1].data<float>();
      auto* result = out[0].data<float>();
      for_elements(in[0].size(), [&](std::int64_t begin, std::int64_t end) {
        cpu_ops(level).swiglu(gate, up, result, begin, end);
      });
    };
  }
};

std::vector<mx::array> composed_swiglu(const std::vector<mx::array>& inputs) {
  return {inputs[0] * mx::sigmoid(inputs[0]) * inputs[1]};
}

}  // namespace

mx::array swiglu(const mx::array& gate, const mx::array& up) {
  if (gate.shape() != up.shape()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "swiglu: gate and up must have one shape, got {} and {}",
            describe(gate),
            describe(up)));
  }
  if (!runs_on_cpu()) {
    return has_swiglu_cuda(gate, up) ? swiglu_cuda(gate, up)
                                     : tensor::fused(composed_swiglu, {gate, up});
  }
  require(gate, mx::float32, gate.ndim(), "swiglu, gate");
  require(up, mx::float32, up.ndim(), "swiglu, up");
  return mx::array(
      gate.shape(), mx::float32, std::make_shared<Swiglu>(cpu_stream(), cpu_level()), {gate, up});
}

}  // namespace hub::kernels
