#include "core/gguf/convert.h"

#include <fstream>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/gguf/llama_names.h"
#include "core/gguf/model_documents.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/progress_record.h"
#include "tests/support/storage.h"

namespace hub::gguf {
namespace {

using base::Json;
using test::GgufBuilder;
using testing::HasSubstr;

class ConvertTest : public testing::Test {
 protected:
  ConversionReport converted(const std::string& bytes) {
    std::filesystem::create_directories(out());
    return convert(folder_.write("x.gguf", bytes), out(), {});
  }
  std::string refused(const std::string& bytes) {
    return test::thrown_by([&] { converted(bytes); }).message;
  }
  [[nodiscard]] std::filesystem::path out() const { return folder_.path() / "out"; }
  [[nodiscard]] Json document(const std::string& name) const {
    return Json::parse(base::read_file(out() / name));
  }
  test::TempDir folder_;
};

TEST(LlamaNames, AreTheHubs) {
  EXPECT_EQ(hub_name("blk.13.ffn_up.weight"), "model.layers.13.mlp.up_proj.weight");
  EXPECT_EQ(hub_name("output.weight"), "lm_head.weight");
  EXPECT_EQ(hub_name("blk.0.attn_q.bias"), "model.layers.0.self_attn.q_proj.bias");
  for (const char* strange :
       {"blk.0.attn_q",
        "blk.x.attn_q.weight",
        "blk..attn_q.weight",
        "blk.0.moe.weight",
        "weight",
        "",
        "../x.weight"}) {
    EXPECT_EQ(hub_name(strange), std::nullopt) << strange;
  }
}

TEST_F(ConvertTest, AScoreThatIsNoNumberIsRefused) {
  const auto scored = [](float score) {
    return GgufBuilder()
        .string("tokenizer.ggml.model", "llama")
        .strings("tokenizer.ggml.tokens", {"a", "b", "ab"})
        .integers("tokenizer.ggml.token_type", {1, 1, 1})
        .field(
            "tokenizer.ggml.scores",
            9,
            GgufBuilder::raw<std::uint32_t>(6) + GgufBuilder::raw<std::uint64_t>(3) +
                GgufBuilder::raw(0.0F) + GgufBuilder::raw(-1.0F) + GgufBuilder::raw(score))
        .build();
  };
  const auto tokenizer = [&](float score) {
    return tokenizer_json(GgufFile(folder_.write("x.gguf", scored(score))));
  };
  EXPECT_EQ(tokenizer(-2.0F)["model"]["merges"], Json::array({Json::array({"a", "b"})}));
  EXPECT_THAT(
      test::thrown_by([&] { tokenizer(std::numeric_limits<float>::quiet_NaN()); }).message,
      HasSubstr("the score of token 2"));
}

TEST(LlamaNames, RowsOfAHeadAlternate) {
  std::vector<std::uint64_t> order;
  order.reserve(8);
  for (std::uint64_t row = 0; row < 8; ++row) {
    order.push_back(source_row(row, 4));
  }
  EXPECT_EQ(order, (std::vector<std::uint64_t>{0, 2, 1, 3, 4, 6, 5, 7}));
}

TEST_F(ConvertTest, WritesAModelFolder) {
  const ConversionReport report = converted(test::tiny_gguf().build());
  EXPECT_EQ(report.tensors, 11U);
  EXPECT_TRUE(report.note().empty());
  const Json config = document("config.json");
  EXPECT_EQ(config["model_type"], "llama");
  EXPECT_EQ(config["head_dim"], 8);
  EXPECT_EQ(config["rms_norm_eps"], 1e-5);
  EXPECT_EQ(config["tie_word_embeddings"], true);
  EXPECT_FALSE(config.contains("quantization"));
  EXPECT_EQ(document("tokenizer.json")["model"]["vocab"]["ab"], 4);
  EXPECT_EQ(document("tokenizer_config.json")["eos_token"], "</s>");
  EXPECT_FALSE(document("tokenizer_config.json").contains("chat_template"));

  const std::string weights = base::read_file(out() / "model.safetensors");
  std::uint64_t length = 0;
  std::memcpy(&length, weights.data(), sizeof(length));
  EXPECT_EQ(length % 8, 0U);
  const Json header = Json::parse(weights.substr(8, length));
  const Json& q = header["model.layers.0.self_attn.q_proj.weight"];
  EXPECT_EQ(q["shape"], (Json{32, 32}));
  // Row 1 of the Hub's order is row 2 of the file's.
  const auto begin = q["data_offsets"][0].get<std::size_t>() + 8 + length;
  float value = 0;
  std::memcpy(&value, weights.data() + begin + 32 * sizeof(float), sizeof(value));
  EXPECT_EQ(value, 64.0F / 64.0F - 1.0F);
}

TEST_F(ConvertTest, SaysWhatItRequantizes) {
  GgufBuilder file = test::tiny_gguf();
  std::string blocks;
  for (int row = 0; row < 8; ++row) {
    blocks += GgufBuilder::raw<std::uint16_t>(0x2C00) + std::string(20, '\x35');
  }
  file.tensor("output.weight", {32, 8}, 6, blocks);  // Q5_0
  const ConversionReport report = converted(file.build());
  EXPECT_THAT(report.note(), HasSubstr("1 of Q5_0 to 8 bits"));
  EXPECT_EQ(report.to_json()["requantized"]["Q5_0"]["tensors"], 1);
  const Json quantization = document("config.json")["quantization"];
  EXPECT_EQ(quantization["bits"], 8);
  EXPECT_EQ(quantization["model.embed_tokens"], false);
  EXPECT_EQ(document("config.json")["tie_word_embeddings"], false);
}

TEST_F(ConvertTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(
      refused(GgufBuilder().string("general.architecture", "warp").build()),
      HasSubstr("architecture 'warp'"));
  EXPECT_THAT(refused(GgufBuilder().integer("x", 1).build()), HasSubstr("is missing"));
  GgufBuilder strange = test::tiny_gguf();
  strange.tensor("blk.0.ssm.weight", {4}, 0, std::string(16, 'x'));
  EXPECT_THAT(refused(strange.build()), HasSubstr("blk.0.ssm.weight has no place"));
  GgufBuilder odd = test::tiny_gguf();
  odd.integer("llama.attention.key_length", 8).string("llama.rope.scaling.type", "yarn");
  EXPECT_THAT(refused(odd.build()), HasSubstr("'yarn'"));
  EXPECT_THAT(
      refused(
          GgufBuilder()
              .string("general.architecture", "llama")
              .integer("llama.attention.head_count", 0)
              .build()),
      HasSubstr("head_count is 0"));
}

// Whatever a header says, it is converted or refused.
TEST_F(ConvertTest, FlippedBytesNeverCrash) {
  const std::string good = test::tiny_gguf().build();
  std::mt19937 random(11);
  int refused_files = 0;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 2; ++i) {
      bytes[random() % 2000] = static_cast<char>(round % 2 == 0 ? random() : 0);
    }
    const auto thrown = test::thrown_by([&] { converted(bytes); });
    refused_files += thrown.message == "nothing was thrown" ? 0 : 1;
    EXPECT_TRUE(
        thrown.code == base::ErrorCode::kUnprocessable || thrown.message == "nothing was thrown")
        << thrown.message;
  }
  EXPECT_GT(refused_files, 100);
}

TEST_F(ConvertTest, TellsHowFarItIs) {
  std::filesystem::create_directories(out());
  const auto file = folder_.write("x.gguf", test::tiny_gguf().build());
  test::ProgressRecord record;
  convert(file, out(), [&record](std::uint64_t done, std::uint64_t total) {
    return record.add(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total));
  });
  record.expect_whole();
}

TEST_F(ConvertTest, StopsWhenAsked) {
  std::filesystem::create_directories(out());
  const auto file = folder_.write("x.gguf", test::tiny_gguf().build());
  const auto thrown = test::thrown_by(
      [&] { convert(file, out(), [](std::uint64_t, std::uint64_t) { return false; }); });
  EXPECT_EQ(thrown.code, base::ErrorCode::kCancelled);
}

TEST_F(ConvertTest, AFolderThatCannotBeWrittenIsTold) {
  const auto file = folder_.write("x.gguf", test::tiny_gguf().build());
  const auto thrown = test::thrown_by([&] { convert(file, folder_.path() / "absent", {}); });
  EXPECT_EQ(thrown.code, base::ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace hub::gguf
