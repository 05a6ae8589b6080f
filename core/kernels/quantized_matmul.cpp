#include "core/kernels/quantized_matmul.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/cpu_primitive.h"
#include "core/kernels/cuda_plugin.h"
#include "core/kernels/dequantize.h"
#include "core/kernels/matmul_parts.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw base::Error(base::ErrorCode::kInvalidArgument, "quantized_matmul: " + message);
}

mx::array build(
    const mx::array& x,
    const mx::array& packed,
    const mx::array& scales,
    const mx::array& biases,
    int group_size,
    int bits,
    bool transpose,
    CpuLevel level);

class QuantizedMatmul : public CpuPrimitive {
 public:
  QuantizedMatmul(mx::Stream stream, CpuLevel level, int group_size, int bits, bool transpose)
      : CpuPrimitive(stream, level), group_size_(group_size), bits_(bits), transpose_(transpose) {}

  const char* name() const override { return "HubQuantizedMatmul"; }

  bool is_equivalent(const mx::Primitive& other) const override {
    const auto* same = dynamic_cast<const QuantizedMatmul*>(&other);
    return same != nullptr && same->group_size_ == group_size_ && same->bits_ == bits_ &&
           same->transpose_ == transpose_ && same->level() == level();
  }

  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {output_shape(inputs[0], inputs[1])};
  }

  std::vector<mx::array> vjp(
      const std::vector<mx::array>& primals,
      const std::vector<mx::array>& cotangents,
      const std::vector<int>& argnums,
      const std::vector<mx::array>& /*outputs*/) override {
    std::vector<mx::array> gradients;
    for (const int argument : argnums) {
      if (argument != 0) {
        refuse("a quantized weight has no gradient; only x has");
      }
      gradients.push_back(build(
          cotangents[0],
          primals[1],
          primals[2],
          primals[3],
          group_size_,
          bits_,
          !transpose_,
          level()));
    }
    return gradients;
  }

  [[nodiscard]] mx::Shape output_shape(const mx::array& x, const mx::array& packed) const {
    return {x.shape(0), transpose_ ? packed.shape(0) : packed.shape(1) * 32 / bits_};
  }

 protected:
  [[nodiscard]] Task task() const override {
    return [level = level(), group_size = group_size_, bits = bits_, transpose = transpose_](
               const Arrays& inputs, Arrays& outputs) {
      const auto& packed = inputs[1];
      const PackedRows w{
          packed.data<std::uint32_t>(),
          inputs[2].data<char>(),
          inputs[3].data<char>(),
          inputs[2].dtype() == mx::float16,
          packed.shape(1) * 32 / bits,
          group_size,
          bits};
      const Extent extent{inputs[0].shape(0), packed.shape(0), w.columns};
      if (transpose) {
        run_packed_dot(
            cpu_ops(level), inputs[0].data<float>(), w, extent, outputs[0].data<float>());
      } else {
        run_packed_outer(
            cpu_ops(level), inputs[0].data<float>(), w, extent, outputs[0].data<float>());
      }
    };
  }

 private:
  int group_size_;
  int bits_;
  bool transpose_;
};

mx::array build(
    const mx::array& x,
    const mx::array& packed,
    const mx::array& scales,
    const mx::array& biases,
    int group_size,
    int bits,
    bool transpose,
    CpuLevel level) {
  auto primitive =
      std::make_shared<QuantizedMatmul>(cpu_stream(), level, group_size, bits, transpose);
  auto shape = primitive->output_shape(x, packed);
  return mx::array(
      std::move(shape), mx::float32, std::move(primitive), {x, packed, scales, biases});
}

