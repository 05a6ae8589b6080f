#include "api/worker/stop_ids.h"

#include <gtest/gtest.h>

#include "tests/support/default_model.h"
#include "tests/support/temp_dir.h"

namespace hub::api {
namespace {

class StopIds : public testing::Test {
 protected:
  std::vector<int> read(const std::vector<int>& config_ids) const {
    model_config::ModelConfig config;
    config.eos_token_ids = config_ids;
    return stop_ids(config, *tokenizer_, folder_.path());
  }
  std::shared_ptr<const text::Tokenizer> tokenizer_ =
      text::Tokenizer::load(test::default_model_folder());
  int im_end_ = tokenizer_->token_to_id("<|im_end|>").value();
  test::TempDir folder_;
};

TEST_F(StopIds, TheModelsOwnComeFirst) {
  static_cast<void>(folder_.write("tokenizer_config.json", R"({"eos_token":"<|im_end|>"})"));
  EXPECT_EQ(read({7, 8}), (std::vector<int>{7, 8}));
}

TEST_F(StopIds, ElseTheTokenizersEndToken) {
  EXPECT_TRUE(read({}).empty());
  static_cast<void>(folder_.write("tokenizer_config.json", R"({"eos_token":"<|im_end|>"})"));
  EXPECT_EQ(read({}), std::vector<int>{im_end_});
  static_cast<void>(
      folder_.write("tokenizer_config.json", R"({"eos_token":{"content":"<|im_end|>"}})"));
  EXPECT_EQ(read({}), std::vector<int>{im_end_});
  static_cast<void>(folder_.write("tokenizer_config.json", R"({"eos_token":null})"));
  EXPECT_TRUE(read({}).empty());
  static_cast<void>(folder_.write("tokenizer_config.json", R"({"eos_token":"<|unknown|>"})"));
  EXPECT_TRUE(read({}).empty());
}

}  // namespace
}  // namespace hub::api
