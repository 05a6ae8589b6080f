#include "api/worker/exact_match.h"

#include <algorithm>
#include <deque>
#include <utility>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/model_config/memory_estimate.h"
#include "core/models/model_tensors.h"

namespace hub::api {
namespace {

using base::Json;

constexpr const char* kAdapter = "evaluated";

bool is_space(char letter) {
  return letter == ' ' || letter == '\n' || letter == '\t' || letter == '\r';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_space(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

// A row as a question: the tokens before its last answer, and that answer.
struct Question {
  std::vector<int> prompt;
  std::string answer;
};

std::optional<Question> question_of(const data::Example& row, const text::Tokenizer& tokenizer) {
  const auto last = std::find(row.trained.rbegin(), row.trained.rend(), 1);
  if (last == row.trained.rend()) {
    return std::nullopt;
  }
  const auto end = row.trained.rend() - last;  // one behind the last trained token
  auto begin = end;
  while (begin > 0 && row.trained[static_cast<std::size_t>(begin - 1)] == 1) {
    --begin;
  }
  if (begin <= 1) {  // nothing predicts the first token, so it is never trained: no prompt
    return std::nullopt;
  }
  const std::span<const int> tokens(row.tokens);
  const auto answer =
      tokens.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  return Question{{row.tokens.begin(), row.tokens.begin() + begin}, tokenizer.decode(answer, true)};
}

struct Running {
  engine::TokenStream stream;
  std::string answer;  // wanted
};

// What came out, as text.
std::string read_answer(Running& running, const text::Tokenizer& tokenizer, std::uint64_t& count) {
  std::vector<int> tokens;
  while (const auto event = running.stream.next()) {
    if (event->finish == engine::FinishReason::kError) {
      throw base::Error(base::ErrorCode::kInternal, event->error);
    }
    if (event->token >= 0) {
      tokens.push_back(event->token);
    }
  }
  count += tokens.size();
  return tokenizer.decode(tokens, true);
}

engine::EngineConfig engine_config(
    const JobSpec& spec, const model_config::EvaluateParams& params) {
  const auto config = model_config::ModelConfig::load(spec.base_folder);
  const int length =
      std::min(params.max_seq_length + params.max_tokens, config.max_position_embeddings);
  engine::EngineConfig result;
  result.model_folder = spec.base_folder;
  if (spec.adapter_folder && models::holds_full_weights(*spec.adapter_folder)) {
    result.weights_folder = spec.adapter_folder;
  }
  result.max_running = model_config::kAnsweredAtOnce;
  const std::uint64_t sequence_bytes =
      model_config::kv_bytes_per_token(config) * static_cast<std::uint64_t>(length) +
      model_config::state_bytes_per_sequence(config);
  result.kv_budget_bytes = sequence_bytes * model_config::kAnsweredAtOnce;
  result.mlx_cache_limit_bytes = 0;
  return result;
}

}  // namespace

std::string normalized_answer(std::string_view text) {
  std::string result;
  for (const char letter : trimmed(text)) {
    if (!is_space(letter)) {
      result += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    } else if (result.back() != ' ') {
      result += ' ';
    }
  }
  return result;
}

Json measure_exact_match(
    const JobSpec& spec,
    const model_config::EvaluateParams& params,
    std::span<const data::Example> rows,
    const std::shared_ptr<const text::Tokenizer>& tokenizer,
    const EmitEvent& emit,
    const train::KeepGoing& keep_going) {
  std::vector<Question> questions;
  for (const data::Example& row : rows) {
    if (auto question = question_of(row, *tokenizer)) {
      questions.push_back(*std::move(question));
    }
  }
  if (questions.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        "no row of the data set has an answer behind a prompt within max_seq_length",
        "dataset",
        "no_trained_tokens");
  }
  const engine::EngineConfig config = engine_config(spec, params);
  engine::Engine engine(config);
  std::optional<std::string> adapter;
  if (spec.adapter_folder && !config.weights_folder) {
    engine.attach(kAdapter, *spec.adapter_folder);
    adapter = kAdapter;
  }
  emit("ready", {{"weight_bytes", engine.stats().weight_bytes}, {"pid", ::getpid()}});

  std::deque<Running> running;
  std::uint64_t exact = 0;
  std::uint64_t normalized = 0;
  std::uint64_t generated = 0;
  std::uint64_t done = 0;
  const auto take = [&] {
    const std::string got = read_answer(running.front(), *tokenizer, generated);
    const std::string& wanted = running.front().answer;
    exact += trimmed(got) == trimmed(wanted) ? 1U : 0U;
    normalized += normalized_answer(got) == normalized_answer(wanted) ? 1U : 0U;
    running.pop_front();
    ++done;
  };
  for (Question& question : questions) {
    if (!keep_going(done)) {
      throw base::Error(base::ErrorCode::kCancelled, "the evaluation was stopped");
    }
    engine::GenerateRequest request;
    request.request_id = spec.job_id;
    request.prompt = std::move(question.prompt);
    request.max_tokens = params.max_tokens;
    request.sampling.temperature = 0.0F;
    request.stop_ids = engine.model_config().eos_token_ids;
    request.adapter = adapter;
    running.push_back({engine.submit(std::move(request)), std::move(question.answer)});
    if (running.size() >= static_cast<std::size_t>(model_config::kAnsweredAtOnce)) {
      take();
    }
  }
  while (!running.empty()) {
    take();
  }
  const auto count = static_cast<double>(questions.size());
  return {
      {"exact_match", static_cast<double>(exact) / count},
      {"normalized_match", static_cast<double>(normalized) / count},
      {"rows", questions.size()},
      {"generated_tokens", generated}};
}

}  // namespace hub::api
