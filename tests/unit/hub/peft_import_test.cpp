#include "core/hub/peft_import.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/hub/local_model.h"
#include "tests/support/small_model.h"
#include "tests/support/stopped_import.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;

class PeftImportTest : public testing::Test {
 protected:
  PeftImportTest() {
    const fs::path model = test::write_small_model(place_.path() / "model");
    store_.import_folder(model, "base", "v1");
    base_.folder = artifacts::ArtifactStore::relative_folder("base", "v1");
    base_.digest = describe_local_model(model).digest;
    const std::string path = "base_model.model.model.layers.0.self_attn.q_proj.";
    test::write_bytes(
        folder_ / "adapter_config.json",
        R"({"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]})");
    test::write_bytes(
        folder_ / "adapter_model.safetensors",
        test::safetensors_file(
            {{path + "lora_A.weight", {2, 8}}, {path + "lora_B.weight", {8, 2}}}));
  }
  registry::NewVersion import(const ImportWatch& watch) {
    return import_peft(store_, folder_, base_, place_.path() / "scratch", "model-1", "v1", watch);
  }

  test::TempDir place_;
  fs::path folder_ = place_.path() / "peft";
  artifacts::ArtifactStore store_{place_.path() / "data"};
  registry::Version base_;
};

TEST_F(PeftImportTest, IsAnAdapterOfTheBaseThatSaysWhereItComesFrom) {
  const registry::NewVersion version = import({});
  EXPECT_EQ(version.folder, artifacts::ArtifactStore::relative_folder("model-1", "v1"));
  EXPECT_FALSE(version.by_reference);
  const base::Json config = base::parse_json(version.config_json, "config");
  EXPECT_EQ(config.at("source").at("format"), "peft");
}

TEST_F(PeftImportTest, StopsInEveryStageAndLeavesNothing) {
  test::expect_nothing_left_when_stopped(
      [this](const ImportWatch& watch) { import(watch); },
      place_.path() / "data",
      place_.path() / "scratch");
}

}  // namespace
}  // namespace hub::hub
