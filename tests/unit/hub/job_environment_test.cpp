#include "core/hub/job_environment.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hub::hub {
namespace {

using base::Json;

Json environment() {
  return {
      {"hub", {{"version", "1"}}},
      {"memory", {{"budget_bytes", 100}}},
      {"settings", nullptr},
      {"hardware", {{"processor", "p"}, {"cores", 2}}},
      {"blas", {{"core", "Haswell"}, {"threads", 2}}},
      {"variables", Json::object()},
      {"inputs", {{"seed", 1}}}};
}

TEST(JobEnvironment, IsWhatTheServerAndTheWorkerKnow) {
  base::BuildInfo build;
  build.version = "1.2";
  build.commit = "abc-dirty";
  const ServerEnvironment server(build, {});
  const Json facts = server.facts(4096);
  EXPECT_EQ(facts["hub"]["version"], "1.2");
  EXPECT_EQ(facts["hub"]["commit"], "abc-dirty");
  EXPECT_EQ(facts["hub"]["compiler"], nullptr);
  EXPECT_EQ(facts["memory"]["budget_bytes"], 4096);
  EXPECT_TRUE(facts["memory"].contains("wired_limit_bytes"));
  EXPECT_EQ(facts["settings"], nullptr);
  EXPECT_GE(facts["hardware"]["cores"], 1);
  EXPECT_GT(facts["hardware"]["memory_bytes"], 0);
  EXPECT_TRUE(facts["system"]["release"].is_string());
  const Json whole = job_environment(facts, {{"mlx", {{"version", "0"}}}}, {{"seed", 3}});
  EXPECT_EQ(whole["hub"], facts["hub"]);
  EXPECT_EQ(whole["mlx"]["version"], "0");
  EXPECT_EQ(whole["inputs"]["seed"], 3);
}

TEST(JobEnvironment, InputsAreThoseOfTheWorkersSpecification) {
  const Json inputs = job_inputs(
      {{"base", {{"digest", "b"}}},
       {"adapter", nullptr},
       {"dataset", {{"digest", "d"}}},
       {"params", {{"seed", 7}, {"rank", 8}}}});
  EXPECT_EQ(
      inputs,
      (Json{
          {"base_digest", "b"},
          {"adapter_digest", nullptr},
          {"dataset_digest", "d"},
          {"seed", 7},
          {"params", {{"seed", 7}, {"rank", 8}}}}));
  EXPECT_EQ(job_inputs(Json::object())["params"], nullptr);
}

TEST(EnvironmentDifferences, NamesWhatDiffersAndWhetherItMatters) {
  Json now = environment();
  EXPECT_EQ(
      environment_differences(environment(), now),
      (Json{{"known", true}, {"same", true}, {"differences", Json::array()}}));
  now["hub"]["version"] = "2";
  now["memory"]["budget_bytes"] = 50;
  now["settings"] = {{"commit", "abc"}, {"dirty", false}};
  now["hardware"]["cores"] = 4;
  now["inputs"]["seed"] = 2;  // compared elsewhere
  Json found = environment_differences(environment(), now);
  EXPECT_EQ(found["same"], true);
  EXPECT_EQ(found["differences"].size(), 5U) << found.dump(2);
  for (const Json& difference : found["differences"]) {
    EXPECT_EQ(difference["may_change_results"], false) << difference.dump();
  }
  now = environment();
  now["blas"]["core"] = "SkylakeX";
  now["variables"]["OMP_NUM_THREADS"] = "1";
  found = environment_differences(environment(), now);
  EXPECT_EQ(found["same"], false);
  EXPECT_EQ(
      found["differences"],
      Json::array(
          {{{"name", "blas.core"},
            {"then", "Haswell"},
            {"now", "SkylakeX"},
            {"may_change_results", true}},
           {{"name", "variables.OMP_NUM_THREADS"},
            {"then", nullptr},
            {"now", "1"},
            {"may_change_results", true}}}));
}

TEST(EnvironmentDifferences, WhatWasNotRecordedIsNotTheSame) {
  for (const auto& [then, now] :
       {std::pair(Json(), environment()), std::pair(environment(), Json())}) {
    EXPECT_EQ(
        environment_differences(then, now),
        (Json{{"known", false}, {"same", false}, {"differences", Json::array()}}));
  }
}

}  // namespace
}  // namespace hub::hub
