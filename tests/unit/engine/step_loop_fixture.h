#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/engine/step_loop.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

// A step loop over a tiny model, for the tests of it.
namespace hub::engine {

namespace mx = mlx::core;

inline SamplingParams greedy() {
  return {.temperature = 0.0F};
}

// That asks for an answer of so many tokens.
inline std::unique_ptr<Sequence> sequence(
    std::vector<int> prompt, int answer, const SamplingParams& sampling) {
  auto made = std::make_unique<Sequence>();
  made->prompt_length = static_cast<int>(prompt.size());
  made->max_length = made->prompt_length + answer;
  made->tokens = std::move(prompt);
  made->sampling = sampling;
  made->seed = 5;
  made->stream = std::make_shared<StreamState>();
  return made;
}

// A tiny model that fails, or says the contrary, when told to.
class FaultyModel final : public models::LanguageModel {
 public:
  explicit FaultyModel(std::unique_ptr<LanguageModel> model) : model_(std::move(model)) {}

  [[nodiscard]] const model_config::ModelConfig& config() const override {
    return model_->config();
  }
  [[nodiscard]] mx::array hidden(
      const mx::array& tokens,
      const models::Attend& attend,
      nn::AdapterSpans adapters) const override {
    if (in_forward) {
      in_forward();
    }
    if (throws) {
      throw std::runtime_error("the device is gone");
    }
    return model_->hidden(tokens, attend, adapters);
  }
  [[nodiscard]] mx::array logits(
      const mx::array& hidden, nn::AdapterSpans adapters) const override {
    mx::array good = model_->logits(hidden, adapters);
    if (contrary) {
      return mx::negative(good);
    }
    if (!first_row_is_nan) {
      return good;
    }
    const mx::array row = mx::reshape(mx::arange(good.shape(0)), {good.shape(0), 1});
    return mx::where(mx::equal(row, mx::array(0)), mx::array(std::nanf("")), good);
  }
  [[nodiscard]] std::vector<const nn::Linear*> linears() const override {
    return model_->linears();
  }
  [[nodiscard]] const nn::Embedding* embedding() const override { return model_->embedding(); }
  [[nodiscard]] const nn::Linear* output_head() const override { return model_->output_head(); }
  [[nodiscard]] const models::MtpHead* mtp_head() const override { return model_->mtp_head(); }
  [[nodiscard]] std::uint64_t weight_bytes() const override { return model_->weight_bytes(); }

  std::function<void()> in_forward;  // what happens while a step runs
  bool throws = false;
  bool first_row_is_nan = false;
  bool contrary = false;  // finds likeliest what its model finds least likely

 private:
  std::unique_ptr<LanguageModel> model_;
};

class StepLoopTest : public testing::Test {
 protected:
  StepLoopTest() { test::write_tiny_model(folder_.path()); }

  // Adds a sequence and returns its events.
  std::shared_ptr<StreamState> add(
      StepLoop& loop, std::vector<int> prompt, int answer, int priority = 0) {
    auto made = sequence(std::move(prompt), answer, greedy());
    made->priority = priority;
    auto stream = made->stream;
    loop.add(std::move(made));
    return stream;
  }
  static StepLimits limits() {
    return {
        .max_running = 4,
        .prefill_chunk = 32,
        .kv_budget_bytes = 1U << 30U,
        .kv_bytes_per_token = 512};
  }

  test::TempDir folder_;
  FaultyModel model_{[this] {
    test::write_tiny_model(folder_.path());
    return models::load_model(folder_.path());
  }()};
};

inline void run(StepLoop& loop) {
  while (!loop.idle()) {
    loop.step();
  }
}

inline std::vector<int> answer_of(const StreamState& stream) {
  std::vector<int> tokens(stream.events.size());
  std::ranges::transform(stream.events, tokens.begin(), &TokenEvent::token);
  return tokens;
}

}  // namespace hub::engine
