#include "core/tensor/ops.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <string_view>
#include <variant>

#include <fmt/format.h>
#include <mlx/backend/cuda/cuda.h>
#include <mlx/compile.h>
#include <mlx/device.h>
#include <mlx/fast.h>
#include <mlx/io.h>
#include <mlx/memory.h>
#include <mlx/ops.h>
#include <mlx/version.h>

#include "core/base/error.h"

namespace hub::tensor {

bool default_device_is_gpu() {
  return mx::default_device() == mx::Device::gpu;
}

bool default_device_is_cuda() {
  return default_device_is_gpu() && mx::cu::is_available();
}

mx::Dtype compute_dtype(mx::Dtype stored) {
  const bool is_float = mx::issubdtype(stored, mx::floating);
  return is_float && !default_device_is_gpu() ? mx::float32 : stored;
}

mx::array astype(const mx::array& x, mx::Dtype dtype) {
  return x.dtype() == dtype ? x : mx::astype(x, dtype);
}

mx::array sdpa(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    float scale,
    bool causal,
    const std::optional<mx::array>& mask,
    const std::optional<mx::array>& sinks) {
  const char* mode = causal ? "causal" : (mask ? "array" : "");
  return mx::fast::scaled_dot_product_attention(q, k, v, scale, mode, mask, sinks);
}

namespace {

// MLX takes either a base or the periods, never both.
std::optional<float> base_of(const RopeParams& params) {
  return params.freqs ? std::nullopt : std::optional(params.base);
}

}  // namespace

mx::array rope(const mx::array& x, const RopeParams& params, int offset) {
  return mx::fast::rope(
      x, params.dims, params.traditional, base_of(params), params.scale, offset, params.freqs);
}

mx::array rope(const mx::array& x, const RopeParams& params, const mx::array& offset) {
  return mx::fast::rope(
      x, params.dims, params.traditional, base_of(params), params.scale, offset, params.freqs);
}

void avoid_planned_attention() {
  setenv("MLX_CUDA_USE_CUDNN_SDPA", "0", 0);
}

mx::array fused(Elementwise function, const std::vector<mx::array>& inputs) {
  return (default_device_is_gpu() ? mx::compile(function, true)(inputs) : function(inputs)).front();
}

mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps) {
  return mx::fast::rms_norm(x, weight, eps);
}

mx::array cross_entropy(const mx::array& logits, const mx::array& targets) {
  return mx::fast::cross_entropy(logits, targets);
}

mx::array quantized_matmul(
    const mx::array& x,
    const mx::array& weight,
    const mx::array& scales,
    const std::optional<mx::array>& biases,
    bool transpose,
    int group_size,
    int bits,
    const std::string& mode) {
  return mx::quantized_matmul(x, weight, scales, biases, transpose, group_size, bits, mode);
}

mx::array dequantize(
    const mx::array& weight,
    const mx::array& scales,
    const std::optional<mx::array>& biases,
    int group_size,
    int bits,
    const std::string& mode) {
  return mx::dequantize(weight, scales, biases, group_size, bits, mode);
}

Quantized quantize(const mx::array& matrix, int group_size, int bits, const std::string& mode) {
  const auto parts = mx::quantize(matrix, group_size, bits, mode);
  return {parts.at(0), parts.at(1), parts.size() > 2 ? std::optional(parts.at(2)) : std::nullopt};
}

std::unordered_map<std::string, mx::array> load_safetensors(const std::filesystem::path& file) {
  try {
    return mx::load_safetensors(file.string()).first;
  } catch (const std::exception& error) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("cannot load {}: {}", file.string(), error.what()));
  }
}

Memory memory() {
  return {mx::get_active_memory(), mx::get_cache_memory(), mx::get_peak_memory()};
}

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return true;
  }
  // mlx/backend/*/allocator.cpp; the driver's own words behind a failed CUDA or Metal call.
  const std::string_view what = error.what();
  return std::ranges::any_of(
      std::array<std::string_view, 4>{
          "[malloc] Unable to allocate", "[metal::malloc]", "out of memory", "Insufficient Memory"},
      [what](std::string_view words) { return what.find(words) != std::string_view::npos; });
}

void reset_peak_memory() {
  mx::reset_peak_memory();
}

void clear_cache() {
  mx::clear_cache();
}

std::size_t set_cache_limit(std::size_t bytes) {
  return mx::set_cache_limit(bytes);
}

std::size_t set_memory_limit(std::size_t bytes) {
  return mx::set_memory_limit(bytes);
}

std::string mlx_version() {
  return mx::version();
}

std::string device_name() {
  if (!default_device_is_gpu()) {
    return "cpu";
  }
  const auto& info = mx::device_info();
  const auto found = info.find("device_name");
  const auto* name = found == info.end() ? nullptr : std::get_if<std::string>(&found->second);
  return name == nullptr ? "gpu" : *name;
}

std::optional<std::uint64_t> device_memory_limit() {
  if (!default_device_is_gpu()) {
    return std::nullopt;
  }
  const auto& info = mx::device_info();
  // The first is Metal's, the second what every backend has, under one of two names.
  for (const char* key : {"max_recommended_working_set_size", "total_memory", "memory_size"}) {
    const auto found = info.find(key);
    const auto* bytes = found == info.end() ? nullptr : std::get_if<std::size_t>(&found->second);
    if (bytes != nullptr && *bytes > 0) {
      return *bytes;
    }
  }
  return std::nullopt;
}

}  // namespace hub::tensor
