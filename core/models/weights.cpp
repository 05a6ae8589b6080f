#include "core/models/weights.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/model_config/layer_shape.h"
#include "core/model_config/quantization.h"
#include "core/model_config/text_part.h"
#include "core/tensor/ops.h"

namespace hub::models {
namespace {

using model_config::TensorInfo;

bool is_float(const std::string& dtype) {
  return dtype == "F32" || dtype == "F16" || dtype == "BF16";
}

std::string shape_text(const mx::Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

bool same_shape(const TensorInfo& tensor, const mx::Shape& shape) {
  return std::equal(tensor.shape.begin(), tensor.shape.end(), shape.begin(), shape.end());
}

// What kernels/quantized_matmul.h computes itself; the rest goes through MLX in float32.
bool own_kernel_takes(int group_size, int bits) {
  return (group_size == 32 || group_size == 64) && (bits == 4 || bits == 8);
}

}  // namespace

Weights::Weights(const std::filesystem::path& folder, const model_config::ModelConfig& config)
    : folder_(folder),
      config_(config),
      files_(model_config::read_text_weights(folder, config)),
      norm_offset_(config.norm_offset) {
  for (const auto& file : files_) {
    for (const TensorInfo& tensor : file.header.tensors) {
      unused_[tensor.name] = &file;
    }
  }
}

Weights::Weights(
    const std::unordered_map<std::string, mx::array>& arrays,
    const model_config::ModelConfig& config)
    : config_(config), files_(1), norm_offset_(config.norm_offset) {
  for (const auto& [name, array] : arrays) {
    TensorInfo info;
    info.name = name;
    info.dtype = array.dtype() == mx::uint32 ? "U32" : array.dtype() == mx::uint8 ? "U8" : "F32";
    info.shape.assign(array.shape().begin(), array.shape().end());
    files_.front().header.tensors.push_back(std::move(info));
    unused_[name] = &files_.front();
  }
  std::sort(
      files_.front().header.tensors.begin(),
      files_.front().header.tensors.end(),
      [](const TensorInfo& left, const TensorInfo& right) { return left.name < right.name; });
  opened_.emplace(std::string(), arrays);
}

const TensorInfo* Weights::find(const std::string& name) const {
  const auto found = unused_.find(name);
  return found == unused_.end() ? nullptr : found->second->header.find(name);
}

// The array of a tensor that find() has found; it is then used up.
mx::array Weights::load(const std::string& name) {
  const auto file = unused_.extract(name).mapped();
  const std::string& stored = file->header.find(name)->name_in_file();
  auto opened = opened_.find(file->path.string());
  if (opened == opened_.end()) {
    opened = opened_.emplace(file->path.string(), tensor::load_safetensors(file->path)).first;
  }
  return opened->second.extract(stored).mapped();
}

mx::array Weights::tensor(
    const std::string& name, const mx::Shape& shape, std::string_view integers) {
  const TensorInfo* found = find(name);
  if (found == nullptr) {
    problems_.push_back(fmt::format("missing: {} {}", name, shape_text(shape)));
  } else if (
      !same_shape(*found, shape) ||
      (integers.empty() ? !is_float(found->dtype) : found->dtype != integers)) {
    problems_.push_back(
        fmt::format(
            "{} is {}, wanted {} {}",
            name,
            found->describe(),
            shape_text(shape),
            integers.empty() ? "of floats" : integers));
    unused_.erase(name);
  } else {
    return load(name);
  }
  // A stand-in until finish() throws.
  return mx::zeros({}, integers.empty() ? mx::float32 : mx::uint32);
}

mx::array Weights::integers(
    const std::string& name, const mx::Shape& shape, std::string_view dtype) {
  mx::array loaded = tensor(name, shape, dtype);
  loaded.eval();
  bytes_ += loaded.nbytes();
  return loaded;
}

// Evaluated at once, so that a cast never keeps more than one tensor twice in memory.
mx::array Weights::floats(const std::string& name, const mx::Shape& shape, bool keep_half) {
  mx::array loaded = tensor(name, shape, "");
  if (!keep_half || loaded.dtype() != mx::float16) {
    loaded = tensor::astype(loaded, tensor::compute_dtype(loaded.dtype()));
  }
  if (!folder_.empty()) {
    loaded.eval();
  }
  bytes_ += loaded.nbytes();
  return loaded;
}

// How the tensors at `path` are packed; complains and gives nothing when they fit no packing.
std::optional<model_config::Quantization> Weights::packing(
    const std::string& path, int rows, int columns) {
  const TensorInfo* scales = find(path + ".scales");
  const auto found =
      model_config::packing_of(config_, path, find(path + ".weight"), *scales, columns);
  if (!found) {
    problems_.push_back(
        fmt::format(
            "{}.scales is {}, which fits no quantization of [{}, {}] that config.json allows",
            path,
            scales->describe(),
            rows,
            columns));
    for (const char* part : {".weight", ".scales", ".biases"}) {
      unused_.erase(path + part);
    }
  }
  return found;
}

Weights::Packed Weights::packed_matrix(const std::string& path, int rows, int columns) {
  const auto quantization = packing(path, rows, columns);
  if (!quantization) {
    return {mx::zeros({}), std::nullopt};
  }
  const int group = quantization->group_size;
  const int bits = quantization->bits;
  const mx::Shape groups{rows, columns / group};
  mx::array packed = integers(path + ".weight", {rows, columns * bits / 32}, "U32");
  if (quantization->mode != "affine") {
    mx::array scale = integers(path + ".scales", groups, "U8");
    return {
        std::move(packed),
        nn::QuantizedParts{std::move(scale), std::nullopt, group, bits, quantization->mode}};
  }
  const bool keep_half = own_kernel_takes(group, bits) || tensor::default_device_is_gpu();
  mx::array scale = floats(path + ".scales", groups, keep_half);
  mx::array bias = floats(path + ".biases", groups, keep_half);
  return {std::move(packed), nn::QuantizedParts{std::move(scale), std::move(bias), group, bits}};
}

tensor::PackedMatrices Weights::packed_experts(
    const std::string& path, int experts, int in, int out) {
  const auto found = packing(path, out, in);
  if (!found) {
    return {mx::zeros({}), mx::zeros({}), std::nullopt, 64, 4, "affine"};
  }
  const auto& [group, bits, mode] = *found;
  const mx::Shape groups{experts, out, in / group};
  mx::array packed = integers(path + ".weight", {experts, out, in * bits / 32}, "U32");
  if (mode != "affine") {
    mx::array scales = integers(path + ".scales", groups, "U8");
    return {std::move(packed), std::move(scales), std::nullopt, group, bits, mode};
  }
  const bool keep_half = tensor::default_device_is_gpu();
  mx::array scales = floats(path + ".scales", groups, keep_half);
  mx::array biases = floats(path + ".biases", groups, keep_half);
  return {std::move(packed), std::move(scales), std::move(biases), group, bits, mode};
}

nn::SwitchLinear Weights::switch_linear(
    const std::string& path, int experts, int in, int out, bool bias) {
  std::optional<mx::array> offset;
  if (bias) {
    offset = floats(path + ".bias", {experts, out}, false);
  }
  if (find(path + ".scales") != nullptr) {
    return {path, packed_experts(path, experts, in, out), std::move(offset)};
  }
  const std::string first = model_config::unstacked_expert(path, 0) + ".weight";
  if (find(path + ".weight") != nullptr || find(first) == nullptr) {
    return {path, floats(path + ".weight", {experts, out, in}, false), std::move(offset)};
  }
  std::vector<mx::array> each;
  for (int expert = 0; expert < experts; ++expert) {
    const std::string name = model_config::unstacked_expert(path, expert) + ".weight";
    each.push_back(floats(name, {out, in}, false));
  }
  const bool whole = std::all_of(each.begin(), each.end(), [&](const mx::array& one) {
    return one.shape() == mx::Shape{out, in};
  });
  if (!whole) {
    return {path, mx::zeros({}), std::move(offset)};  // a stand-in until finish() throws
  }
  mx::array stacked = mx::stack(each, 0);
  if (!folder_.empty()) {
    stacked.eval();
  }
  return {path, std::move(stacked), std::move(offset)};
}

Weights::Packed Weights::matrix(const std::string& path, int rows, int columns) {
  if (find(path + ".scales") != nullptr) {
    return packed_matrix(path, rows, columns);
  }
  return {floats(path + ".weight", {rows, columns}, false), std::nullopt};
}

nn::Linear Weights::linear(const std::string& path, int in, int out, bool bias) {
  Packed parts = matrix(path, out, in);
  std::optional<mx::array> offset;
  if (bias) {
    offset = floats(path + ".bias", {out}, false);
  }
  if (auto weight = int8(parts)) {
    bytes_ += weight->nbytes() - nn::weight_bytes(parts.weight, parts.parts);
    return {path, std::move(*weight), std::move(offset)};
  }
  return {path, std::move(parts.weight), std::move(parts.parts), std::move(offset)};
}

nn::Embedding Weights::embedding(const std::string& path, int size, int width) {
  Packed parts = matrix(path, size, width);
  std::optional<kernels::InterleavedWeight> head;
  if (config_.tie_word_embeddings && path == config_.path("model.embed_tokens")) {
    head = int8(parts);
    bytes_ += head ? head->nbytes() : 0;
  }
  return {path, std::move(parts.weight), std::move(parts.parts), std::move(head)};
}

void Weights::set_activation_bits(int bits) {
  const auto refuse = [](const std::string& message) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument, "activation_bits: " + message, "activation_bits");
  };
  if (bits != 32 && bits != 8) {
    refuse(fmt::format("32 or 8 was wanted, got {}", bits));
  }
  if (bits == 8 && tensor::default_device_is_gpu()) {
    refuse("8 works on CPUs alone, and this machine computes on its GPU; 32 was wanted");
  }
  activation_bits_ = bits;
}

