#include "core/kernels/rms_norm.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/cpu_primitive.h"
#include "core/kernels/thread_pool.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

// Elements of one part: some ten microseconds.
constexpr int kPart = 32768;

template <class Body>
void for_rows(const mx::array& x, const Body& body) {
  const int rows = x.shape(0);
  const int part = std::max(1, kPart / std::max(1, x.shape(1)));
  ThreadPool::shared().for_each((rows + part - 1) / part, [&](int i) {
    body(Range{i * part, std::min(rows, (i + 1) * part)});
  });
}

// Inputs x, weight, gradient of the result; output the gradient of x.
class RmsNormVjp : public CpuPrimitive {
 public:
  RmsNormVjp(mx::Stream stream, CpuLevel level, float eps)
      : CpuPrimitive(stream, level), eps_(eps) {}
  const char* name() const override { return "HubRmsNormVjp"; }
  bool is_equivalent(const mx::Primitive& other) const override {
    const auto* same = dynamic_cast<const RmsNormVjp*>(&other);
    return same != nullptr && same->eps_ == eps_;
  }
  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {inputs[0].shape()};
  }

 protected:
  [[nodiscard]] Task task() const override {
    return [level = level(), eps = eps_](const Arrays& in, Arrays& out) {
      const RmsNormGradient arguments{
          in[0].data<float>(), in[1].data<float>(), in[2].data<float>(), eps, in[0].shape(1)};
      auto* gradient = out[0].data<float>();
      for_rows(
          in[0], [&](Range rows) { cpu_ops(level).rms_norm_gradient(arguments, gradient, rows); });
    };
  }

 private:
  float eps_;
};

class RmsNorm : public CpuPrimitive {
 public:
  RmsNorm(mx::Stream stream, CpuLevel level, float eps) : CpuPrimitive(stream, level), eps_(eps) {}
  const char* name() const override { return "HubRmsNorm"; }
  bool is_equivalent(const mx::Primitive& other) const override {
    const auto* same = dynamic_cast<const RmsNorm*>(&other);
    return same != nullptr && same->eps_ == eps_;
  }
  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {inputs[0].shape()};
  }

  std::vector<mx::array> vjp(
      const std::vector<mx::array>& primals,
      const std::vector<mx::array>& cotangents,
      const std::vector<int>& argnums,
      const std::vector<mx::array>& /*outputs*/) override {
    const auto& x = primals[0];
    std::vector<mx::array> gradients;
    for (const int argument : argnums) {
      if (argument == 0) {
        gradients.push_back(
            mx::array(
                x.shape(),
                mx::float32,
                std::make_shared<RmsNormVjp>(stream(), level(), eps_),
                {x, primals[1], cotangents[0]}));
      } else {
        const auto inverse = mx::rsqrt(mx::mean(mx::square(x), 1, true) + mx::array(eps_));
        gradients.push_back(mx::sum(cotangents[0] * x * inverse, 0));
      }
    }
    return gradients;
  }

 protected:
  [[nodiscard]] Task task() const override {
    return [level = level(), eps = eps_](const Arrays& in, Arrays& out) {
      const auto* x = in[0].data<float>();
      const auto* weight = in[1].data<float>();
      auto* result = out[0].data<float>();
      for_rows(in[0], [&](Range rows) {
        cpu_ops(level).rms_norm(x, weight, eps, in[0].shape(1), result, rows);
      });
    };
  }

 private:
  float eps_;
};

}  // namespace

mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps) {
  if (x.ndim() != 2 || weight.ndim() != 1 || x.shape(1) != weight.shape(0)) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "rms_norm: wanted x [rows, D] and weight [D], got {} and {}",
            describe(x),
            describe(weight)));
  }
  if (!runs_on_cpu()) {
    return tensor::rms_norm(x, weight, eps);
  }
  require(x, mx::float32, 2, "rms_norm, x");
  require(weight, mx::float32, 1, "rms_norm, weight");
  return mx::array(
      x.shape(),
      mx::float32,
      std::make_shared<RmsNorm>(cpu_stream(), cpu_level(), eps),
      {x, weight});
}

}  // namespace hub::kernels
