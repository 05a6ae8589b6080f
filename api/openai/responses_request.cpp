#include "api/openai/responses_request.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/responses_items.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

// Fields of other routes that are none of this one's, and those that are translated below.
constexpr std::array<std::string_view, 19> kNotPassedOn{
    "best_of",
    "functions",
    "include",
    "input",
    "instructions",
    "logprobs",
    "max_output_tokens",
    "messages",
    "n",
    "previous_response_id",
    "prompt",
    "reasoning",
    "store",
    "stream_options",
    "text",
    "tool_choice",
    "tools",
    "user",
    "response_format"};

constexpr std::array<FieldName, 9> kNames{
    {{"tools[].function", "tools[]"},
     {"tool_choice.function", "tool_choice"},
     {"tool_choice.allowed_tools.tools[].function", "tool_choice.tools[]"},
     {"tool_choice.allowed_tools", "tool_choice"},
     {"max_completion_tokens", "max_output_tokens"},
     {"response_format.json_schema", "text.format"},
     {"response_format", "text.format"},
     {"reasoning_effort", "reasoning.effort"},
     {"messages", "input"}}};

[[noreturn]] void refuse(const std::string& path, std::string_view wanted, std::string_view got) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("'{}' must be {}, got \"{}\"", path, wanted, got),
      path);
}

void refuse_what_is_not_supported(const JsonReader& body) {
  if (body.optional_bool("background").value_or(false)) {
    refuse_unsupported(body.path_of("background"), "an answer is made while its client waits");
  }
  for (const char* field : {"conversation", "prompt"}) {
    if (body.has(field)) {
      refuse_unsupported(body.path_of(field), "leave it out; previous_response_id goes on");
    }
  }
}

// {"type": "function", "name", …} as {"type": "function", "function": {"name", …}}
Json chat_tool(const JsonReader& tool) {
  if (const std::string type = tool.string("type"); type != "function") {
    refuse_unsupported(
        tool.path_of("type"),
        fmt::format("tools of the client's own (\"function\") were wanted, got \"{}\"", type));
  }
  Json function = {{"name", tool.string("name")}};
  if (auto description = tool.optional_string("description")) {
    function["description"] = std::move(*description);
  }
  if (const Json* parameters = tool.optional_object("parameters")) {
    function["parameters"] = *parameters;
  }
  if (const auto strict = tool.optional_bool("strict")) {
    function["strict"] = *strict;
  }
  return {{"type", "function"}, {"function", std::move(function)}};
}

Json named_function(const JsonReader& choice) {
  if (const std::string type = choice.string("type"); type != "function") {
    refuse_unsupported(
        choice.path_of("type"), fmt::format("\"function\" was wanted, got \"{}\"", type));
  }
  return {{"type", "function"}, {"function", {{"name", choice.string("name")}}}};
}

Json chat_tool_choice(const JsonReader& body) {
  const Json& value = body.value("tool_choice");
  if (value.is_string()) {
    return value;
  }
  const JsonReader choice(value, body.path_of("tool_choice"));
  if (choice.string("type") != "allowed_tools") {
    return named_function(choice);
  }
  Json allowed = {
      {"mode", choice.optional_string("mode").value_or("auto")}, {"tools", Json::array()}};
  static_cast<void>(choice.value("tools"));  // required
  for (const JsonReader& tool : choice.optional_objects("tools")) {
    allowed["tools"].push_back(named_function(tool));
  }
  return {{"type", "allowed_tools"}, {"allowed_tools", std::move(allowed)}};
}

void read_tools(const JsonReader& body, Json& chat) {
  for (const JsonReader& tool : body.optional_objects("tools")) {
    chat["tools"].push_back(chat_tool(tool));
  }
  if (body.has("tool_choice")) {
    Json choice = chat_tool_choice(body);
    // Without tools there is nothing to choose, but a call that is demanded is refused.
    if (chat.contains("tools") || (choice != "auto" && choice != "none")) {
      chat["tool_choice"] = std::move(choice);
    }
  }
}

// {"format": {"type", "name", "schema", "strict"}, "verbosity"}
void read_text(const JsonReader& body, Json& chat) {
  const Json* text = body.optional_object("text");
  const Json* format =
      text == nullptr ? nullptr : JsonReader(*text, body.path_of("text")).optional_object("format");
  if (format == nullptr) {
    return;
  }
  const JsonReader reader(*format, body.path_of("text") + ".format");
  const std::string type = reader.string("type");
  if (type == "json_schema") {
    Json schema = {{"name", reader.optional_string("name").value_or("answer")}};
    schema["schema"] = reader.value("schema");
    if (const auto strict = reader.optional_bool("strict")) {
      schema["strict"] = *strict;
    }
    chat["response_format"] = {{"type", type}, {"json_schema", std::move(schema)}};
  } else if (type == "json_object") {
    chat["response_format"] = {{"type", type}};
  } else if (type != "text") {
    refuse(reader.path_of("type"), "\"text\", \"json_object\" or \"json_schema\"", type);
  }
}

