#include "api/anthropic/messages_request.h"

#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/anthropic/message_blocks.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

// Fields that mean the same there and here; the second line is ours beside Anthropic's.
constexpr std::array<std::string_view, 13> kSameFields{
    "model",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stream",
    "seed",
    "min_p",
    "repetition_penalty",
    "keep_alive",
    "priority",
    "truncation",
    "chat_template_kwargs"};

constexpr std::array<FieldName, 7> kNames{
    {{"stop", "stop_sequences"},
     {"tools[].function.parameters", "tools[].input_schema"},
     {"tools[].function", "tools[]"},
     {"tool_choice.function", "tool_choice"},
     {"response_format.json_schema", "output_config.format"},
     {"response_format", "output_config.format"},
     {"parallel_tool_calls", "tool_choice.disable_parallel_tool_use"}}};

// {"type": "enabled" | "adaptive" | "disabled"}: templates of thinking models call it so.
void read_thinking(const JsonReader& body, Json& chat) {
  const Json* thinking = body.optional_object("thinking");
  if (thinking == nullptr) {
    return;
  }
  const JsonReader reader(*thinking, body.path_of("thinking"));
  const std::string type = reader.string("type");
  if (type != "enabled" && type != "adaptive" && type != "disabled") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be \"enabled\", \"adaptive\" or \"disabled\", got \"{}\"",
            reader.path_of("type"),
            type),
        reader.path_of("type"));
  }
  Json& kwargs = chat["chat_template_kwargs"];
  if (kwargs.is_null()) {
    kwargs = Json::object();
  }
  if (kwargs.is_object() && !kwargs.contains("enable_thinking")) {
    kwargs["enable_thinking"] = type != "disabled";
  }
}

// "output_config": {"format": {"type": "json_schema", "schema"}}, and the beta's "output_format".
void read_output_format(const JsonReader& body, Json& chat) {
  const Json* format = body.optional_object("output_format");
  std::string path = body.path_of("output_format");
  if (const Json* config = body.optional_object("output_config")) {
    const JsonReader reader(*config, body.path_of("output_config"));
    if (const Json* inner = reader.optional_object("format")) {
      format = inner;
      path = reader.path_of("format");
    }
  }
  if (format == nullptr) {
    return;
  }
  const JsonReader reader(*format, path);
  if (const std::string type = reader.string("type"); type != "json_schema") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' must be \"json_schema\", got \"{}\"", reader.path_of("type"), type),
        reader.path_of("type"));
  }
  chat["response_format"] = {
      {"type", "json_schema"},
      {"json_schema", {{"name", "output"}, {"schema", reader.value("schema")}}}};
}

Json read_tool(const JsonReader& tool) {
  const std::string type = tool.optional_string("type").value_or("custom");
  if (type != "custom") {
    refuse_unsupported(
        tool.path_of("type"),
        fmt::format("tools of the client's own were wanted, got \"{}\"", type));
  }
  Json function = {{"name", tool.string("name")}};
  if (auto description = tool.optional_string("description")) {
    function["description"] = std::move(*description);
  }
  static_cast<void>(tool.value("input_schema"));  // required
  function["parameters"] = *tool.optional_object("input_schema");
  if (const auto strict = tool.optional_bool("strict")) {
    function["strict"] = *strict;
  }
  return {{"type", "function"}, {"function", std::move(function)}};
}

void read_tool_choice(const JsonReader& body, Json& chat) {
  const Json* choice = body.optional_object("tool_choice");
  if (choice == nullptr) {
    return;
  }
  const JsonReader reader(*choice, body.path_of("tool_choice"));
  const std::string type = reader.string("type");
  if (type == "auto" || type == "none") {
    chat["tool_choice"] = type;
  } else if (type == "any") {
    chat["tool_choice"] = "required";
  } else if (type == "tool") {
    chat["tool_choice"] = {{"type", "function"}, {"function", {{"name", reader.string("name")}}}};
  } else {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be auto, any, tool or none, got \"{}\"", reader.path_of("type"), type),
        reader.path_of("type"));
  }
  if (reader.optional_bool("disable_parallel_tool_use").value_or(false)) {
    chat["parallel_tool_calls"] = false;
  }
}

void read_tools(const JsonReader& body, Json& chat) {
  for (const JsonReader& tool : body.optional_objects("tools")) {
    chat["tools"].push_back(read_tool(tool));
  }
  read_tool_choice(body, chat);
  if (!chat.contains("tools") && chat.contains("tool_choice") &&
      (chat["tool_choice"] == "auto" || chat["tool_choice"] == "none")) {
    chat.erase("tool_choice");  // a call that is demanded without tools is refused, as elsewhere
  }
}

void read_messages(const JsonReader& body, Json& chat) {
  Json& messages = chat["messages"] = Json::array();
  const std::string model = body.optional_string("model").value_or("");
  if (std::string system = read_system(body, model); !system.empty()) {
    messages.push_back({{"role", "system"}, {"content", std::move(system)}});
  }
  static_cast<void>(body.value("messages"));  // required
  const Json& given = *body.optional_array("messages");
  for (const JsonReader& message : body.optional_objects("messages")) {
    append_message(message, model, messages);
  }
  if (given.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'messages' must hold at least one message, got an empty array",
        "messages");
  }
  if (given.back().at("role") == "assistant") {
    refuse_unsupported(
        fmt::format("{}[{}]", body.path_of("messages"), given.size() - 1),
        "an answer begins anew, so that the last message must not be the assistant's");
  }
}

ChatRequest translated(const Json& json) {
  const JsonReader body(json);
  Json chat = Json::object();
  for (const std::string_view field : kSameFields) {
    if (body.has(field)) {
      chat[std::string(field)] = body.value(field);
    }
  }
  if (const auto stops = body.optional_strings("stop_sequences")) {
    chat["stop"] = *stops;
  }
  static_cast<void>(body.optional_object("metadata"));
  if (const Json* servers = body.optional_array("mcp_servers");
      servers != nullptr && !servers->empty()) {
    refuse_unsupported(body.path_of("mcp_servers"), "leave it out");
  }
  read_thinking(body, chat);
  read_output_format(body, chat);
  read_tools(body, chat);
  read_messages(body, chat);
  return read_translated(kNames, [&chat] { return ChatRequest::from_json(chat); });
}

}  // namespace

ChatRequest messages_request(const Json& body) {
  const JsonReader reader(body);
  static_cast<void>(reader.value("max_tokens"));  // required
  return translated(body);
}

std::span<const FieldName> messages_field_names() {
  return kNames;
}

ChatRequest count_tokens_request(const Json& body) {
  return translated(body);
}

}  // namespace hub::api
