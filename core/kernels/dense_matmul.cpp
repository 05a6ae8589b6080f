#include "core/kernels/dense_matmul.h"

#include <memory>

#include <fmt/format.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/cpu_primitive.h"
#include "core/kernels/matmul_parts.h"

namespace hub::kernels {

namespace {

class DenseMatmul : public CpuPrimitive {
 public:
  DenseMatmul(mx::Stream stream, CpuLevel level, bool transposed)
      : CpuPrimitive(stream, level), transposed_(transposed) {}

  const char* name() const override { return "HubDenseMatmul"; }

  bool is_equivalent(const mx::Primitive& other) const override {
    const auto* same = dynamic_cast<const DenseMatmul*>(&other);
    return same != nullptr && same->transposed_ == transposed_ && same->level() == level();
  }

  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {{inputs[0].shape(0), inputs[1].shape(transposed_ ? 0 : 1)}};
  }

  std::vector<mx::array> vjp(
      const std::vector<mx::array>& primals,
      const std::vector<mx::array>& cotangents,
      const std::vector<int>& argnums,
      const std::vector<mx::array>& /*outputs*/) override {
    const auto& x = primals[0];
    const auto& w = primals[1];
    const auto& dy = cotangents[0];
    std::vector<mx::array> gradients;
    for (const int argument : argnums) {
      if (argument == 0) {
        gradients.push_back(mx::matmul(dy, transposed_ ? w : mx::transpose(w)));
      } else if (transposed_) {
        gradients.push_back(mx::matmul(mx::transpose(dy), x));
      } else {
        gradients.push_back(mx::matmul(mx::transpose(x), dy));
      }
    }
    return gradients;
  }

 protected:
  [[nodiscard]] Task task() const override {
    return [level = level(), transposed = transposed_](const Arrays& inputs, Arrays& outputs) {
      const auto& x = inputs[0];
      const auto& w = inputs[1];
      const DenseRows rows{w.data<float>(), w.shape(1)};
      const Extent extent{x.shape(0), w.shape(0), w.shape(1)};
      const auto run = transposed ? run_dense_dot : run_dense_outer;
      run(cpu_ops(level), x.data<float>(), rows, extent, outputs[0].data<float>());
    };
  }

 private:
  bool transposed_;
};

mx::array multiply(const mx::array& x, const mx::array& w, bool transposed) {
  const char* what = transposed ? "matmul_transposed" : "matmul";
  require(x, mx::float32, 2, what);
  require(w, mx::float32, 2, what);
  if (x.shape(1) != w.shape(transposed ? 1 : 0)) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("{}: {} does not fit {}", what, describe(x), describe(w)));
  }
  if (!runs_on_cpu()) {
    return mx::matmul(x, transposed ? mx::transpose(w) : w);
  }
  return mx::array(
      {x.shape(0), w.shape(transposed ? 0 : 1)},
      mx::float32,
      std::make_shared<DenseMatmul>(cpu_stream(), cpu_level(), transposed),
      {x, w});
}

}  // namespace

mx::array matmul_transposed(const mx::array& x, const mx::array& w) {
  return multiply(x, w, true);
}

mx::array matmul(const mx::array& x, const mx::array& w) {
  return multiply(x, w, false);
}

}  // namespace hub::kernels
