#include "api/worker/anthropic_handler.h"

#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "api/anthropic/messages_format.h"
#include "api/anthropic/messages_request.h"
#include "api/worker/chat_handler.h"
#include "api/worker/request_id.h"
#include "core/base/clock.h"
#include "core/base/json_reader.h"

namespace hub::api {

Response handle_messages(const ServedModel& model, const Request& request) {
  const double arrived = base::steady_seconds();
  const ChatRequest chat = messages_request(base::parse_json(request.body, "the request body"));
  return read_translated(messages_field_names(), [&] {
    Generation generation = chat_generation(model, chat);
    generation.arrived = arrived;
    generation.format = std::make_unique<MessagesFormat>(
        answer_head(model, request, MessagesFormat::kIdPrefix, chat.options),
        static_cast<int>(generation.prompts.front().size()),
        request_id_of(request));
    return generate(model, request, std::move(generation));
  });
}

Response handle_count_tokens(const ServedModel& model, const Request& request) {
  const ChatRequest chat = count_tokens_request(base::parse_json(request.body, "the request body"));
  const std::size_t tokens = read_translated(
      messages_field_names(), [&] { return chat_generation(model, chat).prompts.front().size(); });
  return json_response(200, base::Json{{"input_tokens", tokens}}.dump());
}

}  // namespace hub::api
