#include "core/kernels/cuda_plugin_loader.h"

#include <exception>

#include <dlfcn.h>
#include <fmt/format.h>

#include "core/tensor/ops.h"

namespace hub::kernels {

namespace {

const char* reason_of(const char* text) {
  return text == nullptr ? "no reason given" : text;
}

}  // namespace

LoadedCudaPlugin load_cuda_plugin(const std::filesystem::path& path, const CudaPluginHost& host) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // never closed: arrays need it
  if (library == nullptr) {
    return {nullptr, fmt::format("{} cannot be loaded: {}", path.string(), reason_of(::dlerror()))};
  }
  const auto entry = reinterpret_cast<CudaPluginEntry>(::dlsym(library, kCudaPluginSymbol));
  if (entry == nullptr) {
    return {nullptr, fmt::format("{} is no plugin: it lacks {}", path.string(), kCudaPluginSymbol)};
  }
  const CudaPluginTable* table = entry();
  if (table->version != kCudaPluginVersion) {
    return {
        nullptr,
        fmt::format(
            "{} has version {}, wanted is {}", path.string(), table->version, kCudaPluginVersion)};
  }
  if (table->mlx_version != tensor::mlx_version()) {
    return {
        nullptr,
        fmt::format(
            "{} was built for MLX {}, this is {}",
            path.string(),
            table->mlx_version,
            tensor::mlx_version())};
  }
  try {
    if (const char* why = table->start(host)) {
      return {nullptr, fmt::format("{} cannot be used: {}", path.string(), why)};
    }
  } catch (const std::exception& error) {
    return {nullptr, fmt::format("{} cannot be used: {}", path.string(), error.what())};
  }
  return {table, {}};
}

}  // namespace hub::kernels
