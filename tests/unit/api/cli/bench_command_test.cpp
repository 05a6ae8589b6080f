#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "api/cli/bench_report.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "tests/unit/api/cli/commands_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using test::Commands;
using test::route;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Json result(const char* name, const char* unit, double value, const Json& limit = nullptr) {
  return {{"name", name}, {"unit", unit}, {"value", value}, {"values", {value}}, {"limit", limit}};
}

Json report(double ttft, double decode) {
  return {
      {"machine", {{"mlx", {{"device_name", "cpu"}}}, {"cpu", {{"threads", 2}}}}},
      {"model", {{"folder", "/m"}, {"parameters", 1000}, {"weight_bytes", 600}}},
      {"results",
       {result("ttft 32", "ms", ttft, 10.0),
        result("decode 8", "tok/s", decode, 400.0),
        result("peak memory serving", "bytes", 98'200'000.0)}}};
}

TEST(BenchReport, SaysWhatShareOfTheLimitIsReached) {
  EXPECT_EQ(
      bench_table(report(40.0, 100.0)),
      "MEASURE              VALUE      LIMIT      OF THE LIMIT\n"
      "ttft 32              40.0 ms    10.0 ms    25 %\n"
      "decode 8             100 tok/s  400 tok/s  25 %\n"
      "peak memory serving  98.2 MB    -          -\n");
}

TEST(BenchReport, BetterIsLessTimeAndMoreTokens) {
  Json earlier = report(80.0, 50.0);
  earlier["results"].erase(2);
  const std::string text = bench_table(report(40.0, 100.0), &earlier);
  EXPECT_THAT(text, HasSubstr("80.0 ms     2.00x"));
  EXPECT_THAT(text, HasSubstr("50.0 tok/s  2.00x"));
  EXPECT_THAT(text, HasSubstr("98.2 MB    -          -             -           -"));
}

TEST(BenchReport, SaysWhatIsNotComparable) {
  const Json one = report(40.0, 100.0);
  EXPECT_THAT(bench_differences(one, one), IsEmpty());
  Json other = one;
  other["model"]["parameters"] = 7;
  other["machine"].erase("cpu");
  EXPECT_THAT(
      bench_differences(one, other),
      ElementsAre("parameters: 1000 now, 7 then", "threads: 2 now, null then"));
}

// A worker that writes down what it was asked and answers with a report.
class BenchCommand : public Commands {
 protected:
  BenchCommand() {
    program_ = folder_.path() / "mlx-hub";
    put_worker("cat '" + (folder_.path() / "report.json").string() + "'");
    std::ofstream(folder_.path() / "report.json") << report(40.0, 100.0).dump();
  }
  void put_worker(const std::string& answer) const {
    const auto file = folder_.path() / "mlx-hub-worker";
    std::ofstream(file) << "#!/bin/sh\necho \"$@\" > '" << asked().string() << "'\n"
                        << answer << '\n';
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  std::filesystem::path asked() const { return folder_.path() / "asked"; }
  std::string path(const char* name) const { return (folder_.path() / name).string(); }
};

TEST_F(BenchCommand, MeasuresAFolder) {
  const std::string model = folder_.path().string();
  EXPECT_EQ(run({"bench", model, "--prompt", "8", "--streams", "1", "4", "--no-training"}), 0);
  EXPECT_EQ(
      base::read_file(asked()),
      "--log-level error bench --model " + model +
          " --prompt 8 --streams 1 4 --tokens 64 --rounds 3 --training-tokens 0\n");
  EXPECT_EQ(out_.str(), bench_table(report(40.0, 100.0)));
}

TEST_F(BenchCommand, MeasuresARegisteredModel) {
  serve(
      {route(
           "GET",
           "/models/{id}",
           [](const Request&) {
             return json_response(
                 200, R"({"aliases":{},"versions":[{"id":"v","version":1,"state":"ready"}]})");
           }),
       route("GET", "/versions/{id}", [](const Request&) {
         return json_response(200, R"({"folder":"/store/m"})");
       })});
  EXPECT_EQ(run({"bench", "m"}), 0);
  EXPECT_THAT(base::read_file(asked()), HasSubstr("--model /store/m "));
}

TEST_F(BenchCommand, SavesAndCompares) {
  const std::string model = folder_.path().string();
  EXPECT_EQ(run({"bench", model, "--save", path("first.json")}), 0);
  std::ofstream(folder_.path() / "report.json") << report(20.0, 100.0).dump();
  out_.str("");
  EXPECT_EQ(run({"bench", model, "--compare", path("first.json")}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("40.0 ms    2.00x"));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(BenchCommand, AWrongReportIsToldBeforeAnythingIsMeasured) {
  std::ofstream(folder_.path() / "other.json") << "[]";
  EXPECT_THAT(
      error_of({"bench", folder_.path().string(), "--compare", path("other.json")}),
      HasSubstr("is no report that `mlx-hub bench --save` wrote"));
  EXPECT_FALSE(std::filesystem::exists(asked()));
}

TEST_F(BenchCommand, AWorkerThatFailsIsAnError) {
  put_worker("exit 2");
  EXPECT_THAT(error_of({"bench", folder_.path().string()}), HasSubstr("the measurement failed"));
}

}  // namespace
}  // namespace hub::api
