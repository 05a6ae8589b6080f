#include "core/chat/tool_prompt.h"

#include <algorithm>
#include <map>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/lenient_json.h"
#include "core/chat/json_text.h"

namespace hub::chat {
namespace {

using base::Json;

std::string text_of(const Json& message) {
  const auto content = message.find("content");
  return content != message.end() && content->is_string() ? content->get<std::string>()
                                                          : std::string();
}

// Remembers the calls' names by id.
Json called(const Json& message, std::map<std::string, std::string>& names) {
  Json calls = Json::array();
  for (const Json& call : message["tool_calls"]) {
    const Json& function = call.contains("function") ? call["function"] : call;
    Json arguments = function.value("arguments", Json::object());
    if (arguments.is_string()) {
      if (auto parsed = base::parse_json_if_valid(arguments.get_ref<const std::string&>())) {
        arguments = *std::move(parsed);
      }
    }
    const std::string name = function.value("name", "");
    if (call.contains("id") && call["id"].is_string()) {
      names[call["id"].get<std::string>()] = name;
    }
    calls.push_back({{"name", name}, {"arguments", std::move(arguments)}});
  }
  const std::string before = text_of(message);
  return {
      {"role", "assistant"},
      {"content",
       (before.empty() ? "" : before + "\n") + json_text(Json{{"tool_calls", std::move(calls)}})}};
}

Json plain_messages(const Json& messages) {
  std::map<std::string, std::string> names;
  Json result = Json::array();
  bool after_result = false;
  for (const Json& message : messages) {
    const bool is_result = message["role"] == "tool";
    if (is_result) {
      const auto name = names.find(message.value("tool_call_id", ""));
      const std::string text = fmt::format(
          "Result of {}:\n{}",
          name == names.end() ? message.value("name", "the function") : name->second,
          text_of(message));
      if (after_result) {
        result.back()["content"] = text_of(result.back()) + "\n\n" + text;
      } else {
        result.push_back({{"role", "user"}, {"content", text}});
      }
    } else if (message.contains("tool_calls") && !message["tool_calls"].empty()) {
      result.push_back(called(message, names));
    } else {
      result.push_back(message);
    }
    after_result = is_result;
  }
  return result;
}

}  // namespace

Json tools_for_template(const std::vector<Tool>& tools) {
  Json result = Json::array();
  for (const Tool& tool : tools) {
    Json function = {{"name", tool.name}};
    if (tool.description) {
      function["description"] = *tool.description;
    }
    function["parameters"] = tool.parameters && tool.parameters->is_object()
                                 ? *tool.parameters
                                 : Json{{"type", "object"}, {"properties", Json::object()}};
    result.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return result;
}

std::string tool_instructions(const std::vector<Tool>& tools, bool must_call) {
  std::string text = "You can call these functions:\n";
  for (const Json& tool : tools_for_template(tools)) {
    text += json_text(tool["function"]) + "\n";
  }
  text +=
      "\nTo call functions, answer with nothing but JSON of this form:\n"
      R"({"tool_calls": [{"name": "function", "arguments": {"argument": "value"}}]})"
      "\nTheir results come in the next message.";
  text += must_call ? " You must call a function now."
                    : " Where no function is needed, answer in plain text.";
  return text;
}

Json messages_without_tools(const Json& messages, const std::string& instructions) {
  Json result = plain_messages(messages);
  if (instructions.empty()) {
    return result;
  }
  if (!result.empty() && result.front()["role"] == "system") {
    const std::string before = text_of(result.front());
    result.front()["content"] = before.empty() ? instructions : before + "\n\n" + instructions;
    return result;
  }
  result.insert(result.begin(), Json{{"role", "system"}, {"content", instructions}});
  return result;
}

Json messages_without_system(const Json& messages, const std::string& instructions) {
  Json result = plain_messages(messages);
  const auto first =
      std::ranges::find_if(result, [](const Json& message) { return message["role"] == "user"; });
  if (first != result.end()) {
    (*first)["content"] = instructions + "\n\n" + text_of(*first);
  }
  return result;
}

}  // namespace hub::chat
