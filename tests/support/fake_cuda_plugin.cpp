// A plugin of CUDA kernels that cannot be used, for the reason that FAKE_CUDA_PLUGIN names.
#include <cstdlib>
#include <string>

#include <mlx/version.h>

#include "core/kernels/cuda_plugin_table.h"

namespace {

using hub::kernels::CudaPluginHost;
using hub::kernels::CudaPluginTable;

#define HUB_TEXT(x) #x
#define HUB_VERSION_TEXT(major, minor, patch) \
  HUB_TEXT(major) "." HUB_TEXT(minor) "." HUB_TEXT(patch)
constexpr const char* kMlxVersion =
    HUB_VERSION_TEXT(MLX_VERSION_MAJOR, MLX_VERSION_MINOR, MLX_VERSION_PATCH);

std::string wanted() {
  const char* text = std::getenv("FAKE_CUDA_PLUGIN");
  return text == nullptr ? "" : text;
}

const char* start(const CudaPluginHost& /*host*/) {
  return wanted() == "unwilling" ? "it does not want to" : nullptr;
}

}  // namespace

extern "C" const CudaPluginTable* mlx_hub_cuda_plugin() {
  static CudaPluginTable table;
  table = {
      wanted() == "version" ? hub::kernels::kCudaPluginVersion + 1
                            : hub::kernels::kCudaPluginVersion,
      wanted() == "mlx" ? "0.1.2" : kMlxVersion,
      start,
      nullptr,
      nullptr,
      nullptr,
      nullptr};
  return &table;
}
