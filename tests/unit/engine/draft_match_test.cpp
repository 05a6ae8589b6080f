#include "core/engine/draft_match.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::engine {
namespace {

using testing::HasSubstr;

constexpr const char* kConfig = R"({"model_type":"llama","hidden_size":64,"intermediate_size":128,
  "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"vocab_size":8,
  "max_position_embeddings":256,"rms_norm_eps":1e-5,"rope_theta":10000.0,
  "tie_word_embeddings":true})";

std::string tokenizer(const std::string& vocabulary) {
  return R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
    "pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,
    "model":{"type":"WordLevel","vocab":)" +
         vocabulary + R"(,"unk_token":"?"}})";
}

class DraftMatchTest : public testing::Test {
 protected:
  // A folder with that tokenizer.json; "": without.
  std::filesystem::path model(const std::string& name, const std::string& vocabulary) const {
    static_cast<void>(folder_.write(name + "/config.json", kConfig));
    if (!vocabulary.empty()) {
      static_cast<void>(folder_.write(name + "/tokenizer.json", tokenizer(vocabulary)));
    }
    return folder_.path() / name;
  }
  std::string refusal(
      const std::filesystem::path& draft,
      const std::filesystem::path& target,
      const std::function<void(model_config::ModelConfig&, model_config::ModelConfig&)>& change =
          {}) {
    auto config = model_config::ModelConfig::load(draft);
    auto target_config = model_config::ModelConfig::load(target);
    if (change) {
      change(config, target_config);
    }
    try {
      check_draft_fits(draft, config, target, target_config);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
      if (error.reason() == "draft_model_mismatch") {
        EXPECT_EQ(error.param(), "draft_model");
      }
      return error.what();
    }
    return "";
  }

  test::TempDir folder_;
};

TEST_F(DraftMatchTest, TheSameIdsForTheSameTokensFit) {
  const auto target = model("target", R"({"?":0,"a":1,"b":2})");
  EXPECT_EQ(refusal(model("same", R"({"?":0,"a":1,"b":2})"), target), "");
  EXPECT_EQ(refusal(model("other_order", R"({"b":2,"a":1,"?":0})"), target), "");
  const auto padded = [](model_config::ModelConfig& config, auto&) { config.vocab_size = 16; };
  EXPECT_EQ(refusal(model("padded", R"({"?":0,"a":1,"b":2})"), target, padded), "");
}

TEST_F(DraftMatchTest, OtherTokensAreRefusedWithWhatDiffers) {
  const auto target = model("target", R"({"?":0,"a":1,"b":2})");
  EXPECT_THAT(
      refusal(model("swapped", R"({"?":0,"b":1,"a":2})"), target),
      HasSubstr("token 1 is 'b' to it and 'a' to the model"));
  EXPECT_THAT(
      refusal(model("more", R"({"?":0,"a":1,"b":2,"c":3})"), target),
      HasSubstr("its vocabulary has 4 tokens, the model's 3"));
  EXPECT_THAT(refusal(model("none", ""), target), HasSubstr("tokenizer.json"));
}

TEST_F(DraftMatchTest, WithoutATokenizerTheVocabulariesSizesDecide) {
  const auto target = model("target", "");
  EXPECT_EQ(refusal(model("same", ""), target), "");
  const auto larger = [](model_config::ModelConfig& config, auto&) { config.vocab_size = 16; };
  EXPECT_THAT(
      refusal(model("larger", ""), target, larger),
      HasSubstr("its vocabulary has 16 tokens, the model's 8"));
}

TEST_F(DraftMatchTest, RecurrentDraftModelsAndEncodersOnEitherSideAreRefused) {
  const auto target = model("target", "");
  const auto draft = model("draft", "");
  using model_config::ModelConfig;
  const auto recur = [](ModelConfig& config) {
    config.linear_attention.emplace(ModelConfig::LinearAttention{});  // clang wants one to copy
  };
  const auto encode = [](ModelConfig& config) { config.encoder.emplace(ModelConfig::Encoder{}); };
  EXPECT_THAT(
      refusal(draft, target, [&](ModelConfig& config, auto&) { recur(config); }),
      HasSubstr("it has recurrent layers"));
  EXPECT_EQ(refusal(draft, target, [&](auto&, ModelConfig& config) { recur(config); }), "");
  EXPECT_THAT(
      refusal(draft, target, [&](ModelConfig& config, auto&) { encode(config); }),
      HasSubstr("a text encoder"));
  EXPECT_THAT(
      refusal(draft, target, [&](auto&, ModelConfig& config) { encode(config); }),
      HasSubstr("a text encoder"));
}

}  // namespace
}  // namespace hub::engine
