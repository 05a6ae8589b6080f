#include "core/chat/tool.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/base/lenient_json.h"

namespace hub::chat {

std::optional<base::Json> arguments_of(const ToolCall& call) {
  auto arguments = base::parse_json_if_valid(call.arguments);
  return arguments && arguments->is_object() ? std::move(arguments) : std::nullopt;
}

std::string shown_as_text(const ToolCall& call) {
  return call.name + (call.arguments.empty() ? "" : " ") + call.arguments;
}

bool may_call(const ToolChoice& choice, const std::string& name) {
  return choice.kind != ToolChoice::Kind::kNone &&
         (choice.names.empty() || std::ranges::find(choice.names, name) != choice.names.end());
}

}  // namespace hub::chat
