#include "core/models/text_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/models/language_model.h"
#include "core/tensor/ops.h"
#include "tests/support/encoder_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/models/forward.h"

namespace hub::models {
namespace {

using testing::HasSubstr;

class TextEncoderTest : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] static std::filesystem::path folder() {
    return test::encoder_goldens() / GetParam();
  }
  [[nodiscard]] static base::Json golden() {
    return base::parse_json(base::read_file(folder() / "golden.json"), "golden.json");
  }
};

mx::array matrix(const base::Json& rows) {
  std::vector<float> values;
  for (const base::Json& row : rows) {
    for (const base::Json& value : row) {
      values.push_back(value.get<float>());
    }
  }
  const auto height = static_cast<int>(rows.size());
  return mx::array(values.begin(), {height, static_cast<int>(values.size()) / height}, mx::float32);
}

TEST_P(TextEncoderTest, HiddenStatesAreTheReferences) {
  const auto encoder = load_text_encoder(folder());
  const base::Json record = golden();
  const auto texts = record.at("texts").get<std::vector<std::vector<int>>>();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const mx::array hidden =
        encoder->hidden(tokens_of(texts[i]), {static_cast<int>(texts[i].size())});
    const float tolerance =
        tensor::default_device_is_gpu() ? 2e-3F : record.at("tolerance").get<float>();
    EXPECT_LE(relative_error(hidden, matrix(record.at("hidden").at(i))), tolerance) << i;
  }
}

TEST_P(TextEncoderTest, ATextsStatesDependOnItAlone) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "only the CPU keeps the last bits";
  }
  const auto encoder = load_text_encoder(folder());
  const std::vector<std::vector<int>> texts{{3}, {5, 6, 7, 8, 9, 10, 11}, {3}, {4, 39}};
  std::vector<int> all;
  std::vector<int> lengths;
  for (const auto& text : texts) {
    all.insert(all.end(), text.begin(), text.end());
    lengths.push_back(static_cast<int>(text.size()));
  }
  const mx::array together = encoder->hidden(tokens_of(all), lengths);
  int row = 0;
  for (const auto& text : texts) {
    const int length = static_cast<int>(text.size());
    const mx::array alone = encoder->hidden(tokens_of(text), {length});
    EXPECT_TRUE(same_bits(alone, rows(together, row, row + length)));
    row += length;
  }
}

TEST_P(TextEncoderTest, NoDecoderIsMadeOfIt) {
  try {
    load_model(folder());
    FAIL() << "loaded";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
    EXPECT_THAT(error.what(), HasSubstr("'" + GetParam() + "' is a text encoder"));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, TextEncoderTest, testing::Values("bert", "roberta"));

TEST(TextEncoder, ADecoderIsRefused) {
  const test::TempDir folder;
  test::write_tiny_model(folder.path());
  try {
    load_text_encoder(folder.path());
    FAIL() << "loaded";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("a text encoder was wanted, but 'llama' is a decoder"));
  }
}

TEST(TextEncoder, NamesWhatIsMissingAndWhatBelongsToNobody) {
  const test::TempDir folder;
  const auto config = base::parse_json(
      base::read_file(test::encoder_goldens() / "bert/config.json"), "config.json");
  auto tensors = tensor::load_safetensors(test::encoder_goldens() / "bert/model.safetensors");
  tensors.erase("encoder.layer.1.output.LayerNorm.bias");
  tensors.insert_or_assign("embeddings.position_embeddings.weight", mx::zeros({11, 16}));
  tensors.insert({"encoder.extra", mx::zeros({2})});
  tensors.insert({"pooler.dense.weight", mx::zeros({16, 16})});  // has no use, and no harm
  test::write_model(folder.path(), config, tensors);
  try {
    load_text_encoder(folder.path());
    FAIL() << "loaded";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
    EXPECT_THAT(error.what(), HasSubstr("missing: encoder.layer.1.output.LayerNorm.bias [16]"));
    EXPECT_THAT(error.what(), HasSubstr("embeddings.position_embeddings.weight is"));
    EXPECT_THAT(error.what(), HasSubstr("encoder.extra"));
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("pooler")));
  }
}

}  // namespace
}  // namespace hub::models
