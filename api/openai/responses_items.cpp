#include "api/openai/responses_items.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/answer_format.h"
#include "api/openai/generation_options.h"
#include "core/base/error.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

[[noreturn]] void refuse(const std::string& path, std::string_view wanted, std::string_view got) {
  throw Error(
      ErrorCode::kInvalidArgument, fmt::format("'{}' must be {}, got {}", path, wanted, got), path);
}

// What of an item is kept as it came, with an id.
Json begun(const JsonReader& item, std::string_view type, std::string_view id_prefix) {
  std::string id = item.optional_string("id").value_or("");
  return {
      {"id", id.empty() ? new_answer_id(id_prefix) : std::move(id)},
      {"type", type},
      {"status", item.optional_string("status").value_or("completed")}};
}

bool is_text_part(std::string_view type) {
  return type == "input_text" || type == "output_text" || type == "text" ||
         type == "summary_text" || type == "reasoning_text";
}

// The text of one part, which stands at `path`. A refusal is text that the assistant once said.
std::string part_text(const Json& value, const std::string& path, const std::string& model) {
  const JsonReader part(value, path);
  const std::string type = part.string("type");
  if (type == "refusal") {
    return part.string("refusal");
  }
  if (!is_text_part(type)) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}': model \"{}\" reads text only, it cannot take a part of type \"{}\"",
            path,
            model,
            type),
        path,
        "unsupported_content");
  }
  return part.string("text");
}

// The texts of a text or an array of text parts.
std::vector<std::string> texts_of(
    const Json& value, const std::string& path, const std::string& model) {
  if (value.is_string()) {
    return {value.get<std::string>()};
  }
  if (!value.is_array()) {
    refuse(path, "a string or an array of text parts", value.type_name());
  }
  std::vector<std::string> texts;
  for (const Json& part : value) {
    texts.push_back(part_text(part, fmt::format("{}[{}]", path, texts.size()), model));
  }
  return texts;
}

Json parts_json(const std::vector<std::string>& texts, std::string_view type) {
  Json parts = Json::array();
  for (const std::string& text : texts) {
    parts.push_back({{"type", type}, {"text", text}});
    if (type == "output_text") {
      parts.back()["annotations"] = Json::array();
    }
  }
  return parts;
}

Json message_item(const JsonReader& item, const std::string& model) {
  const std::string role = item.string("role");
  if (role != "user" && role != "assistant" && role != "system" && role != "developer") {
    refuse(
        item.path_of("role"), "user, assistant, system or developer", fmt::format("\"{}\"", role));
  }
  Json result = begun(item, "message", "msg_");
  result["role"] = role;
  const auto texts = texts_of(item.value("content"), item.path_of("content"), model);
  result["content"] = parts_json(texts, role == "assistant" ? "output_text" : "input_text");
  return result;
}

Json call_item(const JsonReader& item) {
  Json result = begun(item, "function_call", "fc_");
  for (const char* field : {"call_id", "name", "arguments"}) {
    result[field] = item.string(field);
  }
  return result;
}

Json call_output_item(const JsonReader& item, const std::string& model) {
  Json result = begun(item, "function_call_output", "fco_");
  result["call_id"] = item.string("call_id");
  std::string output;
  for (const std::string& text : texts_of(item.value("output"), item.path_of("output"), model)) {
    output += text;
  }
  result["output"] = std::move(output);
  return result;
}

// What only OpenAI can read of it ("encrypted_content") says nothing here.
Json reasoning_item(const JsonReader& item, const std::string& model) {
  Json result = begun(item, "reasoning", "rs_");
  for (const auto& [field, type] :
       {std::pair("summary", "summary_text"), std::pair("content", "reasoning_text")}) {
    result[field] = Json::array();
    if (const Json* parts = item.optional_array(field)) {
      result[field] = parts_json(texts_of(*parts, item.path_of(field), model), type);
    }
  }
  return result;
}

Json item_of(const JsonReader& item, const std::string& model) {
  const std::string type = item.optional_string("type").value_or("message");
  if (type == "message") {
    return message_item(item, model);
  }
  if (type == "function_call") {
    return call_item(item);
  }
  if (type == "function_call_output") {
    return call_output_item(item, model);
  }
  if (type == "reasoning") {
    return reasoning_item(item, model);
  }
  refuse_unsupported(
      item.path_of("type"),
      fmt::format(
          "message, function_call, function_call_output and reasoning were wanted, got \"{}\"",
          type));
}

std::string joined(const Json& parts) {
  std::string text;
  for (const Json& part : parts) {
    text += part.at("text").get_ref<const std::string&>();
  }
  return text;
}

// Messages while they are made of items.
class Messages {
 public:
  explicit Messages(const std::string& instructions) {
    if (!instructions.empty()) {
      add("system", instructions);
    }
  }

  void add(const Json& item) {
    const auto type = item.at("type").get<std::string>();
    if (type == "function_call_output") {
      messages_.push_back(
          {{"role", "tool"}, {"tool_call_id", item.at("call_id")}, {"content", item.at("output")}});
    } else if (type == "function_call") {
      add_call(item);
    } else if (type == "reasoning") {
      const std::string text =
          joined(item.at("content").empty() ? item.at("summary") : item.at("content"));
      if (!text.empty()) {
        add("assistant", "");
        messages_.back()["reasoning_content"] = text;
      }
    } else if (item.at("role") == "assistant" && only_thought()) {
      messages_.back()["content"] = joined(item.at("content"));
    } else {
      add(item.at("role").get<std::string>(), joined(item.at("content")));
    }
  }

  Json take() { return std::move(messages_); }

 private:
  void add(const std::string& role, const std::string& content) {
    messages_.push_back({{"role", role}, {"content", content}});
  }
  [[nodiscard]] bool only_thought() const {
    return !messages_.empty() && messages_.back().contains("reasoning_content") &&
           messages_.back().at("content") == Json("") && !messages_.back().contains("tool_calls");
  }
  void add_call(const Json& item) {
    if (messages_.empty() || messages_.back().at("role") != "assistant") {
      add("assistant", "");
    }
    messages_.back()["tool_calls"].push_back(
        {{"id", item.at("call_id")},
         {"type", "function"},
         {"function", {{"name", item.at("name")}, {"arguments", item.at("arguments")}}}});
  }

  Json messages_ = Json::array();
};

}  // namespace

Json input_items(const JsonReader& body) {
  const Json& input = body.value("input");
  const std::string path = body.path_of("input");
  const std::string model = body.optional_string("model").value_or("");
  Json items = Json::array();
  if (input.is_string()) {
    const Json message = {{"role", "user"}, {"content", input}};
    items.push_back(message_item(JsonReader(message, path), model));
    return items;
  }
  if (!input.is_array() || input.empty()) {
    refuse(
        path,
        "a string or a non-empty array of items",
        input.is_array() ? "an empty array" : input.type_name());
  }
  for (const Json& item : input) {
    items.push_back(item_of(JsonReader(item, fmt::format("{}[{}]", path, items.size())), model));
  }
  return items;
}

Json chat_messages(const Json& items, const std::string& instructions) {
  Messages messages(instructions);
  for (const Json& item : items) {
    messages.add(item);
  }
  return messages.take();
}

}  // namespace hub::api
