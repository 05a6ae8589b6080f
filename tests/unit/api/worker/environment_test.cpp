#include "api/worker/environment.h"

#include <array>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hub::api {
namespace {

using base::Json;

TEST(Environment, SaysWhatTheWorkerComputesWith) {
  base::BuildInfo build;
  build.version = "1.2";
  build.compiler = "GNU 12";
  const Json facts = environment_facts(build);
  EXPECT_EQ(facts["worker"]["version"], "1.2");
  EXPECT_EQ(facts["worker"]["compiler"], "GNU 12");
  EXPECT_EQ(facts["worker"]["commit"], nullptr);
  EXPECT_FALSE(facts["mlx"]["version"].get<std::string>().empty());
  EXPECT_FALSE(facts["mlx"]["device_name"].get<std::string>().empty());
  const auto device = facts["mlx"]["device"].get<std::string>();
  EXPECT_TRUE(device == "cpu" || device == "metal" || device == "cuda") << device;
  EXPECT_FALSE(facts["cpu"]["kernels"].get<std::string>().empty());
  EXPECT_GE(facts["cpu"]["threads"], 1);
  EXPECT_TRUE(facts["blas"]["core"].is_string());
  EXPECT_TRUE(facts["variables"].is_object());
}

TEST(NumericVariables, AreThoseThatChooseWhatIsComputedWith) {
  const std::array variables{
      "MLX_ENABLE_TF32=0",
      "OMP_NUM_THREADS=2",
      "OPENBLAS_CORETYPE=Haswell=x",
      "CUDA_VISIBLE_DEVICES=",
      "CUBLAS_WORKSPACE_CONFIG=:8",
      "PATH=/bin",
      "HOME=/root",
      static_cast<const char*>(nullptr)};
  EXPECT_EQ(
      numeric_variables(variables.data()),
      (std::map<std::string, std::string>{
          {"MLX_ENABLE_TF32", "0"},
          {"OMP_NUM_THREADS", "2"},
          {"OPENBLAS_CORETYPE", "Haswell=x"},
          {"CUDA_VISIBLE_DEVICES", ""},
          {"CUBLAS_WORKSPACE_CONFIG", ":8"}}));
}

TEST(NumericVariables, AreNeverSecretsNorWhatOnlyOneJobHas) {
  const std::array variables{
      "MLX_HUB_API_KEY=k",
      "MLX_HUB_HF_TOKEN=t",
      "MLX_HUB_THREADS=2",
      "MLX_SOME_TOKEN=t",
      "CUDA_SECRET=s",
      "OMP_PASSWORD=p",
      "MLX_RANK=1",
      "MLX_HOSTFILE=/data/jobs/1/hosts.json",
      "MLX_JACCL_COORDINATOR=a:1",
      "MLX_WORLD_SIZE=2",
      "OMP_WITHOUT_A_VALUE",
      static_cast<const char*>(nullptr)};
  EXPECT_TRUE(numeric_variables(variables.data()).empty());
}

}  // namespace
}  // namespace hub::api