void read_reasoning(const JsonReader& body, Json& chat) {
  const Json* reasoning = body.optional_object("reasoning");
  if (reasoning == nullptr) {
    return;
  }
  const JsonReader reader(*reasoning, body.path_of("reasoning"));
  if (auto effort = reader.optional_string("effort")) {
    chat["reasoning_effort"] = std::move(*effort);
  }
}

// Each token's likelihood is asked for by one of "include", and how many others by "top_logprobs".
void read_logprobs(const JsonReader& body, Json& chat) {
  const auto include = body.optional_strings("include").value_or(std::vector<std::string>{});
  const std::int64_t top =
      body.optional_int("top_logprobs", 0, GenerationOptions::kMaxTopLogprobs).value_or(0);
  const bool included = std::ranges::find(include, "message.output_text.logprobs") != include.end();
  chat.erase("top_logprobs");
  if (included || top > 0) {
    chat["logprobs"] = true;
    chat["top_logprobs"] = top;
  }
}

std::string instructions_of(const JsonReader& body) {
  return body.optional_string("instructions").value_or("");
}

Json or_null(const JsonReader& body, std::string_view field) {
  return body.has(field) ? body.value(field) : Json(nullptr);
}

Json or_else(const JsonReader& body, std::string_view field, const Json& absent) {
  return body.has(field) ? body.value(field) : absent;
}

Json repeated_of(const JsonReader& body, bool store) {
  Json text = or_else(body, "text", Json::object());
  if (!text.contains("format")) {
    text["format"] = {{"type", "text"}};
  }
  Json reasoning = {{"effort", nullptr}, {"summary", nullptr}};
  if (body.has("reasoning")) {
    reasoning.update(body.value("reasoning"));
  }
  return {
      {"background", false},
      {"instructions", or_null(body, "instructions")},
      {"max_output_tokens", or_null(body, "max_output_tokens")},
      {"metadata", or_else(body, "metadata", Json::object())},
      {"parallel_tool_calls", or_else(body, "parallel_tool_calls", true)},
      {"previous_response_id", or_null(body, "previous_response_id")},
      {"prompt_cache_key", or_null(body, "prompt_cache_key")},
      {"reasoning", std::move(reasoning)},
      {"safety_identifier", or_null(body, "safety_identifier")},
      {"service_tier", "default"},
      {"store", store},
      {"temperature", or_else(body, "temperature", 1.0)},
      {"text", std::move(text)},
      {"tool_choice", or_else(body, "tool_choice", "auto")},
      {"tools", or_else(body, "tools", Json::array())},
      {"top_logprobs", or_else(body, "top_logprobs", 0)},
      {"top_p", or_else(body, "top_p", 1.0)},
      {"truncation", or_else(body, "truncation", "disabled")},
      {"user", or_null(body, "user")}};
}

// At most 16 pairs of texts, as OpenAI has it: they are stored.
void check_metadata(const JsonReader& body) {
  constexpr std::size_t most_pairs = 16;
  constexpr std::size_t longest_key = 64;
  constexpr std::size_t longest_value = 512;
  const Json* metadata = body.optional_object("metadata");
  if (metadata == nullptr) {
    return;
  }
  const JsonReader reader(*metadata, body.path_of("metadata"));
  bool fits = metadata->size() <= most_pairs;
  for (const auto& [key, value] : metadata->items()) {
    fits = fits && key.size() <= longest_key && reader.string(key).size() <= longest_value;
  }
  if (!fits) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'metadata' may hold at most {} texts of {} characters under names of {}",
            most_pairs,
            longest_value,
            longest_key),
        "metadata");
  }
}

}  // namespace

std::span<const FieldName> ResponsesRequest::field_names() {
  return kNames;
}

ResponsesRequest ResponsesRequest::from_json(const Json& body) {
  const JsonReader reader(body);
  refuse_what_is_not_supported(reader);
  check_metadata(reader);
  static_cast<void>(reader.optional_string("user"));
  ResponsesRequest request;
  request.store = reader.optional_bool("store").value_or(true);
  request.previous_response_id = reader.optional_string("previous_response_id").value_or("");
  request.items = std::make_shared<const Json>(input_items(reader));
  Json chat = body;
  for (const std::string_view field : kNotPassedOn) {
    chat.erase(std::string(field));
  }
  if (const auto most =
          reader.optional_int("max_output_tokens", 1, std::numeric_limits<int>::max())) {
    chat["max_completion_tokens"] = *most;
  }
  read_tools(reader, chat);
  read_text(reader, chat);
  read_reasoning(reader, chat);
  read_logprobs(reader, chat);
  chat["messages"] = chat_messages(*request.items, instructions_of(reader));
  request.chat = read_translated(kNames, [&chat] { return ChatRequest::from_json(chat); });
  request.repeated = std::make_shared<const Json>(repeated_of(reader, request.store));
  return request;
}

}  // namespace hub::api
