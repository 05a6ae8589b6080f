#include "core/engine/prefix_arrays.h"

#include <optional>
#include <string>
#include <unordered_map>

#include <mlx/ops.h>

namespace hub::engine {

namespace mx = mlx::core;

namespace {

std::string dtype_name(mx::Dtype dtype) {
  if (dtype == mx::uint32) {
    return "U32";
  }
  return dtype == mx::float16 ? "F16" : dtype == mx::bfloat16 ? "BF16" : "F32";
}

std::optional<mx::Dtype> dtype_named(const std::string& name) {
  if (name == "F32") {
    return mx::float32;
  }
  if (name == "F16") {
    return mx::float16;
  }
  if (name == "U32") {
    return mx::uint32;
  }
  return name == "BF16" ? std::optional<mx::Dtype>(mx::bfloat16) : std::nullopt;
}

// The part's bytes, of rows [0, length) where it has rows: a piece for each head.
PrefixTensor tensor_of(const models::KvCache::Part& part, int length) {
  const mx::array& array = part.array;
  PrefixTensor tensor{
      .name = part.name,
      .dtype = dtype_name(array.dtype()),
      .shape = {array.shape().begin(), array.shape().end()},
      .pieces = {}};
  const char* bytes = array.data<char>();
  if (!part.has_rows) {
    tensor.pieces.emplace_back(bytes, array.nbytes());
    return tensor;
  }
  const auto heads = static_cast<std::size_t>(array.shape(0));
  const std::size_t whole = array.nbytes() / heads;
  const std::size_t kept =
      whole / static_cast<std::size_t>(array.shape(1)) * static_cast<std::size_t>(length);
  tensor.shape[1] = length;
  for (std::size_t head = 0; head < heads; ++head) {
    tensor.pieces.emplace_back(bytes + head * whole, kept);
  }
  return tensor;
}

}  // namespace

std::vector<PrefixTensor> tensors_of(std::vector<models::KvCache::Part>& parts, int length) {
  std::vector<PrefixTensor> tensors;
  tensors.reserve(parts.size());
  for (models::KvCache::Part& part : parts) {
    if (!part.array.is_available() || !part.array.flags().row_contiguous) {
      part.array = mx::contiguous(part.array);
      part.array.eval();
    }
    tensors.push_back(tensor_of(part, length));
  }
  return tensors;
}

models::KvCache cache_of(
    const LoadedPrefix& loaded,
    const model_config::ModelConfig& model,
    const models::KvCacheOptions& options) {
  std::unordered_map<std::string, mx::array> parts;
  for (const LoadedTensor& tensor : loaded.tensors) {
    if (const auto dtype = dtype_named(tensor.dtype)) {
      parts.insert(
          {tensor.name,
           mx::array(
               tensor.bytes,
               mx::Shape(tensor.shape.begin(), tensor.shape.end()),
               *dtype,
               [memory = loaded.memory](void*) {})});
    }
  }
  return models::KvCache::of_parts(
      model, static_cast<int>(loaded.head.tokens.size()), parts, options);
}

}  // namespace hub::engine
