#include "core/train/checkpoint.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/tensor/ops.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  TrainableAdapter adapter(std::uint64_t seed) {
    auto params = tiny_params();
    params.target_modules = {"self_attn.q_proj", "mlp.up_proj"};
    params.num_layers = 1;
    params.dropout = 0.25;
    TrainableAdapter made = make_adapter(model_.get(), params, seed);
    fill_b(made);
    return made;
  }

  TinyModel model_;
  test::TempDir folder_;
};

TEST_F(CheckpointTest, ResultLoadsAgain) {
  const TrainableAdapter saved = adapter(1);
  const auto folder = folder_.path() / "deep" / "adapter";
  save_result(
      folder, saved, model_.get(), {{"model", "tiny"}, {"mlx_model_hub", {{"job_id", "j"}}}});

  const nn::LoraAdapter loaded = models::load_adapter(folder, model_.get());
  EXPECT_EQ(flat(continue_adapter(loaded, model_.get(), tiny_params())), flat(saved));
  const base::Json config =
      base::parse_json(base::read_file(folder / "adapter_config.json"), "config");
  EXPECT_EQ(config.at("fine_tune_type"), "lora");
  EXPECT_EQ(config.at("num_layers"), 1);
  EXPECT_EQ(config.at("lora_parameters").at("rank"), 4);
  EXPECT_EQ(config.at("lora_parameters").at("dropout"), 0.25);
  EXPECT_EQ(
      config.at("lora_parameters").at("keys"), (base::Json{"mlp.up_proj", "self_attn.q_proj"}));
  EXPECT_EQ(config.at("model"), "tiny");
  EXPECT_EQ(config.at("mlx_model_hub").at("job_id"), "j");
}

TEST_F(CheckpointTest, NumberedFilesKeepTheirValues) {
  const Checkpoints checkpoints(folder_.path() / "checkpoints", model_.get(), {{"model", "tiny"}});
  checkpoints.save(50, adapter(1));
  checkpoints.save(100, adapter(2));
  checkpoints.save(100, adapter(3));  // asked for again at the same step
  const auto bytes = [&](const char* name) {
    return base::sha256_file(checkpoints.folder() / name);
  };
  EXPECT_NE(bytes("0000050_adapters.safetensors"), bytes("0000100_adapters.safetensors"));
  EXPECT_EQ(bytes("adapters.safetensors"), bytes("0000100_adapters.safetensors"));
  const auto first =
      tensor::load_safetensors(checkpoints.folder() / "0000050_adapters.safetensors");
  const TrainableAdapter wanted = adapter(1);
  EXPECT_TRUE(mx::array_equal(first.at(wanted.names()[0]), wanted.parameters[0]).item<bool>());
}

TEST_F(CheckpointTest, TheLastSoManyStayAndTheBest) {
  const Checkpoints checkpoints(
      folder_.path() / "checkpoints", model_.get(), {{"model", "tiny"}}, 2);
  checkpoints.save(5, adapter(1));
  checkpoints.save_best(adapter(1));
  checkpoints.save(10, adapter(2));
  checkpoints.save(15, adapter(3));
  const auto has = [&](const char* name) {
    return std::filesystem::exists(checkpoints.folder() / name);
  };
  EXPECT_FALSE(has("0000005_adapters.safetensors"));
  EXPECT_TRUE(has("0000010_adapters.safetensors"));
  EXPECT_TRUE(has("0000015_adapters.safetensors"));
  EXPECT_TRUE(has("adapters.safetensors"));
  const nn::LoraAdapter best = models::load_adapter(checkpoints.folder() / "best", model_.get());
  EXPECT_EQ(flat(continue_adapter(best, model_.get(), tiny_params())), flat(adapter(1)));
}

TEST_F(CheckpointTest, SaysWhichFolderRefuses) {
  const auto file = folder_.write("taken", "a file, no folder");
  try {
    save_result(file / "adapter", adapter(1), model_.get(), base::Json::object());
    FAIL() << "written below a file";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnavailable);
    EXPECT_NE(std::string(error.what()).find("taken"), std::string::npos);
  }
}

}  // namespace
}  // namespace hub::train
