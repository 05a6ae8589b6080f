#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/model_config/memory_estimate.h"
#include "tests/unit/engine/draft_fixture.h"

// Step loops over a tiny model with recurrent layers, for the tests of drafts for it.
namespace hub::engine {

class RecurrentTest : public testing::Test {
 protected:
  explicit RecurrentTest(std::unique_ptr<models::LanguageModel> model) : model_(std::move(model)) {}

  [[nodiscard]] StepLimits limits() const {
    return {
        .max_running = 4,
        .prefill_chunk = 16,
        .kv_budget_bytes = 1U << 30U,
        .kv_bytes_per_token = model_config::kv_bytes_per_token(model_->config()),
        .bytes_per_sequence = 2 * model_config::state_bytes_per_sequence(model_->config())};
  }
  static std::vector<int> numbers(int count, int first) {
    std::vector<int> tokens(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = static_cast<int>((static_cast<std::size_t>(first) + 5 * i + i * i) % 64);
    }
    return tokens;
  }
  static std::shared_ptr<StreamState> add(
      StepLoop& loop,
      std::vector<int> prompt,
      int answer,
      const SamplingParams& sampling,
      std::vector<int> hint = {}) {
    auto made = sequence(std::move(prompt), answer, sampling);
    made->hint = std::move(hint);
    auto stream = made->stream;
    loop.add(std::move(made));
    return stream;
  }
  // What one forward a token says.
  std::vector<int> answer(
      const std::vector<int>& prompt, int count, const SamplingParams& sampling = greedy()) {
    StepLoop loop(*model_, limits(), {}, {.speculative_tokens = 0});
    const auto stream = add(loop, prompt, count, sampling);
    run(loop);
    return answer_of(*stream);
  }
  // Every seventh token another one.
  static std::vector<int> with_errors(std::vector<int> tokens) {
    for (std::size_t i = 6; i < tokens.size(); i += 7) {
      tokens[i] = (tokens[i] + 1) % 64;
    }
    return tokens;
  }

  std::unique_ptr<models::LanguageModel> model_;
};

}  // namespace hub::engine
