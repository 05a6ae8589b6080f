#include "core/data/row_shape.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/data/chat_shapes.h"
#include "core/data/preference.h"
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

bool has_all(const Json& row, std::initializer_list<const char*> names, bool nulls_count) {
  return std::all_of(names.begin(), names.end(), [&](const char* name) {
    const auto field = row.find(name);
    return field != row.end() && (nulls_count || !field->is_null());
  });
}

// By the names of the fields alone.
std::optional<RowFormat> format_of(const Json& row, bool nulls_count) {
  if (has_all(row, {"chosen", "rejected"}, nulls_count)) {
    return RowFormat::kPreference;
  }
  if (has_all(row, {"prompt", "completion"}, nulls_count)) {
    return RowFormat::kCompletion;
  }
  if (has_all(row, {"prompt", "choices", "answer"}, nulls_count)) {
    return RowFormat::kChoice;
  }
  if (has_all(row, {"messages"}, nulls_count)) {
    return RowFormat::kChat;
  }
  if (has_all(row, {"conversations"}, nulls_count)) {
    return RowFormat::kShareGpt;
  }
  if (has_all(row, {"instruction", "output"}, nulls_count)) {
    return RowFormat::kAlpaca;
  }
  return has_all(row, {"text"}, nulls_count) ? std::optional(RowFormat::kText) : std::nullopt;
}

void check_tools(const Json& row) {
  const auto tools = row_tools(row);
  if (tools && !tools->is_array()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "'tools' must be an array, or one as JSON in a string, got {}", tools->type_name()),
        "tools");
  }
}

void check_messages(const Json& messages) {
  static_cast<void>(text::messages_for_template(messages));
  refuse_empty_turns(messages);
}

void check_pair(const Json& row) {
  const Json pair = preference_pair(row);
  for (const char* field : {"chosen", "rejected"}) {
    try {
      check_messages(pair.at(field));
    } catch (const base::Error& error) {
      throw base::Error(
          error.code(), fmt::format("with '{}' as the answer: {}", field, error.what()), field);
    }
  }
}

[[noreturn]] void refuse_fields(const Json& row) {
  const bool chosen = has_all(row, {"chosen"}, false);
  if (chosen || has_all(row, {"rejected"}, false)) {
    const char* missing = chosen ? "rejected" : "chosen";
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "a preference row needs 'chosen' and 'rejected', and this one has no '{}'; it has {}",
            missing,
            field_names(row)),
        missing);
  }
  throw base::Error(
      base::ErrorCode::kInvalidArgument,
      fmt::format("{}; this one has {}", wanted_fields(), field_names(row)));
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
  // Tables write null for a field that a row does not have.
  const auto format = format_of(row, false);
  if (!format) {
    refuse_fields(row);
  }
  check_tools(row);
  const base::JsonReader fields(row);
  switch (*format) {
    case RowFormat::kCompletion:
      static_cast<void>(fields.string("prompt"));
      static_cast<void>(fields.string("completion"));
      break;
    case RowFormat::kText:
      static_cast<void>(fields.string("text"));
      break;
    case RowFormat::kChoice:
      static_cast<void>(fields.string("prompt"));
      static_cast<void>(answer_index(row));
      break;
    case RowFormat::kAlpaca:
      static_cast<void>(alpaca_messages(row));
      break;
    case RowFormat::kPreference:
      check_pair(row);
      break;
    case RowFormat::kChat:
    case RowFormat::kShareGpt:
      check_messages(row_messages(row, *format));
      break;
  }
  return *format;
}

bool may_be_row(const Json& row) {
  return format_of(row, true).has_value();
}

std::string wanted_fields() {
  return "a row needs 'messages', 'conversations', 'prompt' and 'completion', 'prompt', 'choices' "
         "and 'answer', 'chosen' and 'rejected', 'instruction' and 'output', or 'text'";
}

std::string_view fields_of(RowFormat format) {
  switch (format) {
    case RowFormat::kChat:
      return "'messages'";
    case RowFormat::kCompletion:
      return "'prompt' and 'completion'";
    case RowFormat::kText:
      return "'text' and nothing of another format";
    case RowFormat::kAlpaca:
      return "'instruction' and 'output'";
    case RowFormat::kShareGpt:
      return "'conversations'";
    case RowFormat::kChoice:
      return "'prompt', 'choices' and 'answer'";
    case RowFormat::kPreference:
      return "'chosen' and 'rejected'";
  }
  return "";
}

void parse_json_columns(Json& row) {
  for (const char* name : {"input", "system", "messages", "conversations", "tools", "history"}) {
    const auto column = row.find(name);
    if (column != row.end() && column->is_string() &&
        column->get_ref<const std::string&>().empty()) {
      row.erase(name);
    }
  }
  for (const char* name : {"messages", "conversations", "tools", "history"}) {
    const auto column = row.find(name);
    if (column != row.end() && column->is_string()) {
      *column =
          base::parse_json(column->get_ref<const std::string&>(), fmt::format("column '{}'", name));
    }
  }
  parse_message_columns(row);
}

Json row_messages(const Json& row, RowFormat format) {
  switch (format) {
    case RowFormat::kChat:
      return row.at("messages");
    case RowFormat::kShareGpt:
      return sharegpt_messages(row);
    case RowFormat::kAlpaca:
      return alpaca_messages(row);
    case RowFormat::kPreference:
      return preference_pair(row).at("chosen");
    case RowFormat::kChoice:
      return Json::array(
          {{{"role", "user"}, {"content", row.at("prompt")}},
           {{"role", "assistant"}, {"content", row.at("choices").at(answer_index(row))}}});
    case RowFormat::kCompletion:
    case RowFormat::kText:
      break;
  }
  return Json::array(
      {{{"role", "user"}, {"content", row.at("prompt")}},
       {{"role", "assistant"}, {"content", row.at("completion")}}});
}

std::size_t answer_index(const Json& row) {
  const base::JsonReader fields(row);
  const auto choices = fields.optional_strings("choices").value_or(std::vector<std::string>{});
  const bool filled = std::none_of(
      choices.begin(), choices.end(), [](const std::string& choice) { return choice.empty(); });
  if (choices.size() < 2 || !filled) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "'choices' must be at least two texts, none of them empty",
        "choices");
  }
  const Json& answer = fields.value("answer");
  std::size_t index = choices.size();
  if (answer.is_string()) {
    const auto found = std::find(choices.begin(), choices.end(), answer.get<std::string>());
    index = static_cast<std::size_t>(found - choices.begin());
  } else if (answer.is_number_integer() && answer.get<std::int64_t>() >= 0) {
    index = answer.get<std::size_t>();
  }
  if (index >= choices.size()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "'answer' must be one of the choices, or its number from 0 to {}, got {}",
            choices.size() - 1,
            answer.dump().substr(0, 60)),
        "answer");
  }
  return index;
}

std::optional<Json> row_tools(const Json& row) {
  const auto tools = row.find("tools");
  if (tools == row.end() || tools->is_null()) {
    return std::nullopt;
  }
  if (!tools->is_string()) {
    return *tools;
  }
  const auto& text = tools->get_ref<const std::string&>();
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return std::nullopt;
  }
  return base::parse_json(text, "'tools'");
}

}  // namespace hub::data
