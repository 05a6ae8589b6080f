#include "core/data/chat_shapes.h"

#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/lenient_json.h"

namespace hub::data {
namespace {

using base::Json;
using base::JsonReader;

struct RoleName {
  std::string_view from;
  std::string_view role;
};
constexpr std::array<RoleName, 13> kRoles{{
    {"human", "user"},
    {"user", "user"},
    {"gpt", "assistant"},
    {"chatgpt", "assistant"},
    {"assistant", "assistant"},
    {"model", "assistant"},
    {"bing", "assistant"},
    {"bard", "assistant"},
    {"system", "system"},
    {"tool", "tool"},
    {"observation", "tool"},
    {"function_response", "tool"},
    {"function_call", "assistant"},
}};

[[noreturn]] void refuse(const std::string& path, const std::string& wanted) {
  throw base::Error(
      base::ErrorCode::kInvalidArgument, fmt::format("'{}' must be {}", path, wanted), path);
}

std::string role_of(const std::string& from, const std::string& path) {
  std::string known;
  for (const RoleName& name : kRoles) {
    if (name.from == from) {
      return std::string(name.role);
    }
    known += fmt::format("{}{}", known.empty() ? "" : ", ", name.from);
  }
  refuse(path, fmt::format("one of {}, got \"{}\"", known, from.substr(0, 60)));
}

// {"name","arguments"} as JSON in the value.
Json tool_call(const std::string& value, const std::string& path) {
  const auto call = base::parse_json_if_valid(value);
  if (!call || !call->is_object() || !call->contains("name") || !call->at("name").is_string()) {
    refuse(path, "a JSON object with 'name' and 'arguments', since 'from' is function_call");
  }
  const Json arguments = call->value("arguments", Json::object());
  Json function = {{"name", call->at("name")}, {"arguments", arguments}};
  return Json::array({{{"type", "function"}, {"function", std::move(function)}}});
}

Json sharegpt_message(const Json& turn, const std::string& path) {
  const JsonReader reader(turn, path);
  if (!reader.has("from") && reader.has("role")) {
    return turn;
  }
  const std::string from = reader.string("from");
  Json message = {{"role", role_of(from, path + ".from")}};
  if (from == "function_call") {
    message["content"] = "";
    message["tool_calls"] = tool_call(reader.string("value"), path + ".value");
  } else {
    message["content"] = reader.string("value");
  }
  return message;
}

void add_system(Json& messages, const Json& row) {
  const std::string system = JsonReader(row).optional_string("system").value_or("");
  if (!system.empty()) {
    messages.push_back({{"role", "system"}, {"content", system}});
  }
}

Json user_and_assistant(const Json& question, const Json& answer) {
  return Json::array(
      {{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", answer}}});
}

std::string input_of(const Json& row) {
  return JsonReader(row).optional_string("input").value_or("");
}

}  // namespace

Json sharegpt_messages(const Json& row) {
  const JsonReader fields(row);
  const Json* turns = fields.optional_array("conversations");
  if (turns == nullptr || turns->empty()) {
    refuse("conversations", "an array with at least one turn");
  }
  Json messages = Json::array();
  add_system(messages, row);
  for (std::size_t i = 0; i < turns->size(); ++i) {
    messages.push_back(sharegpt_message((*turns)[i], fmt::format("conversations[{}]", i)));
  }
  return messages;
}

Json alpaca_messages(const Json& row) {
  const JsonReader fields(row);
  Json messages = Json::array();
  add_system(messages, row);
  if (const Json* history = fields.optional_array("history")) {
    for (std::size_t i = 0; i < history->size(); ++i) {
      const Json& pair = (*history)[i];
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
        refuse(fmt::format("history[{}]", i), "an array of a question and an answer");
      }
      for (const Json& message : user_and_assistant(pair[0], pair[1])) {
        messages.push_back(message);
      }
    }
  }
  const std::string input = input_of(row);
  std::string question = fields.string("instruction");
  if (!input.empty()) {
    question += (question.empty() ? "" : "\n\n") + input;
  }
  for (const Json& message : user_and_assistant(question, fields.string("output"))) {
    messages.push_back(message);
  }
  return messages;
}

std::string alpaca_prompt(const Json& row) {
  for (const char* name : {"system", "history"}) {
    const auto field = row.find(name);
    if (field != row.end() && !field->is_null() && !field->empty() &&
        !(field->is_string() && field->get_ref<const std::string&>().empty())) {
      refuse(name, "absent or empty for a model without a chat template");
    }
  }
  const std::string instruction = JsonReader(row).string("instruction");
  const std::string input = input_of(row);
  if (input.empty()) {
    return fmt::format(
        "Below is an instruction that describes a task. Write a response that appropriately "
        "completes the request.\n\n### Instruction:\n{}\n\n### Response:\n",
        instruction);
  }
  return fmt::format(
      "Below is an instruction that describes a task, paired with an input that provides further "
      "context. Write a response that appropriately completes the request.\n\n### "
      "Instruction:\n{}\n\n### Input:\n{}\n\n### Response:\n",
      instruction,
      input);
}

}  // namespace hub::data
