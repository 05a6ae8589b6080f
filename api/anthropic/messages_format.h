#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/openai/answer_format.h"

namespace hub::api {

// Answers of POST /v1/messages, and the events of their streams: message_start, ping, then for each
// block content_block_start, content_block_delta, content_block_stop, at last message_delta and
// message_stop: https://docs.anthropic.com/en/api/messages-streaming. One choice. A call
// whose arguments are no JSON is text; a stream, which has told it before that is known, does not
// stop for it either.
class MessagesFormat final : public WireFormat {
 public:
  static constexpr std::string_view kIdPrefix = "msg_";

  // `prompt_tokens`: what message_start tells, when nobody knows yet how many of them are cached.
  // `request_id`: what an error in the stream names.
  MessagesFormat(AnswerHead head, int prompt_tokens, std::string request_id);

  [[nodiscard]] std::string whole(
      const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const override;
  [[nodiscard]] std::string opening(int index) override;
  [[nodiscard]] std::string piece(int index, const AnswerPiece& piece) override;
  [[nodiscard]] std::string ending(const AnswerUsage& usage) override;
  [[nodiscard]] std::string failure(const base::Error& error) override;
  [[nodiscard]] std::string keep_alive() override;

 private:
  [[nodiscard]] base::Json envelope() const;
  std::string open_block(chat::ChatPiece::Kind kind, base::Json block);
  std::string delta(const base::Json& delta) const;
  std::string close_block();

  const AnswerHead head_;
  const int prompt_tokens_;
  const std::string request_id_;
  int block_ = -1;                             // the index of the last block that was begun
  std::optional<chat::ChatPiece::Kind> open_;  // of the block that was not closed yet
  chat::ToolCall call_;      // the arguments of the block that is open, where it is a call's
  bool uses_tools_ = false;  // a call was told whose arguments are JSON
  std::string finish_reason_;
  std::string stop_;
};

}  // namespace hub::api
