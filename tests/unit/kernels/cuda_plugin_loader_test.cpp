// What may be wrong with a plugin, on any machine.
#include "core/kernels/cuda_plugin_loader.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace hub::kernels {
namespace {

LoadedCudaPlugin load_fake(const char* wanted) {
  setenv("FAKE_CUDA_PLUGIN", wanted, 1);
  LoadedCudaPlugin plugin = load_cuda_plugin(HUB_FAKE_CUDA_PLUGIN, {});
  unsetenv("FAKE_CUDA_PLUGIN");
  return plugin;
}

TEST(CudaPluginLoader, StartsAPluginThatFits) {
  const LoadedCudaPlugin plugin = load_fake("");
  EXPECT_EQ(plugin.problem, "");
  ASSERT_NE(plugin.table, nullptr);
  EXPECT_EQ(plugin.table->version, kCudaPluginVersion);
}

TEST(CudaPluginLoader, SaysWhatIsWrong) {
  const auto expect = [](const LoadedCudaPlugin& plugin, const std::string& what) {
    EXPECT_EQ(plugin.table, nullptr) << what;
    EXPECT_NE(plugin.problem.find(what), std::string::npos) << plugin.problem;
  };
  expect(
      load_fake("version"),
      "has version " + std::to_string(kCudaPluginVersion + 1) + ", wanted is " +
          std::to_string(kCudaPluginVersion));
  expect(load_fake("mlx"), "was built for MLX 0.1.2");
  expect(load_fake("unwilling"), "cannot be used: it does not want to");
  expect(load_cuda_plugin("/nowhere/libmlx_hub_cuda.so", {}), "cannot be loaded");
  expect(load_cuda_plugin(HUB_NO_PLUGIN, {}), "is no plugin");
}

}  // namespace
}  // namespace hub::kernels
