#include "core/kernels/int8_matmul.h"

#include <memory>
#include <string>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cpu_primitive.h"
#include "core/kernels/int8_ops.h"
#include "core/kernels/matmul_parts.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw base::Error(base::ErrorCode::kInvalidArgument, "int8_matmul: " + message);
}

class Int8Matmul : public CpuPrimitive {
 public:
  Int8Matmul(mx::Stream stream, CpuLevel level, const InterleavedWeight& w)
      : CpuPrimitive(stream, level),
        rows_(w.rows),
        columns_(w.columns),
        group_size_(w.group_size),
        bits_(w.bits) {}

  const char* name() const override { return "HubInt8Matmul"; }

  bool is_equivalent(const mx::Primitive& other) const override {
    const auto* same = dynamic_cast<const Int8Matmul*>(&other);
    return same != nullptr && same->rows_ == rows_ && same->columns_ == columns_ &&
           same->group_size_ == group_size_ && same->bits_ == bits_ && same->level() == level();
  }

  std::vector<mx::Shape> output_shapes(const std::vector<mx::array>& inputs) override {
    return {{inputs[0].shape(0), rows_}};
  }

  std::vector<mx::array> vjp(
      const std::vector<mx::array>& /*primals*/,
      const std::vector<mx::array>& /*cotangents*/,
      const std::vector<int>& /*argnums*/,
      const std::vector<mx::array>& /*outputs*/) override {
    refuse("a product of rounded activations has no gradient");
  }

 protected:
  [[nodiscard]] Task task() const override {
    return
        [level = level(), rows = rows_, columns = columns_, group_size = group_size_, bits = bits_](
            const Arrays& inputs, Arrays& outputs) {
          const InterleavedRows w{
              inputs[1].data<std::uint8_t>(),
              inputs[2].data<char>(),
              inputs[3].data<char>(),
              inputs[2].dtype() == mx::float16,
              rows,
              columns,
              group_size,
              bits};
          run_int8_dot(
              int8_ops(level),
              inputs[0].data<float>(),
              w,
              inputs[0].shape(0),
              outputs[0].data<float>());
        };
  }

 private:
  int rows_;
  int columns_;
  int group_size_;
  int bits_;
};

int blocks_of(int rows) {
  return (rows + kInt8Columns - 1) / kInt8Columns;
}

// [rows, …] -> [blocks, 16, …], filled up with zeros.
mx::array in_blocks(const mx::array& x) {
  const int blocks = blocks_of(x.shape(0));
  const int missing = blocks * kInt8Columns - x.shape(0);
  const mx::array whole =
      missing == 0 ? x : mx::concatenate({x, mx::zeros({missing, x.shape(1)}, x.dtype())}, 0);
  return mx::reshape(whole, {blocks, kInt8Columns, x.shape(1)});
}

// [blocks, 16, n] -> [rows, n]
mx::array out_of_blocks(const mx::array& x, int rows) {
  const mx::array whole = mx::reshape(x, {x.shape(0) * kInt8Columns, x.shape(2)});
  return mx::slice(whole, {0, 0}, {rows, x.shape(2)});
}

mx::array turned(const mx::array& factors) {
  return mx::contiguous(mx::transpose(factors, {0, 2, 1}));
}

mx::array byte(int value) {
  return mx::array(value, mx::uint8);
}

}  // namespace

std::size_t InterleavedWeight::nbytes() const {
  return fields.nbytes() + scales.nbytes() + biases.nbytes();
}

bool can_interleave(int group_size, int bits) {
  return (group_size == 32 || group_size == 64 || group_size == 128) && (bits == 4 || bits == 8);
}

InterleavedWeight interleaved(const QuantizedWeight& w) {
  if (!runs_on_cpu()) {
    refuse("only CPUs multiply activations in 8 bits");
  }
  require(w.packed, mx::uint32, 2, "int8_matmul, packed weight");
  const int rows = w.packed.shape(0);
  const int columns = w.bits > 0 ? w.packed.shape(1) * 32 / w.bits : 0;
  const bool floats = w.scales.dtype() == mx::float16 || w.scales.dtype() == mx::float32;
  if (!can_interleave(w.group_size, w.bits) || columns % w.group_size != 0 ||
      w.scales.shape() != mx::Shape{rows, columns / w.group_size} ||
      w.biases.shape() != w.scales.shape() || !floats || w.biases.dtype() != w.scales.dtype()) {
    refuse(
        fmt::format(
            "takes no weight {} of {} bits in groups of {} with scales {} and biases {}",
            describe(w.packed),
            w.bits,
            w.group_size,
            describe(w.scales),
            describe(w.biases)));
  }
  const int blocks = blocks_of(rows);
  mx::array bytes = in_blocks(mx::view(w.packed, mx::uint8));
  if (w.bits == 4) {
    const mx::array low = mx::bitwise_and(bytes, byte(15));
    const mx::array high = mx::right_shift(bytes, byte(4));
    // [blocks, 16, K / 8, 2 quads, 4]
    const mx::array quads =
        mx::reshape(mx::stack({low, high}, 3), {blocks, kInt8Columns, columns / 8, 2, 4});
    const auto both = mx::split(quads, 2, 3);
    bytes = mx::bitwise_or(both[0], mx::left_shift(both[1], byte(4)));
  }
  const int quads = columns * w.bits / 32;
  bytes = mx::transpose(mx::reshape(bytes, {blocks, kInt8Columns, quads, 4}), {0, 2, 1, 3});
  InterleavedWeight result{
      mx::reshape(mx::contiguous(bytes), {blocks, columns / kInt8Step, 64 * w.bits}),
      turned(in_blocks(w.scales)),
      turned(in_blocks(w.biases)),
      rows,
      columns,
      w.group_size,
      w.bits};
  mx::eval({result.fields, result.scales, result.biases});
  return result;
}

PlainWeight plain(const InterleavedWeight& w) {
  const int blocks = blocks_of(w.rows);
  const int quads = w.columns * w.bits / 32;
  mx::array bytes =
      mx::transpose(mx::reshape(w.fields, {blocks, quads, kInt8Columns, 4}), {0, 2, 1, 3});
  if (w.bits == 4) {
    const mx::array low = mx::bitwise_and(bytes, byte(15));
    const mx::array high = mx::right_shift(bytes, byte(4));
    // [blocks, 16, K / 8, 2 quads, 4] -> the elements of K, two a byte
    const mx::array pairs =
        mx::reshape(mx::stack({low, high}, 3), {blocks, kInt8Columns, w.columns / 2, 2});
    const auto both = mx::split(pairs, 2, 3);
    bytes = mx::bitwise_or(both[0], mx::left_shift(both[1], byte(4)));
  }
  bytes = mx::reshape(bytes, {blocks, kInt8Columns, 4 * quads});
  return {
      mx::view(mx::contiguous(out_of_blocks(bytes, w.rows)), mx::uint32),
      out_of_blocks(turned(w.scales), w.rows),
      out_of_blocks(turned(w.biases), w.rows)};
}

mx::array int8_matmul(const mx::array& x, const InterleavedWeight& w) {
  require(x, mx::float32, 2, "int8_matmul, x");
  if (x.shape(1) != w.columns) {
    refuse(fmt::format("x {} does not fit a weight [{}, {}]", describe(x), w.rows, w.columns));
  }
  auto primitive = std::make_shared<Int8Matmul>(cpu_stream(), cpu_level(), w);
  return mx::array(
      {x.shape(0), w.rows}, mx::float32, std::move(primitive), {x, w.fields, w.scales, w.biases});
}

}  // namespace hub::kernels
