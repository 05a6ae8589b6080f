#include "core/kernels/cross_entropy.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>

#include <fmt/format.h>
#include <mlx/allocator.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/cpu_primitive.h"
#include "core/kernels/thread_pool.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

// Inputs logits, targets, log-sums, gradient of the loss; output the gradient of the logits.
class CrossEntropyVjp : public CpuPrimitive {
 public:
  using CpuPrimitive::CpuPrimitive;
  const char* name() const override { return "HubCrossEntropyVjp"; }
  bool is_equivalent(const mx::Primitive& /*other*/) const override { return true; }
  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {inputs[0].shape()};
  }

 protected:
  // Logits are by far the largest array of a training step: overwrite them when nobody looks.
  void allocate(const Arrays& inputs, Arrays& outputs) override {
    if (inputs[0].is_donatable() && inputs[0].flags().row_contiguous) {
      outputs[0].copy_shared_buffer(inputs[0]);
    } else {
      CpuPrimitive::allocate(inputs, outputs);
    }
  }

  [[nodiscard]] Task task() const override {
    return [level = level()](const Arrays& in, Arrays& out) {
      const int columns = in[0].shape(1);
      const auto* targets = in[1].data<std::int32_t>();
      ThreadPool::shared().for_each(in[0].shape(0), [&](int row) {
        const std::int64_t at = std::int64_t{row} * columns;
        const int target = targets[row];
        const bool valid = target >= 0 && target < columns;
        const float factor = in[3].data<float>()[row];
        cpu_ops(level).cross_entropy_gradient(
            in[0].data<float>() + at,
            columns,
            in[2].data<float>()[row],
            valid ? target : 0,
            valid ? factor : std::numeric_limits<float>::quiet_NaN(),
            out[0].data<float>() + at);
      });
    };
  }
};

// Inputs logits, targets; outputs the losses and the log-sums.
class CrossEntropy : public CpuPrimitive {
 public:
  using CpuPrimitive::CpuPrimitive;
  const char* name() const override { return "HubCrossEntropy"; }
  bool is_equivalent(const mx::Primitive& /*other*/) const override { return true; }
  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {inputs[1].shape(), inputs[1].shape()};
  }

  std::vector<mx::array> vjp(
      const std::vector<mx::array>& primals,
      const std::vector<mx::array>& cotangents,
      const std::vector<int>& argnums,
      const std::vector<mx::array>& outputs) override {
    std::vector<mx::array> gradients;
    for (const int argument : argnums) {
      if (argument != 0) {
        throw base::Error(
            base::ErrorCode::kInvalidArgument, "cross_entropy: targets have no gradient");
      }
      gradients.push_back(
          mx::array(
              primals[0].shape(),
              mx::float32,
              std::make_shared<CrossEntropyVjp>(stream(), level()),
              {primals[0], primals[1], outputs[1], cotangents[0]}));
    }
    return gradients;
  }

 protected:
  [[nodiscard]] Task task() const override {
    return [level = level()](const Arrays& in, Arrays& out) {
      const int columns = in[0].shape(1);
      const auto* targets = in[1].data<std::int32_t>();
      ThreadPool::shared().for_each(in[0].shape(0), [&](int row) {
        const float* logits = in[0].data<float>() + std::int64_t{row} * columns;
        const float log_sum = cpu_ops(level).log_sum_exp(logits, columns);
        const int target = targets[row];
        const bool valid = target >= 0 && target < columns;
        out[0].data<float>()[row] =
            valid ? log_sum - logits[target] : std::numeric_limits<float>::quiet_NaN();
        out[1].data<float>()[row] = log_sum;
      });
    };
  }
};

}  // namespace

mx::array cross_entropy(const mx::array& logits, const mx::array& targets) {
  const bool whole = targets.dtype() == mx::int32 || targets.dtype() == mx::uint32;
  if (logits.ndim() != 2 || targets.ndim() != 1 || targets.shape(0) != logits.shape(0) || !whole ||
      logits.shape(1) < 1) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "cross_entropy: wanted logits [R, V] and targets [R] of int32 or uint32, got {} and {}",
            describe(logits),
            describe(targets)));
  }
  if (!runs_on_cpu()) {
    // MLX reads a logit at whatever index it is given.
    const mx::array indices = tensor::astype(targets, mx::int32);
    const mx::array within = mx::clip(indices, mx::array(0), mx::array(logits.shape(1) - 1));
    return mx::where(
        mx::equal(within, indices),
        tensor::cross_entropy(logits, within),
        mx::array(std::numeric_limits<float>::quiet_NaN()));
  }
  require(logits, mx::float32, 2, "cross_entropy, logits");
  return mx::array::make_arrays(
      {targets.shape(), targets.shape()},
      {mx::float32, mx::float32},
      std::make_shared<CrossEntropy>(cpu_stream(), cpu_level()),
      {logits, tensor::astype(targets, mx::int32)})[0];
}

}  // namespace hub::kernels
