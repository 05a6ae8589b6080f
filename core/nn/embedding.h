#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <mlx/array.h>

#include "core/nn/linear.h"

namespace hub::nn {

// A table of vectors by token id, and the output head that shares it.
class Embedding {
 public:
  // `int8_head`: the weight once more, for an output head that rounds its input to 8 bits
  // (kernels::int8_matmul()); rows are looked up in the other one.
  Embedding(
      std::string path,
      mx::array weight,
      std::optional<QuantizedParts> quantized,
      std::optional<kernels::InterleavedWeight> int8_head = std::nullopt);

  // tokens [rows] int32 -> [rows, width]; float32 on CPU. Ids outside the table are the caller's
  // mistake: MLX does not check them.
  [[nodiscard]] mx::array operator()(const mx::array& tokens, AdapterSpans adapters = {}) const;

  // x [rows, width] -> [rows, size]: the tied output head.
  [[nodiscard]] mx::array as_linear(const mx::array& x, AdapterSpans adapters = {}) const;

  // [size] float32: the L2 norm of each row.
  [[nodiscard]] mx::array row_norms() const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int size() const { return weight_.shape(0); }
  [[nodiscard]] int width() const;
  // Of the table, as it lies in memory, with the copy for the head.
  [[nodiscard]] std::size_t nbytes() const;
  // Of what as_linear() reads.
  [[nodiscard]] std::size_t head_nbytes() const;

 private:
  // tokens [rows] int32 -> [rows, width]: the table alone.
  [[nodiscard]] mx::array rows_of(const mx::array& tokens) const;

  std::string path_;
  mx::array weight_;  // [size, width], or packed uint32 [size, width * bits / 32]
  std::optional<QuantizedParts> quantized_;
  std::optional<kernels::InterleavedWeight> int8_head_;
};

}  // namespace hub::nn
