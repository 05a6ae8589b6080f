#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <mlx/array.h>

#include "core/model_config/model_config.h"
#include "core/model_config/weight_files.h"
#include "core/nn/embedding.h"
#include "core/nn/linear.h"
#include "core/nn/rms_norm.h"
#include "core/nn/switch_linear.h"

namespace hub::models {

namespace mx = mlx::core;

// Hands the tensors of a model folder to the layers of a family, by module path, and keeps every
// complaint until finish(): what a broken folder lacks is named all at once. Floats come out in
// tensor::compute_dtype(), except the scales and biases of packed weights where the CPU kernel
// takes them as they are. One thread.
class Weights {
 public:
  // Checks every header; nothing is read by MLX yet. Throws kUnprocessable as
  // model_config::read_text_weights() does.
  Weights(const std::filesystem::path& folder, const model_config::ModelConfig& config);

  // The arrays of a model by name, taken as they are: evaluated, or traced by a gradient function.
  Weights(
      const std::unordered_map<std::string, mx::array>& arrays,
      const model_config::ModelConfig& config);

  // The layer at `path`: packed when there is a tensor `<path>.scales`, whose shapes then say bits
  // and group size; they must agree with config.json. `bias` says whether `<path>.bias` must be
  // there. What is missing or misshaped is noted, and the layer gets a stand-in.
  nn::Linear linear(const std::string& path, int in, int out, bool bias);
  // `experts` linears at once, stacked at `path` or, as published before conversion, one by one
  // (model_config::unstacked_expert()).
  nn::SwitchLinear switch_linear(const std::string& path, int experts, int in, int out, bool bias);
  nn::Embedding embedding(const std::string& path, int size, int width);
  nn::RmsNorm rms_norm(const std::string& path, int width, float eps);

  // One tensor of floats.
  mx::array vector(const std::string& name, int size);
  // `<path>.weight` [size, width], dense.
  mx::array table(const std::string& path, int size, int width);
  // The weights [channels, kernel] of a convolution of each channel by itself, which lie at
  // `<path>.weight` as MLX's [channels, kernel, 1] or PyTorch's [channels, 1, kernel].
  mx::array depthwise(const std::string& path, int channels, int kernel);

  // Of a model made from arrays: those whose names begin with `prefix`, as they were given, when a
  // gradient function traces one of them; else none. Not of layers that are already handed out.
  [[nodiscard]] std::unordered_map<std::string, mx::array> traced(const std::string& prefix) const;

  // LoadOptions::activation_bits of the layers that are taken from now on. Throws kInvalidArgument
  // (param "activation_bits") for numbers other than 32 and 8, and for 8 on a GPU.
  void set_activation_bits(int bits);

  // Whether such a tensor is there and not taken.
  [[nodiscard]] bool has(const std::string& name, const mx::Shape& shape) const;

  // Whether any tensor whose name begins so is there and not taken.
  [[nodiscard]] bool has_any(const std::string& prefix) const;

  // Norms that are taken from now on multiply by their weight plus this.
  void set_norm_offset(float offset) { norm_offset_ = offset; }

  // Throws kUnprocessable naming every tensor that is missing, misshaped or unused, but for those
  // that mlx-lm drops (model_config::is_dropped()).
  void finish();

  // Bytes of everything handed out, as it lies in memory.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  struct Packed {
    mx::array weight;
    std::optional<nn::QuantizedParts> parts;
  };

  Packed matrix(const std::string& path, int rows, int columns);
  // The same weight for products with activations in 8 bits, where they are asked for and the
  // kernel takes it.
  [[nodiscard]] std::optional<kernels::InterleavedWeight> int8(const Packed& parts) const;
  Packed packed_matrix(const std::string& path, int rows, int columns);
  tensor::PackedMatrices packed_experts(const std::string& path, int experts, int in, int out);
  std::optional<model_config::Quantization> packing(const std::string& path, int rows, int columns);
  mx::array floats(const std::string& name, const mx::Shape& shape, bool keep_half);
  mx::array integers(const std::string& name, const mx::Shape& shape, std::string_view dtype);
  // `integers`: their type in safetensors' spelling; empty: floats.
  mx::array tensor(const std::string& name, const mx::Shape& shape, std::string_view integers);
  [[nodiscard]] const model_config::TensorInfo* find(const std::string& name) const;
  mx::array load(const std::string& name);

  std::filesystem::path folder_;  // empty: made from arrays
  const model_config::ModelConfig& config_;
  std::vector<model_config::WeightFile> files_;
  // Lazy arrays of the file that holds a name, opened at its first use.
  std::unordered_map<std::string, std::unordered_map<std::string, mx::array>> opened_;
  std::unordered_map<std::string, const model_config::WeightFile*> unused_;
  std::vector<std::string> problems_;
  std::uint64_t bytes_ = 0;
  float norm_offset_;
  int activation_bits_ = 32;
};

}  // namespace hub::models