// Columns K of the unpacked weight.
int check(const mx::array& x, const QuantizedWeight& w, bool transpose) {
  if (w.group_size <= 0 || w.bits <= 0 || w.bits > 8) {
    refuse(fmt::format("group size {} and {} bits make no weight", w.group_size, w.bits));
  }
  if (x.ndim() != 2) {
    refuse(fmt::format("x must have 2 dimensions, got {}", describe(x)));
  }
  require(w.packed, mx::uint32, 2, "quantized_matmul, packed weight");
  const int columns = w.packed.shape(1) * 32 / w.bits;
  const mx::Shape factors{w.packed.shape(0), columns / w.group_size};
  if (columns % w.group_size != 0 || w.scales.shape() != factors || w.biases.shape() != factors ||
      w.scales.dtype() != w.biases.dtype()) {
    refuse(
        fmt::format(
            "packed weight {} of {} bits in groups of {} needs scales and biases [{}, {}] of one "
            "type, got {} and {}",
            describe(w.packed),
            w.bits,
            w.group_size,
            factors[0],
            factors[1],
            describe(w.scales),
            describe(w.biases)));
  }
  const int wanted = transpose ? columns : w.packed.shape(0);
  if (x.shape(1) != wanted) {
    refuse(
        fmt::format(
            "x {} does not fit a weight [{}, {}]{}: wanted {} columns",
            describe(x),
            w.packed.shape(0),
            columns,
            transpose ? " transposed" : "",
            wanted));
  }
  return columns;
}

// Rows from which unpacking the weight and a dense product are quicker than MLX's quantized one
// (docs/training.md, "On a GPU").
constexpr int kRowsWorthUnpacking = 128;

// x times the unpacked weight; the weight is unpacked no sooner than x is there.
mx::array multiply_unpacked(const mx::array& x, const QuantizedWeight& w, bool transpose) {
  const auto parts = mx::depends({w.packed, w.scales, w.biases}, {x});
  const mx::array dense =
      dequantize({parts[0], parts[1], parts[2], w.group_size, w.bits}, x.dtype());
  return mx::matmul(x, transpose ? mx::transpose(dense) : dense);
}

// For many rows on a GPU. The unpacked weight is not kept for the gradient but made again.
mx::array dense_matmul(const mx::array& x, const QuantizedWeight& w, bool transpose) {
  const auto product = [packed = w.packed,
                        scales = w.scales,
                        biases = w.biases,
                        group_size = w.group_size,
                        bits = w.bits](const mx::array& rows, bool transposed) {
    return multiply_unpacked(rows, {packed, scales, biases, group_size, bits}, transposed);
  };
  const auto forward = [product, transpose](const std::vector<mx::array>& in) {
    return std::vector<mx::array>{product(in[0], transpose)};
  };
  const auto gradient = [product, transpose](
                            const std::vector<mx::array>& /*primals*/,
                            const std::vector<mx::array>& cotangents,
                            const std::vector<mx::array>& /*outputs*/) {
    return std::vector<mx::array>{product(cotangents[0], !transpose)};
  };
  return mx::custom_vjp(forward, gradient)({x})[0];
}

}  // namespace

mx::array quantized_matmul(const mx::array& x, const QuantizedWeight& w, bool transpose) {
  const int columns = check(x, w, transpose);
  const bool own = runs_on_cpu() && (w.bits == 4 || w.bits == 8) &&
                   (w.group_size == 32 || w.group_size == 64) &&
                   (w.scales.dtype() == mx::float16 || w.scales.dtype() == mx::float32);
  if (!own) {
    if (x.shape(0) == 0) {  // nothing to compute, which not every kernel of MLX takes
      return mx::zeros({0, transpose ? w.packed.shape(0) : columns}, x.dtype());
    }
    if (transpose) {
      if (const auto product = cuda_quantized_matmul(x, w)) {
        return *product;
      }
    }
    if (!runs_on_cpu() && x.shape(0) >= kRowsWorthUnpacking) {
      return dense_matmul(x, w, transpose);
    }
    return tensor::quantized_matmul(
        x, w.packed, w.scales, w.biases, transpose, w.group_size, w.bits);
  }
  require(x, mx::float32, 2, "quantized_matmul, x");
  return build(x, w.packed, w.scales, w.biases, w.group_size, w.bits, transpose, cpu_level());
}

}  // namespace hub::kernels
