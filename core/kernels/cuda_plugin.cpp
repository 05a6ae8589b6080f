#include "core/kernels/cuda_plugin.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <dlfcn.h>

#include "core/kernels/cuda_plugin_loader.h"
#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

namespace fs = std::filesystem;

constexpr const char* kLibrary = "libmlx_hub_cuda.so";

std::vector<fs::path> candidates() {
  if (const char* wanted = std::getenv("MLX_HUB_CUDA_PLUGIN")) {
    return *wanted == '\0' ? std::vector<fs::path>{} : std::vector<fs::path>{wanted};
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) {
    return {};
  }
  const fs::path folder = program.parent_path();
  const fs::path inside = fs::path("lib") / "mlx-hub" / kLibrary;
  return {folder.parent_path() / inside, folder / inside};
}

CudaWeight cuda_weight(const QuantizedWeight& w) {
  return {w.packed, w.scales, w.biases, w.group_size, w.bits};
}

mx::array host_product(const mx::array& x, const CudaWeight& w, bool transpose) {
  return quantized_matmul(x, {w.packed, w.scales, w.biases, w.group_size, w.bits}, transpose);
}

std::function<void(const std::string&)>& teller() {
  static std::function<void(const std::string&)> tell;
  return tell;
}

LoadedCudaPlugin find() {
  std::error_code ignored;
  for (const fs::path& path : candidates()) {
    if (fs::exists(path, ignored) || std::getenv("MLX_HUB_CUDA_PLUGIN") != nullptr) {
      LoadedCudaPlugin plugin = load_cuda_plugin(path, {tensor::astype, host_product});
      if (!plugin.problem.empty() && teller()) {
        teller()(plugin.problem);
      }
      return plugin;
    }
  }
  return {};
}

// nullptr where MLX's default device is no NVIDIA GPU, which may change (tests).
const LoadedCudaPlugin* plugin() {
  if (!tensor::default_device_is_cuda()) {
    return nullptr;
  }
  static const LoadedCudaPlugin found = find();
  return &found;
}

const CudaPluginTable* table() {
  const LoadedCudaPlugin* found = plugin();
  return found == nullptr ? nullptr : found->table;
}

}  // namespace

std::optional<mx::array> cuda_quantized_matmul(const mx::array& x, const QuantizedWeight& w) {
  const CudaPluginTable* own = table();
  const CudaWeight weight = cuda_weight(w);
  if (own == nullptr || !own->multiplies(x.shape(0), x.dtype(), weight)) {
    return std::nullopt;
  }
  return own->quantized_matmul(x, weight);
}

std::optional<mx::array> cuda_dequantize(const QuantizedWeight& w, mx::Dtype dtype) {
  const CudaPluginTable* own = table();
  const CudaWeight weight = cuda_weight(w);
  if (own == nullptr || !own->dequantizes(dtype, weight)) {
    return std::nullopt;
  }
  return own->dequantize(weight, dtype);
}

bool has_cuda_plugin() {
  return table() != nullptr;
}

std::string cuda_plugin_problem() {
  const LoadedCudaPlugin* found = plugin();
  return found == nullptr ? std::string() : found->problem;
}

void tell_cuda_plugin_problem(std::function<void(const std::string& problem)> tell) {
  teller() = std::move(tell);
}

}  // namespace hub::kernels
