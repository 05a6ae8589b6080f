#include "api/openai/chat_request.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/tool_fields.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

std::string read_role(const JsonReader& message) {
  std::string role = message.string("role");
  if (role == "developer") {
    return "system";
  }
  if (role != "system" && role != "user" && role != "assistant" && role != "tool") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be system, developer, user, assistant or tool, got \"{}\"",
            message.path_of("role"),
            role),
        message.path_of("role"));
  }
  return role;
}

// The text parts joined.
std::string read_parts(const Json& parts, const std::string& path, std::string_view model) {
  std::string text;
  std::size_t index = 0;
  for (const Json& part : parts) {
    const JsonReader reader(part, fmt::format("{}[{}]", path, index++));
    const std::string type = reader.string("type");
    if (type != "text" && type != "refusal") {
      const std::string at = fmt::format("{}[{}]", path, index - 1);
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "'{}': model \"{}\" reads text only, it cannot take a part of type \"{}\"",
              at,
              model,
              type),
          at,
          "unsupported_content");
    }
    text += reader.string(type);
  }
  return text;
}

std::string read_content(const JsonReader& message, std::string_view model) {
  const Json& content = message.value("content");
  const std::string path = message.path_of("content");
  if (content.is_string()) {
    return content.get<std::string>();
  }
  if (!content.is_array() || content.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be a string or a non-empty array of text parts, got {}",
            path,
            content.is_array() ? "an empty array" : content.type_name()),
        path);
  }
  return read_parts(content, path, model);
}

// "logprobs": true, and with it "top_logprobs"; mlx-lm writes -1 for none.
void read_logprobs(const JsonReader& body, GenerationOptions& options) {
  options.logprobs = body.optional_bool("logprobs").value_or(false);
  const std::int64_t top =
      body.optional_int("top_logprobs", -1, GenerationOptions::kMaxTopLogprobs).value_or(0);
  if (top > 0 && !options.logprobs) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'top_logprobs' must come with 'logprobs': true",
        "top_logprobs");
  }
  options.sampling.top_logprobs = std::max(static_cast<int>(top), 0);
}

// What an assistant thought, under the names that servers give it.
std::optional<std::string> read_reasoning(const JsonReader& message) {
  for (const char* key : {"reasoning_content", "thinking", "reasoning"}) {
    if (message.has(key) && message.value(key).is_string()) {
      return message.string(key);
    }
  }
  return std::nullopt;
}

ChatMessage read_message(const Json& value, std::size_t index, std::string_view model) {
  const JsonReader message(value, fmt::format("messages[{}]", index));
  ChatMessage result;
  result.role = read_role(message);
  refuse_if_asked(message, "function_call", "'tool_calls' is its successor");
  refuse_if_asked(message, "audio", "answers are text");
  result.name = message.optional_string("name");
  if (result.role == "assistant") {
    result.tool_calls = read_tool_calls(message);
    result.reasoning = read_reasoning(message);
  } else {
    refuse_if_asked(message, "tool_calls", "only an assistant's message has them");
  }
  if (result.role == "tool") {
    result.tool_call_id = message.string("tool_call_id");
  }
  // An answer that was calls only has no content.
  if (message.has("content") || result.tool_calls.empty()) {
    result.content = read_content(message, model);
  }
  return result;
}

// "reasoning_effort" and "chat_template_kwargs" as the template's variables. Templates know the
// effort by its name (gpt-oss) or only whether there is any (Qwen 3's enable_thinking); what the
// client says in template variables itself counts.
std::shared_ptr<const Json> read_template_kwargs(const JsonReader& body) {
  const Json* given = body.optional_object("chat_template_kwargs");
  Json kwargs = given == nullptr ? Json::object() : *given;
  if (const auto effort = body.optional_string("reasoning_effort")) {
    constexpr std::array<std::string_view, 7> efforts = {
        "none", "minimal", "low", "medium", "high", "xhigh", "max"};
    if (std::ranges::find(efforts, *effort) == efforts.end()) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "'{}' must be one of {}, got \"{}\"",
              body.path_of("reasoning_effort"),
              fmt::join(efforts, ", "),
              *effort),
          body.path_of("reasoning_effort"));
    }
    if (!kwargs.contains("reasoning_effort")) {
      kwargs["reasoning_effort"] = *effort;
    }
    if (!kwargs.contains("enable_thinking")) {
      kwargs["enable_thinking"] = *effort != "none";
    }
  }
  return kwargs.empty() && given == nullptr ? nullptr
                                            : std::make_shared<const Json>(std::move(kwargs));
}

