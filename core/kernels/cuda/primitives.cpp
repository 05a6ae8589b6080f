#include "core/kernels/cuda/primitives.h"

#include <bit>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <mlx/primitives.h>
#include <mlx/stream.h>

#include "core/kernels/cuda/launch.h"
#include "core/kernels/cuda/memory.h"
#include "core/kernels/cuda/plan_launch.h"

namespace hub::kernels::cuda {

namespace {

using Arrays = std::vector<mx::array>;

mx::Stream gpu_stream() {
  return mx::default_stream(mx::Device::gpu);
}

int shift_of(int group_size) {
  return std::countr_zero(static_cast<unsigned>(group_size));
}

int columns_of(const mx::array& packed, int bits) {
  return packed.shape(1) * 32 / bits;
}

// Of a packed weight, always the inputs behind the others.
class WeightPrimitive : public mx::Primitive {
 public:
  WeightPrimitive(int group_size, int bits)
      : mx::Primitive(gpu_stream()), group_size_(group_size), bits_(bits) {}

  void eval_cpu(const Arrays& /*inputs*/, Arrays& /*outputs*/) override {
    throw std::runtime_error(std::string(name()) + " computes on CUDA only");
  }

 protected:
  [[nodiscard]] int group_size() const { return group_size_; }
  [[nodiscard]] int bits() const { return bits_; }

  [[nodiscard]] bool equals(const WeightPrimitive& other) const {
    return group_size_ == other.group_size_ && bits_ == other.bits_;
  }

  // As the kernels read them: rows without gaps, 16 bytes at once, scales 4.
  static Arrays weight_inputs(const Arrays& inputs, std::size_t first, const mx::array& out) {
    return {
        laid_out(inputs[first], out, 16),
        laid_out(inputs[first + 1], out, 4),
        laid_out(inputs[first + 2], out, 4)};
  }

 private:
  int group_size_;
  int bits_;
};

class Matmul : public WeightPrimitive {
 public:
  Matmul(int group_size, int bits, const CudaPluginHost& host)
      : WeightPrimitive(group_size, bits), host_(&host) {}

  const char* name() const override { return "HubCudaQuantizedMatmul"; }

  bool is_equivalent(const mx::Primitive& other) const override {
    const auto* same = dynamic_cast<const Matmul*>(&other);
    return same != nullptr && equals(*same);
  }

  std::vector<mx::Shape> output_shapes(const Arrays& inputs) override {
    return {{inputs[0].shape(0), inputs[1].shape(0)}};
  }

  Arrays vjp(
      const Arrays& primals,
      const Arrays& cotangents,
      const std::vector<int>& argnums,
      const Arrays& /*outputs*/) override {
    Arrays gradients;
    for (const int argument : argnums) {
      if (argument != 0) {
        throw std::runtime_error("a quantized weight has no gradient; only x has");
      }
      const CudaWeight weight{primals[1], primals[2], primals[3], group_size(), bits()};
      gradients.push_back(host_->product(cotangents[0], weight, false));
    }
    return gradients;
  }

  void eval_gpu(const Arrays& inputs, Arrays& outputs) override {
    mx::array& out = outputs[0];
    const mx::array x = rows_of(inputs[0], out);
    const Arrays weight = weight_inputs(inputs, 1, out);
    allocate(out);
    const CudaWeight whole{weight[0], weight[1], weight[2], group_size(), bits()};
    const Problem problem = problem_of(x.shape(0), x.dtype(), whole);
    MatmulCall call{
        device_pointer(x),
        static_cast<const std::uint32_t*>(device_pointer(weight[0])),
        device_pointer(weight[1]),
        device_pointer(weight[2]),
        device_pointer(out),
        problem.rows,
        problem.outputs,
        problem.columns,
        problem.rows > 1 ? x.strides(0) : 0,
        shift_of(group_size())};
    launch_kernel(
        launch_for(plan_for(problem), problem), &call, {x, weight[0], weight[1], weight[2]}, out);
  }

 private:
  // x, or a copy where its rows have gaps inside or begin off 16 bytes.
  static mx::array rows_of(const mx::array& x, const mx::array& out) {
    constexpr std::size_t alignment = 16;
    const auto address = reinterpret_cast<std::uintptr_t>(device_pointer(x));
    const bool fits = x.strides(1) == 1 && address % alignment == 0 &&
                      (x.shape(0) == 1 || (x.strides(0) % 8 == 0 && x.strides(0) >= x.shape(1)));
    return fits ? x : laid_out(x, out, alignment);
  }

  const CudaPluginHost* host_;
};

class Dequantize : public WeightPrimitive {
 public:
  using WeightPrimitive::WeightPrimitive;

  const char* name() const override { return "HubCudaDequantize"; }

  bool is_equivalent(const mx::Primitive& other) const override {
    const auto* same = dynamic_cast<const Dequantize*>(&other);
    return same != nullptr && equals(*same);
  }

  std::vector<mx::Shape> output_shapes(const Arrays& inputs) override {
    return {{inputs[0].shape(0), columns_of(inputs[0], bits())}};
  }

  void eval_gpu(const Arrays& inputs, Arrays& outputs) override {
    mx::array& out = outputs[0];
    const Arrays weight = weight_inputs(inputs, 0, out);
    allocate(out);
    DequantizeCall call{
        static_cast<const std::uint32_t*>(device_pointer(weight[0])),
        device_pointer(weight[1]),
        device_pointer(weight[2]),
        device_pointer(out),
        static_cast<std::int64_t>(weight[0].size()),
        shift_of(group_size())};
    const DequantizeFunction kernel =
        dequantize_function({number_of(out.dtype()), number_of(weight[1].dtype()), bits()});
    const auto blocks = static_cast<unsigned>((call.words + kernel.words - 1) / kernel.words);
    launch_kernel({kernel.function, blocks, 1, kernel.threads, 0}, &call, weight, out);
  }
};

}  // namespace

bool is_number(mx::Dtype type) {
  return type == mx::bfloat16 || type == mx::float16 || type == mx::float32;
}

Number number_of(mx::Dtype type) {
  return type == mx::bfloat16  ? Number::kBfloat16
         : type == mx::float16 ? Number::kFloat16
                               : Number::kFloat32;
}

Problem problem_of(int rows, mx::Dtype x, const CudaWeight& weight) {
  return {
      rows,
      weight.packed.shape(0),
      columns_of(weight.packed, weight.bits),
      weight.group_size,
      weight.bits,
      number_of(x),
      number_of(weight.scales.dtype())};
}

mx::array build_matmul(const mx::array& x, const CudaWeight& weight, const CudaPluginHost& host) {
  return mx::array(
      mx::Shape{x.shape(0), weight.packed.shape(0)},
      x.dtype(),
      std::make_shared<Matmul>(weight.group_size, weight.bits, host),
      {x, weight.packed, weight.scales, weight.biases});
}

mx::array build_dequantize(const CudaWeight& weight, mx::Dtype to) {
  return mx::array(
      mx::Shape{weight.packed.shape(0), columns_of(weight.packed, weight.bits)},
      to,
      std::make_shared<Dequantize>(weight.group_size, weight.bits),
      {weight.packed, weight.scales, weight.biases});
}

}  // namespace hub::kernels::cuda
