#include "core/kernels/barrier.h"

#include <memory>
#include <vector>

#include <mlx/stream.h>

#include "core/kernels/cpu_primitive.h"

namespace hub::kernels {

namespace {

class Barrier : public CpuPrimitive {
 public:
  using CpuPrimitive::CpuPrimitive;
  const char* name() const override { return "HubBarrier"; }
  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {inputs[0].shape()};
  }

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    outputs[0].copy_shared_buffer(inputs[0]);
    mx::synchronize(stream());
  }

 protected:
  [[nodiscard]] Task task() const override {
    return [](const Arrays&, Arrays&) {};
  }
};

}  // namespace

mx::array barrier(const mx::array& x) {
  if (!runs_on_cpu()) {
    return x;
  }
  return mx::array(x.shape(), x.dtype(), std::make_shared<Barrier>(cpu_stream(), cpu_level()), {x});
}

}  // namespace hub::kernels
