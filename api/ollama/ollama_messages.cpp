#include "api/ollama/ollama_messages.h"

#include <deque>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/generation_options.h"

namespace hub::api {

namespace {

using base::Json;
using base::JsonReader;

// Turns messages one after another.
class Conversation {
 public:
  Json read(const JsonReader& message) {
    Json one = {
        {"role", message.string("role")},
        {"content", message.optional_string("content").value_or("")}};
    if (const Json* images = message.optional_array("images");
        images != nullptr && !images->empty()) {
      refuse_unsupported(message.path_of("images"), "the model reads text only: leave it out");
    }
    if (auto thinking = message.optional_string("thinking"); thinking && !thinking->empty()) {
      one["reasoning_content"] = std::move(*thinking);
    }
    if (one["role"] == "tool") {
      one["tool_call_id"] = answered(message.optional_string("tool_name").value_or(""));
    }
    for (const JsonReader& call : message.optional_objects("tool_calls")) {
      one["tool_calls"].push_back(read_call(call));
    }
    return one;
  }

 private:
  Json read_call(const JsonReader& call) {
    static_cast<void>(call.value("function"));  // required
    const JsonReader function(*call.optional_object("function"), call.path_of("function"));
    const std::string name = function.string("name");
    const Json* arguments = function.optional_object("arguments");
    open_.emplace_back(name, fmt::format("call_{}", calls_++));
    return {
        {"id", open_.back().second},
        {"type", "function"},
        {"function",
         {{"name", name}, {"arguments", arguments == nullptr ? "{}" : arguments->dump()}}}};
  }

  // The id of the call that a tool's answer belongs to.
  std::string answered(const std::string& name) {
    for (auto call = open_.begin(); call != open_.end(); ++call) {
      if (name.empty() || call->first == name) {
        std::string id = std::move(call->second);
        open_.erase(call);
        return id;
      }
    }
    return fmt::format("call_{}", calls_++);
  }

  std::deque<std::pair<std::string, std::string>> open_;  // name and id of calls without an answer
  int calls_ = 0;
};

}  // namespace

Json ollama_messages(const JsonReader& body) {
  Json messages = Json::array();
  Conversation conversation;
  static_cast<void>(body.value("messages"));  // required
  for (const JsonReader& message : body.optional_objects("messages")) {
    messages.push_back(conversation.read(message));
  }
  return messages;
}

}  // namespace hub::api
