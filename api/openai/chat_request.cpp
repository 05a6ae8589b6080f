#include "api/openai/chat_request.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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
  if (role != "system" && role != "user" && role != "assistant") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be system, developer, user or assistant, got \"{}\"",
            message.path_of("role"),
            role),
        message.path_of("role"));
  }
  return role;
}

// The text parts joined.
std::string read_parts(const Json& parts, const std::string& path) {
  std::string text;
  std::size_t index = 0;
  for (const Json& part : parts) {
    const JsonReader reader(part, fmt::format("{}[{}]", path, index++));
    const std::string type = reader.string("type");
    if (type != "text") {
      refuse_unsupported(
          reader.path_of("type"), fmt::format("\"text\" was wanted, got \"{}\"", type));
    }
    text += reader.string("text");
  }
  return text;
}

std::string read_content(const JsonReader& message) {
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
  return read_parts(content, path);
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

ChatMessage read_message(const Json& value, std::size_t index) {
  const JsonReader message(value, fmt::format("messages[{}]", index));
  ChatMessage result;
  result.role = read_role(message);
  for (const char* key : {"tool_calls", "function_call"}) {
    if (message.has(key) && !message.value(key).empty()) {
      refuse_unsupported(message.path_of(key), "leave it out");
    }
  }
  result.content = read_content(message);
  result.name = message.optional_string("name");
  return result;
}

}  // namespace

ChatRequest ChatRequest::from_json(const Json& body) {
  const JsonReader reader(body);
  ChatRequest request;
  request.options = GenerationOptions::from_json(reader);
  read_logprobs(reader, request.options);
  static_cast<void>(reader.value("messages"));  // required
  for (const Json& message : *reader.optional_array("messages")) {
    request.messages.push_back(read_message(message, request.messages.size()));
  }
  if (request.messages.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'messages' must hold at least one message, got an empty array",
        "messages");
  }
  if (const Json* kwargs = reader.optional_object("chat_template_kwargs")) {
    request.template_kwargs = std::make_shared<const Json>(*kwargs);
  }
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
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i >= kept && i < kept + dropped) {
      continue;
    }
    const ChatMessage& message = messages[i];
    Json one = {{"role", message.role}, {"content", message.content}};
    if (message.name) {
      one["name"] = *message.name;
    }
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace hub::api
