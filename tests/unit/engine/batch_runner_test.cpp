#include "core/engine/batch_runner.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/engine/step_loop.h"
#include "tests/unit/models/family_case.h"

namespace hub::engine {
namespace {

namespace mx = mlx::core;

std::shared_ptr<StreamState> add(StepLoop& loop, std::vector<int> prompt, std::size_t answer) {
  auto sequence = std::make_unique<Sequence>();
  sequence->prompt_length = static_cast<int>(prompt.size());
  sequence->max_length = sequence->prompt_length + static_cast<int>(answer);
  sequence->tokens = std::move(prompt);
  sequence->sampling.temperature = 0.0F;
  sequence->stream = std::make_shared<StreamState>();
  auto stream = sequence->stream;
  loop.add(std::move(sequence));
  return stream;
}

std::vector<int> tokens_of(const StreamState& stream) {
  std::vector<int> tokens;
  tokens.reserve(stream.events.size());
  for (const TokenEvent& event : stream.events) {
    tokens.push_back(event.token);
  }
  return tokens;
}

class Caches : public ::testing::TestWithParam<std::string> {};

// Two requests at once, both longer than a window where there is one, against mlx-lm's caches:
// rotating, shared by layers, or with the state of a recurrence.
TEST_P(Caches, TwoRequestsAtOnceAreMlxLms) {
  const models::FamilyCase golden(GetParam());
  const auto model = golden.load();
  const StepLimits limits{
      .max_running = 4,
      .prefill_chunk = 8,
      .kv_budget_bytes = 1U << 30U,
      .kv_bytes_per_token = 512};
  StepLoop loop(*model, limits);
  const base::Json& greedy = golden.record.at("greedy");
  const auto expected = greedy.at("tokens").get<std::vector<int>>();
  const std::vector<int> longer = golden.sequences("inputs")[1];
  ASSERT_GT(longer.size(), static_cast<std::size_t>(model->config().sliding_window));
  const auto first = add(loop, greedy.at("prompt").get<std::vector<int>>(), expected.size());
  const auto second = add(loop, longer, 1);
  while (!loop.idle()) {
    loop.step();
  }
  EXPECT_EQ(tokens_of(*first), expected);
  const mx::array last =
      mx::take(mx::take(golden.golden.at("logits"), 1, 0), static_cast<int>(longer.size()) - 1, 0);
  EXPECT_EQ(
      tokens_of(*second), std::vector<int>{static_cast<int>(mx::argmax(last).item<unsigned>())});
}

INSTANTIATE_TEST_SUITE_P(
    Cases,
    Caches,
    ::testing::Values("llama_sliding", "gemma3", "gpt_oss", "gemma4", "qwen3_5"),
    [](const auto& each) { return each.param; });

}  // namespace
}  // namespace hub::engine
