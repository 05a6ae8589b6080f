#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/openai/answer_format.h"
#include "core/base/json.h"

namespace hub::api {

// Answers of POST /v1/responses: one object "response" with the items that the model made
// (reasoning, message, function_call), or its stream of typed events
// (https://platform.openai.com/docs/api-reference/responses-streaming), each with the next
// sequence_number: response.created, response.in_progress; for each item output_item.added, what is
// added to it, output_item.done; at last response.completed, incomplete (max_output_tokens) or
// failed. There is no [DONE].
class ResponsesFormat final : public WireFormat {
 public:
  static constexpr std::string_view kIdPrefix = "resp_";
  // The types of the events that end a stream with an answer that may be stored.
  static constexpr std::string_view kCompleted = "response.completed";
  static constexpr std::string_view kIncomplete = "response.incomplete";

  // `repeated`: ResponsesRequest's.
  ResponsesFormat(AnswerHead head, std::shared_ptr<const base::Json> repeated);
  ~ResponsesFormat() override;

  // The first choice: the route makes one.
  [[nodiscard]] std::string whole(
      const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const override;
  [[nodiscard]] std::string opening(int index) override;
  [[nodiscard]] std::string piece(int index, const AnswerPiece& piece) override;
  [[nodiscard]] std::string ending(const AnswerUsage& usage) override;
  [[nodiscard]] std::string failure(const base::Error& error) override;

 private:
  class Item;  // that is being made

  [[nodiscard]] base::Json response(
      std::string_view status, const base::Json& output, std::string_view finish_reason) const;
  std::string event(std::string_view type, const base::Json& members);
  // About the open item.
  std::string item_event(std::string_view type, const base::Json& members);
  std::string open(Item item);
  std::string close(bool whole);

  const AnswerHead head_;
  const std::shared_ptr<const base::Json> repeated_;
  std::int64_t sequence_number_ = 0;
  std::unique_ptr<Item> item_;          // null: none is open
  std::unique_ptr<base::Json> output_;  // the items that are whole
  std::string finish_reason_;
};

}  // namespace hub::api
