#include "core/model_config/content_digest.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/model_config/safetensors_text.h"

namespace hub::model_config {
namespace {

using base::Json;

constexpr const char* kConfig = R"({
  "model_type": "llama", "hidden_size": 4, "intermediate_size": 8, "num_hidden_layers": 1,
  "num_attention_heads": 2, "vocab_size": 10, "eos_token_id": 2})";

const std::string kA = R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})";
const std::string kB = R"("b":{"dtype":"U8","shape":[1,1],"data_offsets":[2,3]})";

class ContentDigest : public ::testing::Test {
 protected:
  ContentDigest() {
    write("config.json", kConfig);
    write("model.safetensors", safetensors_bytes("{" + kA + "," + kB + "}", "xyz"));
    write("tokenizer.json", "{}");
  }
  void write(const std::string& name, const std::string& bytes) {
    static_cast<void>(folder_.write(name, bytes));
  }
  std::string digest() { return content_digest(folder_.path()); }

  test::TempDir folder_;
};

// The documented byte string, built by hand.
TEST_F(ContentDigest, IsTheDocumentedByteString) {
  std::string bytes;
  const auto number = [&](std::uint64_t value) {
    for (int i = 0; i < 8; ++i) {
      bytes += static_cast<char>((value >> (8 * i)) & 0xFFU);
    }
  };
  const auto text = [&](const std::string& value) {
    number(value.size());
    bytes += value;
  };
  text("mlx-hub model 1");
  for (const auto& part : {std::string("tensor"), std::string("a"), std::string("U8")}) {
    text(part);
  }
  number(1);
  number(2);
  number(2);
  bytes += "xy";
  for (const auto& part : {std::string("tensor"), std::string("b"), std::string("U8")}) {
    text(part);
  }
  number(2);
  number(1);
  number(1);
  number(1);
  bytes += "z";
  text("config");
  text(canonical_config(ModelConfig::load(folder_.path())));
  text("tokenizer");
  text(base::sha256_hex("{}"));
  text("special_tokens");
  text("{}");
  text("chat_template");
  text("");
  EXPECT_EQ(digest(), base::sha256_hex(bytes));
}

TEST_F(ContentDigest, StopsWhenAsked) {
  std::vector<std::int64_t> heard;
  const auto hear = [&heard](std::int64_t bytes) {
    heard.push_back(bytes);
    return true;
  };
  EXPECT_EQ(content_digest(folder_.path(), hear), digest());
  EXPECT_EQ(heard, (std::vector<std::int64_t>{2, 3})) << "a tensor of two bytes and one of one";
  try {
    content_digest(folder_.path(), [](std::int64_t) { return false; });
    ADD_FAILURE() << "it went on";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kCancelled);
  }
}

TEST_F(ContentDigest, DependsNeitherOnFilesNorOnTheirOrder) {
  const std::string before = digest();
  write(
      "model.safetensors",
      safetensors_bytes(
          R"({"b":{"dtype":"U8","shape":[1,1],"data_offsets":[0,1]},
          "a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
          "zxy"));
  EXPECT_EQ(digest(), before);
  std::filesystem::remove(folder_.path() / "model.safetensors");
  write(
      "model-1.safetensors",
      safetensors_bytes(R"({"b":{"dtype":"U8","shape":[1,1],"data_offsets":[0,1]}})", "z"));
  write("model-2.safetensors", safetensors_bytes("{" + kA + "}", "xy"));
  EXPECT_EQ(digest(), before);
  Json config = Json::parse(kConfig);
  config["torch_dtype"] = "float32";
  config["num_key_value_heads"] = 2;  // the default, spelled out
  write("config.json", config.dump(4));
  EXPECT_EQ(digest(), before);
}

TEST_F(ContentDigest, ChangesWithEverythingThatChangesResults) {
  std::set<std::string> seen{digest()};
  const auto changed = [&] { return seen.insert(digest()).second; };
  write("model.safetensors", safetensors_bytes("{" + kA + "," + kB + "}", "xyZ"));
  EXPECT_TRUE(changed());
  write(
      "model.safetensors",
      safetensors_bytes(
          R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},)" + kB + "}", "xyz"));
  EXPECT_TRUE(changed());
  write("tokenizer.json", "{ }");
  EXPECT_TRUE(changed());
  write("tokenizer_config.json", R"({"bos_token":"<s>"})");
  EXPECT_TRUE(changed());
  write("tokenizer_config.json", R"({"bos_token":"<s>","chat_template":"{{ 1 }}"})");
  EXPECT_TRUE(changed());
  write("chat_template.jinja", "{{ 2 }}");
  EXPECT_TRUE(changed());
  Json config = Json::parse(kConfig);
  config["rms_norm_eps"] = 0.5;
  write("config.json", config.dump());
  EXPECT_TRUE(changed());
  config["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  write("config.json", config.dump());
  EXPECT_TRUE(changed());
  config["quantization"] = {{"group_size", 32}, {"bits", 4}, {"lm_head", false}};
  write("config.json", config.dump());
  EXPECT_TRUE(changed());
}

TEST_F(ContentDigest, TheTemplateOfAList) {
  write(
      "tokenizer_config.json",
      R"({"chat_template":[{"name":"tools","template":"T"},{"name":"default","template":"D"}]})");
  EXPECT_EQ(chat_template_text(folder_.path()), "D");
}

TEST_F(ContentDigest, ABrokenFolderHasNone) {
  write("model.safetensors", "short");
  EXPECT_THROW(digest(), base::Error);
}

TEST_F(ContentDigest, OfAnAdapterCoversItsSettingsAndItsBase) {
  const std::string tensor = R"({"m.q.lora_a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  write("adapters.safetensors", safetensors_bytes(tensor, "x"));
  const auto with = [&](double scale) {
    Json json;
    json["lora_parameters"] = {{"rank", 1}, {"scale", scale}, {"dropout", 0.0}};
    json["num_layers"] = 1;
    write("adapter_config.json", json.dump());
    return adapter_digest(folder_.path(), "base-1");
  };
  const std::string first = with(2.0);
  EXPECT_EQ(first.size(), 64U);
  EXPECT_NE(first, with(3.0));
  EXPECT_EQ(first, with(2.0));
  EXPECT_NE(first, adapter_digest(folder_.path(), "base-2"));
  write("adapters.safetensors", safetensors_bytes(tensor, "y"));
  EXPECT_NE(first, with(2.0));
}

}  // namespace
}  // namespace hub::model_config
