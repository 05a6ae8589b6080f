// Embeddings of real models against what other programs computed
// (scripts/make_embedding_goldens.py).
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/engine/engine.h"
#include "core/tensor/ops.h"
#include "core/text/tokenizer.h"
#include "tests/support/encoder_model.h"

namespace hub::engine {
namespace {

base::Json golden(const std::string& name) {
  return base::parse_json(base::read_file(test::encoder_goldens() / (name + ".json")), name);
}

// Text by text as tokenizers make ids of it, then all vectors in one request.
void expect_golden(const std::filesystem::path& folder, const base::Json& record) {
  EngineConfig config;
  config.model_folder = folder;
  config.prefill_chunk = 100;  // less than the longest text has
  Engine engine(config);
  const auto tokenizer = text::Tokenizer::load(folder);
  std::vector<std::vector<int>> inputs;
  for (const base::Json& one : record.at("cases")) {
    inputs.push_back(tokenizer->encode(one.at("text").get<std::string>(), true));
    EXPECT_EQ(inputs.back(), one.at("ids").get<std::vector<int>>());
  }
  const float tolerance =
      tensor::default_device_is_gpu() ? 1e-2F : record.at("tolerance").get<float>();
  for (const auto& [name, unused] : record.at("cases").front().at("vectors").items()) {
    EmbedRequest request;
    request.inputs = inputs;
    request.pooling = *model_config::pooling_from(name);
    const Vectors vectors = engine.embed(request).get();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto wanted = record.at("cases").at(i).at("vectors").at(name).get<std::vector<float>>();
      ASSERT_EQ(vectors[i].size(), wanted.size());
      float worst = 0.0F;
      for (std::size_t k = 0; k < wanted.size(); ++k) {
        worst = std::max(worst, std::abs(wanted[k] - vectors[i][k]));
      }
      EXPECT_LE(worst, tolerance) << name << " of text " << i;
    }
  }
}

TEST(EmbeddingGoldens, OfATextEncoder) {
  expect_golden(test::encoder_model_folder(), golden("all-minilm-l6-v2"));
}

TEST(EmbeddingGoldens, OfADecoder) {
  expect_golden(test::default_model_folder(), golden("smollm2-135m-instruct-f32"));
}

}  // namespace
}  // namespace hub::engine
