#include "api/worker/responses_handler.h"

#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "api/openai/responses_request.h"
#include "api/openai/responses_response.h"
#include "api/worker/chat_handler.h"
#include "api/worker/generation_handler.h"
#include "core/base/clock.h"
#include "core/base/json_reader.h"

namespace hub::api {

Response handle_responses(const ServedModel& model, const Request& request) {
  const double arrived = base::steady_seconds();
  const ResponsesRequest asked =
      ResponsesRequest::from_json(base::parse_json(request.body, "the request body"));
  return read_translated(ResponsesRequest::field_names(), [&] {
    Generation generation = chat_generation(model, asked.chat);
    generation.arrived = arrived;
    generation.format = std::make_unique<ResponsesFormat>(
        answer_head(model, request, ResponsesFormat::kIdPrefix, asked.chat.options),
        asked.repeated);
    return generate(model, request, std::move(generation));
  });
}

}  // namespace hub::api
