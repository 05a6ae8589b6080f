#include "api/anthropic/message_blocks.h"

#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/generation_options.h"
#include "core/base/error.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::string_view kBill = "x-anthropic-billing-header:";

[[noreturn]] void refuse(const std::string& path, std::string_view wanted, std::string_view got) {
  throw Error(
      ErrorCode::kInvalidArgument, fmt::format("'{}' must be {}, got {}", path, wanted, got), path);
}

[[noreturn]] void refuse_block(
    const JsonReader& block, std::string_view type, std::string_view model) {
  if (type == "image" || type == "document") {
    refuse_unsupported(
        block.path_of("type"),
        fmt::format("the model \"{}\" reads text only, got \"{}\"", model, type));
  }
  refuse_unsupported(
      block.path_of("type"),
      fmt::format("text, thinking, tool_use and tool_result were wanted, got \"{}\"", type));
}

// A text, or the texts of an array of text blocks, `between` them.
std::string read_text(
    const Json& content,
    const std::string& path,
    std::string_view model,
    std::string_view between) {
  if (content.is_string()) {
    return content.get<std::string>();
  }
  if (!content.is_array()) {
    refuse(path, "a string or an array of text blocks", content.type_name());
  }
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const JsonReader block(content[i], fmt::format("{}[{}]", path, i));
    if (const std::string type = block.string("type"); type != "text") {
      refuse_block(block, type, model);
    }
    const std::string part = block.string("text");
    if (!part.starts_with(kBill)) {
      text += (text.empty() ? "" : std::string(between)) + part;
    }
  }
  return text;
}

// What the blocks of one message come to.
struct Parts {
  std::string text;
  std::string reasoning;
  Json calls = Json::array();
  Json results = Json::array();  // messages of role "tool"
};

void read_tool_use(const JsonReader& block, Parts& parts) {
  static_cast<void>(block.value("input"));  // required
  parts.calls.push_back(
      {{"id", block.string("id")},
       {"type", "function"},
       {"function",
        {{"name", block.string("name")}, {"arguments", block.optional_object("input")->dump()}}}});
}

void read_tool_result(const JsonReader& block, const std::string& model, Parts& parts) {
  static_cast<void>(block.optional_bool("is_error"));  // the text says what went wrong
  const std::string content =
      block.has("content")
          ? read_text(block.value("content"), block.path_of("content"), model, "\n")
          : "";
  parts.results.push_back(
      {{"role", "tool"}, {"tool_call_id", block.string("tool_use_id")}, {"content", content}});
}

void read_block(
    const JsonReader& block, const std::string& role, const std::string& model, Parts& parts) {
  const std::string type = block.string("type");
  const bool is_assistant = role == "assistant";
  if (type == "text") {
    parts.text += block.string("text");
  } else if (type == "thinking" && is_assistant) {
    parts.reasoning += block.string("thinking");
  } else if (type == "redacted_thinking" && is_assistant) {
    // Nobody can read it but who wrote it.
  } else if (type == "tool_use" && is_assistant) {
    read_tool_use(block, parts);
  } else if (type == "tool_result" && role == "user") {
    read_tool_result(block, model, parts);
  } else {
    refuse_block(block, type, model);
  }
}

}  // namespace

std::string read_system(const JsonReader& body, const std::string& model) {
  if (!body.has("system")) {
    return {};
  }
  return read_text(body.value("system"), body.path_of("system"), model, "\n");
}

void append_message(const JsonReader& message, const std::string& model, Json& messages) {
  const std::string role = message.string("role");
  if (role != "user" && role != "assistant" && role != "system") {
    refuse(message.path_of("role"), "user or assistant", fmt::format("\"{}\"", role));
  }
  const Json& content = message.value("content");
  Parts parts;
  if (content.is_string()) {
    parts.text = content.get<std::string>();
  } else if (content.is_array()) {
    for (const JsonReader& block : message.optional_objects("content")) {
      read_block(block, role, model, parts);
    }
  } else {
    refuse(message.path_of("content"), "a string or an array of blocks", content.type_name());
  }
  for (Json& result : parts.results) {
    messages.push_back(std::move(result));
  }
  if (!parts.results.empty() && parts.text.empty()) {
    return;
  }
  Json one = {{"role", role}, {"content", std::move(parts.text)}};
  if (!parts.reasoning.empty()) {
    one["reasoning_content"] = std::move(parts.reasoning);
  }
  if (!parts.calls.empty()) {
    one["tool_calls"] = std::move(parts.calls);
  }
  messages.push_back(std::move(one));
}

}  // namespace hub::api
