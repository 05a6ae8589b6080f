#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/models/language_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace hub::engine {

using base::Error;
using base::ErrorCode;

struct Answered {
  std::vector<int> tokens;
  std::vector<float> logprobs;
  std::optional<FinishReason> finish;
  int lasts = 0;  // events with `finish`
};

inline Answered collect(TokenStream& stream) {
  Answered answered;
  while (const auto event = stream.next()) {
    if (event->token >= 0) {
      answered.tokens.push_back(event->token);
      answered.logprobs.push_back(event->logprob);
    }
    if (event->finish) {
      answered.finish = event->finish;
      ++answered.lasts;
    }
  }
  return answered;
}

inline GenerateRequest request(std::vector<int> prompt, int max_tokens, float temperature = 0.0F) {
  GenerateRequest wanted;
  wanted.request_id = "test";
  wanted.prompt = std::move(prompt);
  wanted.max_tokens = max_tokens;
  wanted.sampling.temperature = temperature;
  wanted.sampling.seed = 7;
  return wanted;
}

// Large enough to change every answer.
inline void write_tiny_adapter(
    const std::filesystem::path& folder, const std::filesystem::path& model_folder) {
  namespace mx = mlx::core;
  const auto model = models::load_model(model_folder);
  nn::LoraAdapter adapter{.scale = 2.0F, .layers = {}, .dropout = 0.0F, .dropout_key = {}};
  const auto factor = [](const mx::Shape& shape, std::uint64_t seed) {
    return mx::random::normal(shape, mx::float32, 0.0F, 0.3F, mx::random::key(seed));
  };
  adapter.layers.insert(
      {"model.layers.0.self_attn.q_proj", {factor({64, 4}, 1), factor({4, 64}, 2)}});
  adapter.layers.insert(
      {"model.layers.1.self_attn.q_proj", {factor({64, 4}, 3), factor({4, 64}, 4)}});
  models::save_adapter(folder, adapter, *model, base::Json::object());
}

inline std::vector<int> numbers(int count, int first) {
  std::vector<int> tokens;
  tokens.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    tokens.push_back((first + 7 * i) % 96);
  }
  return tokens;
}

class EngineTest : public testing::Test {
 protected:
  EngineTest() { test::write_tiny_model(folder_.path()); }

  EngineConfig config() const {
    EngineConfig config;
    config.model_folder = folder_.path();
    config.prefill_chunk = 16;
    return config;
  }
  // Waits until the engine has nothing left to do: at most some steps after the last event.
  static EngineStats settled(const Engine& engine) {
    EngineStats stats = engine.stats();
    for (int i = 0; i < 1000 && stats.running + stats.waiting > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      stats = engine.stats();
    }
    return stats;
  }
  template <typename Function>
  static Error thrown_by(Function&& function) {
    try {
      function();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ErrorCode::kInternal, "nothing");
  }

  test::TempDir folder_;
};

// What eight requests get, each alone, which must be what they get together.
inline std::vector<Answered> alone_and_together(
    const EngineConfig& config, const std::filesystem::path& adapter) {
  // Short and long prompts (cut into pieces of 16), greedy and drawn, with and without adapter.
  Engine engine(config);
  engine.attach("a", adapter);
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 8; ++i) {
    requests.push_back(request(numbers(1 + 13 * i, i), 20, i % 2 == 0 ? 0.0F : 0.9F));
    requests.back().sampling.seed = static_cast<std::uint64_t>(i / 4);
    if (i % 3 == 0) {
      requests.back().adapter = "a";
    }
  }
  std::vector<Answered> alone;
  for (const GenerateRequest& one : requests) {
    TokenStream stream = engine.submit(one);
    alone.push_back(collect(stream));
  }
  std::vector<TokenStream> streams;
  streams.reserve(requests.size());
  for (const GenerateRequest& one : requests) {
    streams.push_back(engine.submit(one));
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const Answered together = collect(streams[i]);
    EXPECT_EQ(together.tokens, alone[i].tokens) << i;
    EXPECT_EQ(together.logprobs, alone[i].logprobs) << i;
  }
  return alone;
}

}  // namespace hub::engine
