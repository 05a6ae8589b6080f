// `jobs environment`, `jobs reproduce` and `jobs compare`.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/unit/api/cli/commands_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using test::Commands;
using test::route;
using ::testing::HasSubstr;
using ::testing::Not;

class ReproduceCommand : public Commands {
 protected:
  ReproduceCommand() {
    serve(
        {route(
             "GET",
             "/jobs/{id}/environment",
             [this](const Request& /*request*/) {
               return json_response(200, Json{{"data", environments_}}.dump());
             }),
         route(
             "POST",
             "/jobs/{id}/reproduce",
             [this](const Request& request) {
               sent_.push_back(Json::parse(request.body));
               return sent_.back().contains("dry_run")
                          ? json_response(200, Json{{"environment", environment_}}.dump())
                          : json_response(202, R"({"id":"j2"})");
             }),
         route(
             "GET",
             "/jobs/{id}",
             [this](const Request& /*request*/) {
               return json_response(
                   200, Json{{"id", "j2"}, {"state", state_}, {"reason", "no room"}}.dump());
             }),
         route("GET", "/jobs/{id}/comparison", [this](const Request& request) {
           tolerance_ = request.query_value("tolerance");
           Json answer = comparison_;
           answer["environment"] = environment_;
           answer["state"] = state_;
           return json_response(200, answer.dump());
         })});
  }

  void differ() {
    environment_ = {
        {"known", true},
        {"same", false},
        {"differences",
         {{{"name", "cpu.threads"}, {"then", 2}, {"now", 4}, {"may_change_results", true}}}}};
    comparison_["digest"]["now"] = "bb";
    comparison_["digest"]["equal"] = false;
    comparison_["deviation"] = 0.5;
    comparison_["verdict"] = "different";
  }

  std::vector<Json> sent_;
  std::string state_ = "COMPLETED";
  std::string tolerance_;
  Json environments_ = Json::array();
  Json environment_ = {{"known", true}, {"same", true}, {"differences", Json::array()}};
  Json comparison_ = {
      {"digest", {{"then", "aa"}, {"now", "aa"}, {"equal", true}}},
      {"reports",
       {{{"name", "train_loss"},
         {"compared", 9},
         {"missing", 0},
         {"largest_difference", 0.25},
         {"at_step", 7}}}},
      {"metrics", {{{"name", "steps"}, {"then", 9}, {"now", 9}, {"difference", 0}}}},
      {"deviation", 0},
      {"tolerance", 0.02},
      {"verdict", "identical"}};
};

TEST_F(ReproduceCommand, AskedFirstThenRunThenCompared) {
  EXPECT_EQ(run({"jobs", "reproduce", "j1"}), 0);
  EXPECT_EQ(sent_, (std::vector<Json>{{{"dry_run", true}}, Json::object()}));
  EXPECT_THAT(out_.str(), HasSubstr("environment: the same\n"));
  EXPECT_THAT(out_.str(), HasSubstr("identical to the bit: digest aa"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("LARGEST DIFFERENCE")));
}

TEST_F(ReproduceCommand, ADifferenceIsShownAndIsAFailure) {
  differ();
  EXPECT_EQ(run({"jobs", "reproduce", "j1", "--tolerance", "0.1"}), 1);
  EXPECT_EQ(tolerance_, "0.1");
  EXPECT_THAT(out_.str(), HasSubstr("cpu.threads  2     4    yes"));
  EXPECT_THAT(out_.str(), HasSubstr("train_loss  9               0              0.25"));
  EXPECT_THAT(out_.str(), HasSubstr("different: 0.5 where 0.02 is tolerated"));
}

TEST_F(ReproduceCommand, CloseEnoughElsewhereIsNone) {
  differ();
  comparison_["verdict"] = "within_tolerance";
  EXPECT_EQ(run({"jobs", "compare", "j2"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("within tolerance, in another environment: 0.5 of 0.02"));
}

TEST_F(ReproduceCommand, AJobThatFailsIsAFailure) {
  state_ = "FAILED";
  EXPECT_EQ(run({"jobs", "reproduce", "j1"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("job failed: no room"));
  comparison_["verdict"] = "failed";
  EXPECT_EQ(run({"jobs", "compare", "j2"}), 1);
  EXPECT_THAT(out_.str(), HasSubstr("no comparison: the job is FAILED"));
}

TEST_F(ReproduceCommand, DryAndDetachedRunsDoNotWait) {
  differ();
  EXPECT_EQ(run({"jobs", "reproduce", "j1", "--dry-run"}), 0);
  EXPECT_EQ(sent_.size(), 1U);
  EXPECT_THAT(out_.str(), HasSubstr("cpu.threads"));
  out_.str("");
  EXPECT_EQ(run({"jobs", "reproduce", "j1", "--detach"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("j2\n"));
  EXPECT_THAT(err_.str(), HasSubstr("mlx-hub jobs compare j2"));
}

TEST_F(ReproduceCommand, JsonIsTheComparisonAlone) {
  EXPECT_EQ(run({"jobs", "reproduce", "j1", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["verdict"], "identical");
}

TEST_F(ReproduceCommand, TheEnvironmentIsATable) {
  EXPECT_EQ(run({"jobs", "environment", "j1"}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("no environment was recorded"));
  environments_ = {{{"attempt", 1}, {"blas", {{"core", "Haswell"}}}, {"settings", nullptr}}};
  EXPECT_EQ(run({"jobs", "environment", "j1"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("blas.core  Haswell"));
  EXPECT_THAT(out_.str(), HasSubstr("settings   -"));
}

}  // namespace
}  // namespace hub::api
