#include "api/worker/job_spec.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/default_model.h"
#include "tests/support/temp_dir.h"

namespace hub::api {
namespace {

using base::Json;

Json finetune_spec() {
  return Json::parse(R"({
    "protocol": 1, "job_id": "j1", "kind": "finetune",
    "base": {"folder": "/models/tiny", "digest": "abc", "name": "tiny"}, "adapter": null,
    "dataset": {"path": "/data/rows.jsonl", "digest": "def"},
    "params": {"epochs": 2}, "output_folder": "/out", "memory_limit_bytes": 1000, "seed": 7})");
}

std::string refusal(const Json& json) {
  try {
    static_cast<void>(JobSpec::from_json(json));
  } catch (const base::Error& error) {
    return std::string(to_string(error.code())) + " " + error.param();
  }
  return "accepted";
}

TEST(JobSpecTest, ReadsAFinetuneJob) {
  Json json = finetune_spec();
  json["adapter"] = {{"folder", "/adapters/a"}};
  json["dataset"]["valid_path"] = "/data/valid.jsonl";
  EXPECT_EQ(JobSpec::from_json(json).distributed, "");
  json["distributed"] = "ring";
  const JobSpec spec = JobSpec::from_json(json);
  EXPECT_EQ(spec.distributed, "ring");
  EXPECT_EQ(spec.job_id, "j1");
  EXPECT_EQ(spec.base_folder, "/models/tiny");
  EXPECT_EQ(spec.base_digest, "abc");
  EXPECT_EQ(spec.base_name, "tiny");
  EXPECT_EQ(spec.adapter_folder, "/adapters/a");
  EXPECT_EQ(spec.valid_path, "/data/valid.jsonl");
  EXPECT_EQ(Json::parse(spec.params), Json({{"epochs", 2}}));
  EXPECT_EQ(spec.output_folder, "/out");
  EXPECT_EQ(spec.memory_limit_bytes, 1000U);
  EXPECT_EQ(spec.seed, 7U);
}

TEST(JobSpecTest, AnEvaluationNeedsNoOutputFolder) {
  Json json = finetune_spec();
  json["kind"] = "evaluate";
  for (const char* field : {"output_folder", "memory_limit_bytes", "seed", "params", "adapter"}) {
    json.erase(field);
  }
  const JobSpec spec = JobSpec::from_json(json);
  EXPECT_EQ(spec.params, "{}");
  EXPECT_EQ(spec.memory_limit_bytes, 0U);
  EXPECT_FALSE(spec.seed || spec.adapter_folder);
}

TEST(JobSpecTest, NamesWhatIsMissingOrUnknown) {
  for (const char* field : {"job_id", "kind", "base", "dataset", "output_folder"}) {
    Json json = finetune_spec();
    json.erase(field);
    EXPECT_EQ(refusal(json), std::string("invalid_argument ") + field);
  }
  Json json = finetune_spec();
  json["base"].erase("folder");
  EXPECT_EQ(refusal(json), "invalid_argument base.folder");
  json = finetune_spec();
  json["protocol"] = 2;
  EXPECT_EQ(refusal(json), "not_implemented protocol");
  json = finetune_spec();
  json["kind"] = "paint";
  EXPECT_EQ(refusal(json), "not_implemented kind");
}

class LoadExamplesTest : public testing::Test {
 protected:
  std::vector<data::Example> load(const std::string& lines, const std::string& digest = "") {
    const auto file = folder_.write("rows.jsonl", lines);
    return load_examples(file, digest, builder_, [this](std::string_view type, const Json& data) {
      EXPECT_EQ(type, "log");
      logged_ +=
          data.at("level").get<std::string>() + ": " + data.at("message").get<std::string>() + "\n";
    });
  }

  test::TempDir folder_;
  data::ExampleBuilder builder_ =
      data::ExampleBuilder::load(test::default_model_folder(), {.max_seq_length = 64});
  std::string logged_;
};

TEST_F(LoadExamplesTest, UsesTheGoodLinesAndReportsTheOthers) {
  const auto set = load(
      "{\"prompt\": \"Say yes.\", \"completion\": \"Yes\"}\n"
      "{broken\n");
  EXPECT_EQ(set.size(), 1U);
  EXPECT_NE(logged_.find("warning: rows.jsonl line 2: "), std::string::npos) << logged_;
  EXPECT_NE(logged_.find("info: rows.jsonl: 1 examples"), std::string::npos) << logged_;
}

TEST_F(LoadExamplesTest, RefusesAFileThatChanged) {
  try {
    load("{\"prompt\": \"a\", \"completion\": \"b\"}\n", std::string(64, '0'));
    FAIL() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kConflict);
    EXPECT_EQ(error.reason(), "dataset_changed");
  }
}

TEST_F(LoadExamplesTest, RefusesAFileWithoutUsableLines) {
  try {
    load("{\"question\": \"a\"}\n");
    FAIL() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.reason(), "empty_dataset");
    EXPECT_NE(std::string(error.what()).find("line 1"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace hub::api
