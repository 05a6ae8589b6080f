#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace hub::api {

// What all parts of one answer repeat.
struct AnswerHead {
  std::string id;  // "chatcmpl-…", "cmpl-…"
  std::int64_t created_s = 0;
  std::string model;           // as the client named it
  bool include_usage = false;  // chunks carry "usage": null, and a last one the usage
  bool logprobs = false;       // choices carry their tokens' likelihood, else null
};

struct AnswerUsage {
  int prompt_tokens = 0;
  int cached_tokens = 0;  // of them those that an earlier request had left
  int completion_tokens = 0;
  int drafted_tokens = 0;   // guessed and checked
  int accepted_tokens = 0;  // of them those that came
};

// A token of an answer with its likelihood. `bytes` need not be whole UTF-8 characters.
struct AnswerToken {
  std::string bytes;
  // Natural log; minus infinity for what cannot be drawn. Absent: of a prompt's first token, which
  // nothing precedes.
  std::optional<float> logprob = 0.0F;
  std::vector<AnswerToken> top{};  // the likeliest at its place, without tops of their own
  // Characters of the choice's text that it makes; absent: those that begin in `bytes`.
  std::optional<std::size_t> characters{};
};

struct AnswerChoice {
  std::string text;
  std::string finish_reason;          // "stop", "length"
  std::vector<AnswerToken> tokens{};  // only with logprobs
};

// A piece of a choice that streams. `finish_reason` "" stands for null.
struct AnswerPiece {
  std::string_view text;
  std::string_view finish_reason{};
  std::vector<AnswerToken> tokens{};  // only with logprobs
  std::size_t offset = 0;             // characters of the choice's text before this piece
};

// How one route writes its answers: each function gives one JSON text. Chunks become SSE events;
// "data: [DONE]" follows the last (kDone). Immutable.
class AnswerFormat {
 public:
  static constexpr std::string_view kDone = "[DONE]";

  explicit AnswerFormat(AnswerHead head) : head_(std::move(head)) {}
  virtual ~AnswerFormat() = default;
  AnswerFormat(const AnswerFormat&) = delete;
  AnswerFormat& operator=(const AnswerFormat&) = delete;

  // The answer of a request that does not stream; choice i is choices[i].
  [[nodiscard]] std::string whole(
      const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const;
  // What comes before a choice's text; "" for nothing.
  [[nodiscard]] virtual std::string opening_chunk(int index) const = 0;
  [[nodiscard]] std::string piece_chunk(int index, const AnswerPiece& piece) const;
  // Only with include_usage, before kDone.
  [[nodiscard]] std::string usage_chunk(const AnswerUsage& usage) const;

 protected:
  [[nodiscard]] virtual std::string_view whole_object() const = 0;
  [[nodiscard]] virtual std::string_view chunk_object() const = 0;
  [[nodiscard]] virtual base::Json whole_choice(int index, const AnswerChoice& choice) const = 0;
  [[nodiscard]] virtual base::Json chunk_choice(int index, const AnswerPiece& piece) const = 0;
  [[nodiscard]] bool tells_logprobs() const { return head_.logprobs; }

  [[nodiscard]] std::string chunk(const base::Json& choice) const;

 private:
  [[nodiscard]] base::Json envelope(std::string_view object) const;

  const AnswerHead head_;
};

// A new id: `prefix` and 32 hexadecimal digits.
std::string new_answer_id(std::string_view prefix);

}  // namespace hub::api
