#pragma once

#include <string>
#include <vector>

#include "core/base/json_reader.h"
#include "core/chat/tool.h"

namespace hub::api {

// The field "tools": functions {"type": "function", "function": {"name", "description"?,
// "parameters"?, "strict"?}}. Throws kInvalidArgument with the field's path, also for a name that
// comes twice, for one that is not [A-Za-z0-9_.-]{1,128}, and for parameters that are no schema of
// an object.
std::vector<chat::Tool> read_tools(const base::JsonReader& body);

// The fields "tool_choice" ("none", "auto", "required", {"type": "function", "function": {"name"}},
// {"type": "allowed_tools", "allowed_tools": {"mode", "tools"}}) and "parallel_tool_calls". Throws
// kInvalidArgument with the field's path, also for a tool that is not among `tools`.
chat::ToolChoice read_tool_choice(
    const base::JsonReader& body, const std::vector<chat::Tool>& tools);

// The field "tool_calls" of an assistant's message; empty when absent.
std::vector<chat::ToolCall> read_tool_calls(const base::JsonReader& message);

}  // namespace hub::api
