// An engine with a draft model: the same answers, its memory, what it refuses.
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/models/language_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace hub::engine {
namespace {

namespace mx = mlx::core;

// Eight layers, of which the last seven add nothing: it says what its first layer says alone, and
// takes several times as long.
class EngineDraftTest : public testing::Test {
 protected:
  EngineDraftTest() {
    base::Json config = test::tiny_config();
    config.erase("quantization");
    config["num_hidden_layers"] = 8;
    test::Tensors tensors = test::tiny_tensors(config);
    for (auto& [name, tensor] : tensors) {
      const bool adds =
          name.find("o_proj") != std::string::npos || name.find("down_proj") != std::string::npos;
      if (adds && name.find("layers.0.") == std::string::npos) {
        tensor = mx::zeros_like(tensor);
      }
    }
    test::write_model(target_.path(), config, tensors);
    std::erase_if(tensors, [](const auto& named) {
      return named.first.find("layers.") != std::string::npos &&
             named.first.find("layers.0.") == std::string::npos;
    });
    config["num_hidden_layers"] = 1;
    test::write_model(draft_.path(), config, tensors);
  }

  EngineConfig config(bool drafts) const {
    EngineConfig config;
    config.model_folder = target_.path();
    config.prefill_chunk = 16;
    if (drafts) {
      config.draft_folder = draft_.path();
    }
    return config;
  }
  static GenerateRequest request(int number, int max_tokens, float temperature) {
    GenerateRequest wanted;
    wanted.request_id = "test";
    for (int i = 0; i < 10 + number; ++i) {
      wanted.prompt.push_back((number + 7 * i + i * i) % 96);
    }
    wanted.max_tokens = max_tokens;
    wanted.sampling.temperature = temperature;
    wanted.sampling.seed = 7;
    return wanted;
  }
  static std::vector<int> answer(TokenStream stream) {
    std::vector<int> tokens;
    while (const auto event = stream.next()) {
      tokens.push_back(event->token);
    }
    return tokens;
  }
  // Changes every answer.
  void write_adapter(const std::filesystem::path& folder) const {
    const auto model = models::load_model(target_.path());
    nn::LoraAdapter adapter{.scale = 2.0F, .layers = {}, .dropout = 0.0F, .dropout_key = {}};
    const auto factor = [](const mx::Shape& shape, std::uint64_t seed) {
      return mx::random::normal(shape, mx::float32, 0.0F, 0.3F, mx::random::key(seed));
    };
    adapter.layers.insert(
        {"model.layers.0.self_attn.q_proj", {factor({64, 4}, 1), factor({4, 64}, 2)}});
    models::save_adapter(folder, adapter, *model, base::Json::object());
  }

  test::TempDir target_;
  test::TempDir draft_;
};

TEST_F(EngineDraftTest, AnswersAreTheSameWithAnyTemperatureAndAdapter) {
  const test::TempDir adapter;
  write_adapter(adapter.path());
  Engine plain(config(false));
  Engine drafting(config(true));
  for (Engine* engine : {&plain, &drafting}) {
    engine->attach("a", adapter.path());
  }
  for (const float temperature : {0.0F, 0.9F}) {
    std::vector<TokenStream> streams;
    std::vector<std::vector<int>> expected;
    for (int i = 0; i < 4; ++i) {
      GenerateRequest wanted = request(i, 40, temperature);
      if (i % 2 == 1) {
        wanted.adapter = "a";
      }
      streams.push_back(drafting.submit(wanted));
      expected.push_back(answer(plain.submit(wanted)));
    }
    for (std::size_t i = 0; i < streams.size(); ++i) {
      EXPECT_EQ(answer(std::move(streams[i])), expected[i]) << i;
    }
  }
  EXPECT_NE(answer(plain.submit(request(1, 40, 0.0F))), [&] {
    GenerateRequest wanted = request(1, 40, 0.0F);
    wanted.adapter = "a";
    return answer(plain.submit(wanted));
  }());
}

TEST_F(EngineDraftTest, GuessesThatCameAreToldOfTheAnswerAndOfTheEngine) {
  Engine engine(config(true));
  TokenStream stream = engine.submit(request(1, 40, 0.0F));
  while (stream.next()) {
  }
  EngineStats stats = engine.stats();
  for (int i = 0; i < 1000 && stats.running > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stats = engine.stats();
  }
  EXPECT_GT(stats.drafts.model.accepted, 0U);
  EXPECT_EQ(stats.drafts.model.accepted, stats.drafts.model.drafted);
  EXPECT_EQ(stats.drafts.accepted(), static_cast<std::uint64_t>(stream.accepted_tokens()));
  EXPECT_EQ(stats.drafts.drafted(), static_cast<std::uint64_t>(stream.drafted_tokens()));
}

// A ninth layer, as it were.
TEST_F(EngineDraftTest, ItsWeightsAndCachesCount) {
  EngineConfig small = config(false);
  const std::uint64_t layer_bytes = 2ULL * 2 * 16 * 4;
  small.kv_budget_bytes = 270 * 8 * layer_bytes;
  const Engine plain(small);
  EXPECT_EQ(plain.context_length(), 270);
  small.draft_folder = draft_.path();
  const Engine drafting(small);
  EXPECT_EQ(drafting.context_length(), 240);
  EXPECT_EQ(
      drafting.stats().weight_bytes,
      plain.stats().weight_bytes + models::load_model(draft_.path())->weight_bytes());
  small.speculative_tokens = 0;
  const Engine silent(small);
  EXPECT_EQ(silent.context_length(), 270) << "it is not even loaded";
}

TEST_F(EngineDraftTest, WhatCannotDraftIsRefused) {
  const auto refusal = [&](const std::filesystem::path& folder) {
    EngineConfig wanted = config(false);
    wanted.draft_folder = folder;
    try {
      const Engine engine(wanted);
    } catch (const base::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  base::Json other = test::tiny_config();
  other["vocab_size"] = 128;
  const test::TempDir vocabulary;
  test::write_tiny_model(vocabulary.path(), other);
  EXPECT_THAT(
      refusal(vocabulary.path()), testing::HasSubstr("its vocabulary has 128 tokens, the model's"));
  EXPECT_NE(refusal(vocabulary.path() / "nothing"), "");
  const test::TempDir damaged;
  test::write_tiny_model(damaged.path());
  std::filesystem::resize_file(damaged.path() / "model.safetensors", 100);
  EXPECT_NE(refusal(damaged.path()), "");
  EXPECT_EQ(refusal(draft_.path()), "");
}

}  // namespace
}  // namespace hub::engine
