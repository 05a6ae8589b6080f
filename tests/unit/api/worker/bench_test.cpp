#include "api/worker/bench.h"

#include <map>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/worker/bench_limits.h"
#include "core/base/build_info.h"
#include "core/base/error.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace hub::api {
namespace {

using base::Json;

class Bench : public ::testing::Test {
 protected:
  Bench() { test::write_tiny_model(folder_.path()); }
  BenchArguments arguments() const {
    return {
        .model_folder = folder_.path(),
        .prompts = {4, 16},
        .streams = {1, 3},
        .tokens = 8,
        .rounds = 2,
        .training_tokens = 32};
  }
  test::TempDir folder_;
};

TEST_F(Bench, MeasuresEachOfItsFigures) {
  std::ostringstream progress;
  const Json report = bench_report(arguments(), base::BuildInfo{}, progress);
  std::map<std::string, Json> results;
  for (const Json& result : report.at("results")) {
    results.insert({result.at("name").get<std::string>(), result});
  }
  std::set<std::string> names;
  for (const auto& [name, result] : results) {
    names.insert(name);
    EXPECT_GT(result.at("value").get<double>(), 0.0) << name;
  }
  EXPECT_EQ(
      names,
      (std::set<std::string>{
          "ttft 4",
          "prefill 4",
          "ttft 16",
          "prefill 16",
          "decode 1",
          "decode 3",
          "train 32",
          "peak memory serving",
          "peak memory training"}));
  EXPECT_EQ(results.at("decode 3").at("values").size(), 2U);
  EXPECT_EQ(results.at("train 32").at("values").size(), 4U);  // of six steps the last ones
  // Two layers of 64: what the folder holds, unpacked.
  EXPECT_GT(report.at("model").at("parameters").get<std::uint64_t>(), 50'000U);
  EXPECT_GT(report.at("limits").at("read_bytes_per_second").get<double>(), 0.0);
  EXPECT_NE(progress.str().find("3 answers of 8 tokens"), std::string::npos);
}

TEST_F(Bench, WithoutTraining) {
  BenchArguments few = arguments();
  few.prompts = {4};
  few.streams = {1};
  few.training_tokens = 0;
  std::ostringstream progress;
  const Json report = bench_report(few, base::BuildInfo{}, progress);
  for (const Json& result : report.at("results")) {
    EXPECT_NE(result.at("name"), "train 32");
  }
}

TEST_F(Bench, APromptBeyondTheContextIsRefused) {
  BenchArguments long_one = arguments();
  long_one.prompts = {600};
  std::ostringstream progress;
  try {
    bench_report(long_one, base::BuildInfo{}, progress);
    FAIL() << "nothing was thrown";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("need 601 tokens"), std::string::npos);
  }
}

TEST(BenchLimits, TheSlowerOfMemoryAndArithmeticIsTheLimit) {
  const MachineLimits limits{.read_bytes_per_second = 100.0, .flops_per_second = 1000.0};
  EXPECT_DOUBLE_EQ(forward_seconds(limits, 200.0, 100.0), 2.0);   // reading 200 bytes
  EXPECT_DOUBLE_EQ(forward_seconds(limits, 200.0, 2000.0), 4.0);  // two operations each
}

}  // namespace
}  // namespace hub::api
