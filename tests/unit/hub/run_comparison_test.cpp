#include "core/hub/run_comparison.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hub::hub {
namespace {

using base::Json;

// As RunFacts, but JSON.
struct Recorded {
  Json environment = {{"cpu", {{"threads", 2}}}};
  int environments = 1;
  std::vector<Json> reports = {
      {{"step", 1}, {"train_loss", 2.0}},
      {{"step", 2}, {"train_loss", 1.5}},
      {{"step", 2}, {"eval_loss", 1.25}}};
  Json result = {{"train_loss", 1.5}, {"steps", 2}, {"seconds", 3.5}, {"peak_memory_bytes", 10}};
  std::optional<std::string> digest = "aa";

  [[nodiscard]] RunFacts facts() const {
    RunFacts facts{
        .environment_json = environment.dump(),
        .environments = environments,
        .reports_json = {},
        .result_json = result.dump(),
        .digest = digest};
    for (const Json& report : reports) {
      facts.reports_json.push_back(report.dump());
    }
    return facts;
  }
};

Json compare(const Recorded& then, const Recorded& now, double tolerance = 0.02) {
  return compare_runs(then.facts(), now.facts(), tolerance);
}

Recorded elsewhere() {
  Recorded run;
  run.environment["cpu"]["threads"] = 4;
  run.digest = "bb";
  return run;
}

TEST(CompareRuns, EqualDigestsAreIdentical) {
  Recorded now;
  now.result["seconds"] = 99;
  const Json found = compare(Recorded(), now);
  EXPECT_EQ(found["verdict"], "identical");
  EXPECT_EQ(found["digest"], (Json{{"then", "aa"}, {"now", "aa"}, {"equal", true}}));
  EXPECT_EQ(found["deviation"], 0.0);
  EXPECT_EQ(found["metrics"].size(), 2U) << "time and memory are none: " << found.dump(2);
  EXPECT_EQ(
      found["reports"][1],
      (Json{
          {"name", "eval_loss"},
          {"compared", 1},
          {"missing", 0},
          {"largest_difference", 0.0},
          {"at_step", nullptr}}));
}

TEST(CompareRuns, AnyDifferenceInTheSameEnvironmentIsOne) {
  Recorded now;
  now.digest = "bb";
  EXPECT_EQ(compare(Recorded(), now)["verdict"], "different");
}

TEST(CompareRuns, AnotherEnvironmentIsAllowedTheTolerance) {
  Recorded now = elsewhere();
  now.reports[0]["train_loss"] = 2.03;  // of 2.0: 0.015
  now.reports[2]["eval_loss"] = 1.26;   // of 1.25: 0.008
  Json found = compare(Recorded(), now);
  EXPECT_EQ(found["verdict"], "within_tolerance") << found.dump(2);
  EXPECT_NEAR(found["deviation"].get<double>(), 0.015, 1e-12);
  EXPECT_EQ(found["reports"][0]["at_step"], 1);
  EXPECT_NEAR(found["reports"][0]["largest_difference"].get<double>(), 0.03, 1e-12);
  EXPECT_EQ(compare(Recorded(), now, 0.01)["verdict"], "different");
  now.result["train_loss"] = 1.6;
  found = compare(Recorded(), now);
  EXPECT_EQ(found["verdict"], "different");
  EXPECT_NEAR(found["metrics"][1]["difference"].get<double>(), 0.1, 1e-12) << found.dump(2);
}

TEST(CompareRuns, WhatRanInSeveralEnvironmentsRanInAnother) {
  Recorded now;
  now.digest = "bb";
  Recorded then;
  then.environments = 2;
  const Json found = compare(then, now);
  EXPECT_EQ(found["environment"]["same"], false);
  EXPECT_EQ(found["verdict"], "within_tolerance");
}

TEST(CompareRuns, AMissingStepOrFigureIsNoSmallDifference) {
  Recorded now = elsewhere();
  now.reports.pop_back();
  Json found = compare(Recorded(), now);
  EXPECT_EQ(found["verdict"], "different");
  EXPECT_EQ(found["deviation"], nullptr);
  EXPECT_EQ(found["reports"][1]["missing"], 1);
  EXPECT_EQ(found["reports"][1]["largest_difference"], nullptr);
  now = elsewhere();
  now.result.erase("steps");
  found = compare(Recorded(), now);
  EXPECT_EQ(found["verdict"], "different");
  EXPECT_EQ(found["metrics"][0]["difference"], nullptr);
}

TEST(CompareRuns, WithoutDigestsEveryReportAndFigureDecides) {
  Recorded then;
  then.digest.reset();
  Json found = compare(then, Recorded());
  EXPECT_EQ(found["verdict"], "identical");
  EXPECT_EQ(found["digest"]["equal"], nullptr);
  then.reports[0]["train_loss"] = 2.0000001;
  EXPECT_EQ(compare(then, Recorded())["verdict"], "different");
  const Recorded nothing{.reports = {}, .result = Json::object(), .digest = std::nullopt};
  EXPECT_EQ(compare(nothing, nothing, 1)["verdict"], "different") << "nothing was compared";
}

TEST(CompareRuns, AStepThatWasReportedAgainCountsAsItWasLast) {
  Recorded then;
  then.reports.insert(then.reports.begin(), Json{{"step", 1}, {"train_loss", 9.0}});
  then.digest.reset();
  EXPECT_EQ(compare(then, Recorded())["verdict"], "identical");
}

}  // namespace
}  // namespace hub::hub
