#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/openai/answer_format.h"
#include "api/server/http.h"
#include "api/worker/answer_reader.h"
#include "api/worker/generation_handler.h"
#include "api/worker/told_tokens.h"
#include "core/base/engine_events.h"
#include "core/engine/text_stream.h"

namespace hub::api {

// The running choices of one request and what is known of them so far. Reports its usage when it
// ends, in whatever way. Belongs to the request's thread.
class RunningAnswer {
 public:
  // Hands the prompts to the engine; throws what it refuses, and then reports nothing.
  RunningAnswer(const ServedModel& model, const Request& request, Generation generation);
  ~RunningAnswer();
  RunningAnswer(const RunningAnswer&) = delete;
  RunningAnswer& operator=(const RunningAnswer&) = delete;

  // The whole answer. Throws for one that is not whole.
  std::string collect();
  // The answer as it comes, all choices beside each other.
  void write(BodyWriter& body);
  // Of such an answer; with the character set that its kind of text is given with.
  [[nodiscard]] std::string stream_type() const;

 private:
  enum class Progress : std::uint8_t { kWaits, kGoesOn, kEnded, kClientGone };

  AnswerReader submit(std::size_t prompt, int answer);
  AnswerChoice collect_choice(AnswerReader& answer, double& mean_logprob);
  bool write_choices(BodyWriter& body);
  Progress write_next(BodyWriter& body, std::size_t choice, int timeout_ms);
  bool write_piece(BodyWriter& body, std::size_t choice, const AnswerPiece& piece);
  bool write_echo(BodyWriter& body, std::size_t choice);
  bool write_delta(BodyWriter& body, std::size_t choice, const AnswerDelta& delta);
  // Throws for an answer that is not whole.
  void take(const AnswerDelta& delta);
  [[nodiscard]] PromptEcho echo(std::size_t prompt, const engine::TextStream& scored) const;
  [[nodiscard]] std::vector<AnswerToken> tokens_of(const AnswerDelta& delta) const;
  [[nodiscard]] AnswerUsage usage() const;
  // The same with how long it took so far.
  [[nodiscard]] AnswerUsage timed_usage() const;
  [[nodiscard]] base::EngineUsage measured() const;

  const ServedModel& model_;
  const std::string request_id_;
  const std::string adapter_;
  const std::string traceparent_;
  const std::string cache_scope_;
  const Generation generation_;
  std::optional<RunningRequests::Place> place_;
  int prompt_tokens_ = 0;
  std::vector<AnswerReader> answers_;    // best_of a prompt
  std::vector<std::size_t> characters_;  // told of each choice's text
  std::vector<bool> echoed_;             // whether a choice's prompt was written
  double first_text_ = 0.0;
  engine::FinishReason finish_ = engine::FinishReason::kCancelled;  // of the choice read last
};

}  // namespace hub::api
