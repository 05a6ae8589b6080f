#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/engine/draft_model.h"
#include "tests/unit/engine/step_loop_fixture.h"

// Draft models over a tiny target, for the tests of them.
namespace hub::engine {

inline SamplingParams drawn_with_rules() {
  SamplingParams params{.temperature = 0.8F, .top_p = 0.95F, .top_logprobs = 3};
  params.rules.presence_penalty = 0.4F;
  params.rules.repetition_penalty = 1.1F;
  return params;
}

class DraftModelTest : public StepLoopTest {
 protected:
  // Keys and values of a token: 2 layers of 2 heads of 16, in float32.
  static constexpr std::uint64_t kTokenBytes = 2ULL * 2 * 2 * 16 * 4;

  [[nodiscard]] std::unique_ptr<models::LanguageModel> same_model() const {
    return models::load_model(folder_.path());
  }
  static std::vector<int> numbers(int count, int first) {
    std::vector<int> tokens(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = static_cast<int>((static_cast<std::size_t>(first) + 7 * i + i * i) % 96);
    }
    return tokens;
  }

  // A sequence whose prompt is computed and whose first token is drawn, outside of a loop.
  std::unique_ptr<Sequence> begun(std::vector<int> prompt, int answer) {
    auto made = sequence(std::move(prompt), answer, greedy());
    made->cache.emplace(model_.config());
    made->capacity = 512;
    std::vector<RunPart> parts;
    parts.push_back({.sequence = made.get(), .rows = made->prompt_length, .samples = true});
    BatchRunner(model_).run(parts, take);
    return made;
  }
  static bool take(Sequence& sequence, const std::optional<Drawn>& drawn, bool /*guessed*/) {
    sequence.tokens.push_back(drawn.value().token);
    return static_cast<int>(sequence.tokens.size()) < sequence.max_length;
  }
  // What the target says after the tokens, greedy.
  std::vector<int> said(const std::vector<int>& tokens, int count) {
    StepLoop loop(model_, limits(), {}, {.speculative_tokens = 0});
    const auto stream = add(loop, tokens, count);
    run(loop);
    return answer_of(*stream);
  }
};

}  // namespace hub::engine
