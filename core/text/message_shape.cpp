#include "core/text/message_shape.h"

#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/lenient_json.h"

namespace hub::text {
namespace {

using base::Json;

// In transformers' order: the first that is there counts.
constexpr std::array<std::string_view, 3> kReasoningFields = {
    "reasoning_content", "thinking", "reasoning"};

[[noreturn]] void refuse(const std::string& path, const std::string& wanted) {
  throw base::Error(
      base::ErrorCode::kInvalidArgument, fmt::format("'{}' must be {}", path, wanted), path);
}

bool deeper_than(const Json& value, int levels) {
  if (!value.is_structured()) {
    return false;
  }
  if (levels == 0) {
    return true;
  }
  for (const Json& item : value) {
    if (deeper_than(item, levels - 1)) {
      return true;
    }
  }
  return false;
}

std::string joined_parts(const Json& parts, const std::string& path) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Json& part = parts[i];
    const std::string part_path = fmt::format("{}[{}]", path, i);
    const auto type = part.is_object() ? part.find("type") : part.end();
    if (!part.is_object() || type == part.end() || !type->is_string()) {
      refuse(part_path, "an object with a string 'type'");
    }
    if (*type != "text") {
      refuse(
          part_path,
          fmt::format("a part of type 'text': this model reads no '{}'", type->get<std::string>()));
    }
    const auto content = part.find("text");
    if (content == part.end() || !content->is_string()) {
      refuse(part_path + ".text", "a string");
    }
    text += content->get_ref<const std::string&>();
  }
  return text;
}

void plain_content(Json& message, const std::string& path) {
  Json& content = message["content"];
  if (content.is_null()) {
    content = "";
  } else if (content.is_array()) {
    content = joined_parts(content, path + ".content");
  } else if (!content.is_string()) {
    refuse(path + ".content", "a string, null or an array of parts");
  }
}

void parse_arguments(Json& message, const std::string& path) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end() || calls->is_null()) {
    return;
  }
  if (!calls->is_array()) {
    refuse(path + ".tool_calls", "an array");
  }
  for (Json& call : *calls) {
    if (!call.is_object()) {
      refuse(path + ".tool_calls", "an array of objects");
    }
    // Some write the function's fields into the call itself.
    const auto inner = call.find("function");
    Json& function = inner != call.end() && inner->is_object() ? *inner : call;
    const auto arguments = function.find("arguments");
    if (arguments == function.end() || !arguments->is_string()) {
      continue;
    }
    auto parsed = base::parse_json_if_valid(arguments->get_ref<const std::string&>());
    // A model may have written what is no JSON; the template then shows it as it is.
    if (parsed && parsed->is_object()) {
      *arguments = *std::move(parsed);
    }
  }
}

// transformers' _alias_reasoning_fields.
void alias_reasoning(Json& message) {
  Json reasoning;
  for (const std::string_view field : kReasoningFields) {
    const auto found = message.find(field);
    if (found != message.end() && !found->is_null()) {
      reasoning = *found;
      break;
    }
  }
  if (reasoning.is_null()) {
    return;
  }
  if (!message.contains("thinking")) {
    Json aliased{{"thinking", reasoning}};
    aliased.update(message);
    message = std::move(aliased);
  }
  message["reasoning_content"] = std::move(reasoning);
}

}  // namespace

void refuse_deeper_than(const Json& value, int levels, std::string_view field) {
  if (deeper_than(value, levels)) {
    refuse(std::string(field), fmt::format("nested at most {} levels deep", levels));
  }
}

Json messages_for_template(const Json& messages) {
  if (!messages.is_array() || messages.empty()) {
    refuse("messages", "an array with at least one message");
  }
  refuse_deeper_than(messages, kMaxDepth, "messages");
  Json result = messages;
  for (std::size_t i = 0; i < result.size(); ++i) {
    Json& message = result[i];
    const std::string path = fmt::format("messages[{}]", i);
    if (!message.is_object()) {
      refuse(path, "an object with 'role' and 'content'");
    }
    const auto role = message.find("role");
    if (role == message.end() || !role->is_string()) {
      refuse(path + ".role", "a string");
    }
    plain_content(message, path);
    parse_arguments(message, path);
    alias_reasoning(message);
  }
  return result;
}

}  // namespace hub::text
