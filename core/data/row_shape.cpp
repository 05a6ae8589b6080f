#include "core/data/row_shape.h"

#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/text/message_shape.h"

namespace hub::data {
namespace {

using base::Json;

std::string field_names(const Json& row) {
  std::string names;
  for (const auto& [name, value] : row.items()) {
    if (names.size() > 80) {
      return names + ", …";
    }
    names += (names.empty() ? "'" : ", '") + name + "'";
  }
  return names.empty() ? "no field" : names;
}

// A turn without content is what an export that went wrong looks like; only a turn of tool calls
// may have none.
void refuse_empty_turns(const Json& messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const base::JsonReader message(messages[i], fmt::format("messages[{}]", i));
    if (!message.has("content") && !message.has("tool_calls")) {
      static_cast<void>(message.value("content"));  // throws: it is required
    }
  }
}

}  // namespace

RowFormat check_row(const Json& row) {
  if (!row.is_object()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("a row must be a JSON object, got {}", row.type_name()));
  }
  // First of all: complaints show the value, and writing JSON recurses.
  text::refuse_deeper_than(row, text::kMaxDepth, "the row");
  const base::JsonReader fields(row);
  static_cast<void>(fields.optional_array("tools"));
  if (fields.has("prompt") && fields.has("completion")) {
    static_cast<void>(fields.string("prompt"));
    static_cast<void>(fields.string("completion"));
    return RowFormat::kCompletion;
  }
  if (fields.has("messages")) {
    static_cast<void>(text::messages_for_template(fields.value("messages")));
    refuse_empty_turns(fields.value("messages"));
    return RowFormat::kChat;
  }
  if (fields.has("text")) {
    static_cast<void>(fields.string("text"));
    return RowFormat::kText;
  }
  throw base::Error(
      base::ErrorCode::kInvalidArgument,
      fmt::format(
          "a row needs 'messages', 'prompt' and 'completion', or 'text'; this one has {}",
          field_names(row)));
}

Json row_messages(const Json& row, RowFormat format) {
  if (format == RowFormat::kChat) {
    return row.at("messages");
  }
  return Json::array(
      {{{"role", "user"}, {"content", row.at("prompt")}},
       {{"role", "assistant"}, {"content", row.at("completion")}}});
}

const Json* row_tools(const Json& row) {
  const auto tools = row.find("tools");
  return tools == row.end() || tools->is_null() ? nullptr : &*tools;
}

}  // namespace hub::data