// As llama.cpp's: "none" leaves reasoning in the text; "auto" and "deepseek" take it out.
bool read_reasoning_format(const JsonReader& body) {
  const std::string format = body.optional_string("reasoning_format").value_or("auto");
  if (format != "none" && format != "auto" && format != "deepseek") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be \"auto\", \"deepseek\" or \"none\", got \"{}\"",
            body.path_of("reasoning_format"),
            format),
        body.path_of("reasoning_format"));
  }
  return format != "none";
}

// Fields that would change the answer in ways that no model here has.
void refuse_what_is_not_supported(const JsonReader& body) {
  refuse_if_asked(body, "functions", "'tools' is its successor");
  refuse_if_asked(body, "function_call", "'tool_choice' is its successor");
  refuse_if_asked(body, "web_search_options", "the hub searches nothing");
  const Json* modalities = body.optional_array("modalities");
  for (const Json& modality : modalities == nullptr ? Json::array() : *modalities) {
    if (modality != "text") {
      refuse_unsupported(body.path_of("modalities"), "answers are [\"text\"]");
    }
  }
}

}  // namespace

ChatRequest ChatRequest::from_json(const Json& body) {
  const JsonReader reader(body);
  ChatRequest request;
  request.options = GenerationOptions::from_json(reader);
  refuse_what_is_not_supported(reader);
  read_logprobs(reader, request.options);
  request.tools = read_tools(reader);
  request.tool_choice = read_tool_choice(reader, request.tools);
  static_cast<void>(reader.value("messages"));  // required
  for (const Json& message : *reader.optional_array("messages")) {
    request.messages.push_back(
        read_message(message, request.messages.size(), request.options.model));
  }
  if (request.messages.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'messages' must hold at least one message, got an empty array",
        "messages");
  }
  request.template_kwargs = read_template_kwargs(reader);
  request.parse_reasoning = read_reasoning_format(reader);
  return request;
}

std::size_t ChatRequest::system_messages() const {
  const auto other = std::ranges::find_if(
      messages, [](const ChatMessage& message) { return message.role != "system"; });
  return static_cast<std::size_t>(other - messages.begin());
}

std::vector<std::size_t> ChatRequest::droppable() const {
  const std::size_t kept = system_messages();
  std::vector<std::size_t> counts{0};
  for (std::size_t i = kept + 1; i < messages.size(); ++i) {
    if (messages[i].role == "user") {
      counts.push_back(i - kept);
    }
  }
  return counts;
}

Json ChatRequest::template_messages(std::size_t dropped) const {
  const std::size_t kept = system_messages();
  Json result = Json::array();
  std::map<std::string, std::string, std::less<>> names;  // of calls by their id
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i >= kept && i < kept + dropped) {
      continue;
    }
    const ChatMessage& message = messages[i];
    Json one = {{"role", message.role}, {"content", message.content}};
    if (message.name) {
      one["name"] = *message.name;
    }
    if (message.reasoning) {
      one["reasoning_content"] = *message.reasoning;
    }
    for (const chat::ToolCall& call : message.tool_calls) {
      names[call.id] = call.name;
      one["tool_calls"].push_back(
          {{"id", call.id},
           {"type", "function"},
           {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
    }
    if (message.tool_call_id) {
      one["tool_call_id"] = *message.tool_call_id;
      // Some templates show a result under its function's name.
      if (const auto name = names.find(*message.tool_call_id);
          name != names.end() && !message.name) {
        one["name"] = name->second;
      }
    }
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace hub::api
