#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/chat/chat_piece.h"

namespace hub::api {

// What all parts of one answer repeat.
struct AnswerHead {
  std::string id;  // "chatcmpl-…", "cmpl-…"
  std::int64_t created_s = 0;
  std::string model;           // as the client named it
  bool include_usage = false;  // chunks carry "usage": null, and a last one the usage
  bool logprobs = false;       // choices carry their tokens' likelihood, else null
  double load_seconds = 0.0;   // how long the request waited for its model to be loaded
};

struct AnswerUsage {
  int prompt_tokens = 0;
  int cached_tokens = 0;  // of them those that an earlier request had left
  int completion_tokens = 0;
  int reasoning_tokens = 0;  // of them those of the model's thinking, its marks included
  int drafted_tokens = 0;    // guessed and checked
  int accepted_tokens = 0;   // of them those that came
  // How long it took: from the request's arrival at the engine, and of that reading the prompt and
  // drawing the answer.
  double seconds = 0.0;
  double prefill_seconds = 0.0;
  double decode_seconds = 0.0;
};

// A token of an answer with its likelihood. `bytes` need not be whole UTF-8 characters.
struct AnswerToken {
  std::string bytes;
  // Natural log; minus infinity for what cannot be drawn. Absent: of a prompt's first token, which
  // nothing precedes.
  std::optional<float> logprob = 0.0F;
  std::vector<AnswerToken> top{};  // the likeliest at its place, without tops of their own
  int id = -1;
  // Characters of the choice's text that it makes; absent: those that begin in `bytes`.
  std::optional<std::size_t> characters{};
  bool is_text = true;  // false: of reasoning, of a call, or of a mark
};

struct AnswerChoice {
  std::string text;
  std::string finish_reason;          // "stop", "length", "tool_calls"
  std::vector<AnswerToken> tokens{};  // only with logprobs
  std::string reasoning{};            // what the model thought
  std::vector<chat::ToolCall> calls{};
  std::string stop{};  // the stop string that ended it; "": none did
};

// A piece of a choice that streams. `finish_reason` "" stands for null.
struct AnswerPiece {
  std::string_view text;
  std::string_view finish_reason{};
  std::vector<AnswerToken> tokens{};  // only with logprobs
  std::size_t offset = 0;             // characters of the choice's text before this piece
  chat::ChatPiece::Kind kind = chat::ChatPiece::Kind::kText;  // what `text` is
  std::size_t call = 0;                                       // of which call, for a call's kinds
  std::string_view call_id{};                                 // kCallBegins
  std::string_view call_name{};                               // kCallBegins
  std::string_view stop{};  // with finish_reason: AnswerChoice::stop
};

// How one route writes one answer, whole or as a stream's bytes. May remember what it has written:
// one thread, and the functions of a stream are called in the order that they stand in here.
class WireFormat {
 public:
  WireFormat() = default;
  virtual ~WireFormat() = default;
  WireFormat(const WireFormat&) = delete;
  WireFormat& operator=(const WireFormat&) = delete;

  // The JSON of a request that does not stream; choice i is choices[i].
  [[nodiscard]] virtual std::string whole(
      const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const = 0;

  // The media type of a stream: "text/event-stream" or "application/x-ndjson".
  [[nodiscard]] virtual std::string_view stream_type() const { return kEventStream; }
  // What comes before a choice's text.
  [[nodiscard]] virtual std::string opening(int index) = 0;
  [[nodiscard]] virtual std::string piece(int index, const AnswerPiece& piece) = 0;
  // After the last piece of all choices.
  [[nodiscard]] virtual std::string ending(const AnswerUsage& usage) = 0;
  // Instead of the rest of a stream that broke off.
  [[nodiscard]] virtual std::string failure(const base::Error& error) = 0;
  // Says nothing, so that nobody gives the connection up; "" where the form has no such thing.
  [[nodiscard]] virtual std::string keep_alive();

  static constexpr std::string_view kEventStream = "text/event-stream";
  static constexpr std::string_view kNdjson = "application/x-ndjson";
};

// OpenAI's form: each function that ends in _chunk gives one JSON text, which becomes an event;
// "data: [DONE]" follows the last (kDone).
class AnswerFormat : public WireFormat {
 public:
  static constexpr std::string_view kDone = "[DONE]";

  explicit AnswerFormat(AnswerHead head) : head_(std::move(head)) {}

  [[nodiscard]] std::string whole(
      const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const override;
  [[nodiscard]] std::string opening(int index) override;
  [[nodiscard]] std::string piece(int index, const AnswerPiece& piece) override;
  [[nodiscard]] std::string ending(const AnswerUsage& usage) override;
  [[nodiscard]] std::string failure(const base::Error& error) override;

  // What comes before a choice's text; "" for nothing.
  [[nodiscard]] virtual std::string opening_chunk(int index) const = 0;
  // "" where the form says nothing of such a piece.
  [[nodiscard]] std::string piece_chunk(int index, const AnswerPiece& piece) const;
  // Only with include_usage, before kDone.
  [[nodiscard]] std::string usage_chunk(const AnswerUsage& usage) const;

 protected:
  [[nodiscard]] virtual std::string_view whole_object() const = 0;
  [[nodiscard]] virtual std::string_view chunk_object() const = 0;
  [[nodiscard]] virtual base::Json whole_choice(int index, const AnswerChoice& choice) const = 0;
  // null for nothing
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
