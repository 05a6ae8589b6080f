#pragma once

#include <filesystem>
#include <string>

#include "core/kernels/cuda_plugin_table.h"

namespace hub::kernels {

struct LoadedCudaPlugin {
  const CudaPluginTable* table = nullptr;  // null: see `problem`
  std::string problem;                     // for a person
};

// The plugin at `path`, started; or why it is none that this process can use: not a library, no
// plugin, of another version of the table, built for another MLX, or its own reason. Stays loaded.
// On the thread that owns MLX.
LoadedCudaPlugin load_cuda_plugin(const std::filesystem::path& path, const CudaPluginHost& host);

}  // namespace hub::kernels