std::optional<kernels::InterleavedWeight> Weights::int8(const Packed& parts) const {
  // Without biases there is a stand-in, or a packing that is not affine.
  if (activation_bits_ != 8 || !parts.parts || !parts.parts->biases ||
      !kernels::can_interleave(parts.parts->group_size, parts.parts->bits)) {
    return std::nullopt;
  }
  const auto& packing = *parts.parts;
  const bool is_whole = parts.weight.ndim() == 2 && packing.scales.ndim() == 2 &&
                        packing.biases->shape() == packing.scales.shape();
  if (!is_whole) {  // a stand-in until finish() throws
    return std::nullopt;
  }
  return kernels::interleaved(
      {parts.weight, packing.scales, *packing.biases, packing.group_size, packing.bits});
}

nn::RmsNorm Weights::rms_norm(const std::string& path, int width, float eps) {
  return {path, floats(path + ".weight", {width}, false), eps, norm_offset_};
}

mx::array Weights::vector(const std::string& name, int size) {
  return floats(name, {size}, false);
}

mx::array Weights::table(const std::string& path, int size, int width) {
  return floats(path + ".weight", {size, width}, false);
}

std::unordered_map<std::string, mx::array> Weights::traced(const std::string& prefix) const {
  std::unordered_map<std::string, mx::array> own;
  const auto opened = opened_.find(std::string());
  if (!folder_.empty() || opened == opened_.end()) {
    return own;
  }
  bool is_traced = false;
  for (const auto& [name, array] : opened->second) {
    if (name.starts_with(prefix)) {
      own.emplace(name, array);
      is_traced = is_traced || array.is_tracer();
    }
  }
  return is_traced ? own : std::unordered_map<std::string, mx::array>{};
}

