#include "api/worker/generation_handler.h"

#include <charconv>
#include <utility>
#include <vector>

#include "api/worker/prompt_room.h"
#include "api/worker/running_answer.h"
#include "core/base/clock.h"

namespace hub::api {

namespace {

// As the proxy told it, which alone can set the header; 0 where it said nothing.
double load_seconds(const Request& request) {
  const std::string text = request.header("x-hub-load-seconds");
  double seconds = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return seconds;
}

}  // namespace

Response generate(const ServedModel& model, const Request& request, Generation generation) {
  const bool streaming = generation.options.stream;
  if (const auto tokens = generation.options.truncate_prompt_tokens) {
    const int most = *tokens > 0 ? *tokens : prompt_room(model, generation.options);
    for (std::vector<int>& prompt : generation.prompts) {
      keep_last(prompt, most);
    }
  }
  // Shared because std::function must be copyable; there is one owner at a time.
  auto answer = std::make_shared<RunningAnswer>(model, request, std::move(generation));
  if (!streaming) {
    return json_response(200, answer->collect());
  }
  Response response;
  response.headers["Content-Type"] = answer->stream_type();
  response.headers["Cache-Control"] = "no-cache";
  response.headers["X-Accel-Buffering"] = "no";
  response.stream = [answer](BodyWriter& body) { answer->write(body); };
  return response;
}

AnswerHead answer_head(
    const ServedModel& model,
    const Request& request,
    std::string_view id_prefix,
    const GenerationOptions& options) {
  const std::string name = request.header("x-hub-model");
  return {
      .id = new_answer_id(id_prefix),
      .created_s = base::SystemClock().now_ms() / 1000,
      .model = name.empty() ? model.name : name,
      .include_usage = options.include_usage,
      .logprobs = options.logprobs,
      .load_seconds = load_seconds(request)};
}

}  // namespace hub::api