bool Weights::has(const std::string& name, const mx::Shape& shape) const {
  const TensorInfo* found = find(name);
  return found != nullptr && same_shape(*found, shape);
}

bool Weights::has_any(const std::string& prefix) const {
  return std::any_of(unused_.begin(), unused_.end(), [&](const auto& each) {
    return each.first.starts_with(prefix);
  });
}

mx::array Weights::depthwise(const std::string& path, int channels, int kernel) {
  const std::string name = path + ".weight";
  const mx::Shape published{channels, 1, kernel};
  const mx::array loaded =
      floats(name, has(name, published) ? published : mx::Shape{channels, kernel, 1}, false);
  // A stand-in for what is missing has no such shape.
  return loaded.size() == 1 ? loaded : mx::reshape(loaded, {channels, kernel});
}

void Weights::finish() {
  std::vector<std::string> names;
  names.reserve(unused_.size());
  for (const auto& [name, file] : unused_) {
    if (model_config::is_dropped(config_, name)) {
      continue;
    }
    names.push_back(fmt::format("unused: {}", name));
  }
  std::sort(names.begin(), names.end());
  problems_.insert(problems_.end(), names.begin(), names.end());
  if (!problems_.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "{}: the weights do not fit config.json: {}",
            folder_.string(),
            fmt::join(problems_, "; ")),
        {},
        "weights_do_not_fit");
  }
}

}  // namespace hub::models
