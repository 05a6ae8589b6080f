#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/chat/tool.h"

namespace hub::chat {

// `tools` as templates expect them: OpenAI's array of {"type": "function", "function": {"name",
// "description", "parameters"}}; parameters are always there.
base::Json tools_for_template(const std::vector<Tool>& tools);

// What a model is told whose template knows no tools: the functions, one JSON object a line, and
// that it calls by {"tool_calls": [{"name": …, "arguments": {…}}]}. `must_call`: that it has to.
std::string tool_instructions(const std::vector<Tool>& tools, bool must_call);

// The conversation without what only templates with tools know: `instructions` (unless "") become
// the end of the system message, or one of their own; calls become their JSON text, and messages of
// role "tool", as many as follow each other, one of role "user".
base::Json messages_without_tools(const base::Json& messages, const std::string& instructions);

// The same with the instructions before the first user's text, for templates without a system role.
base::Json messages_without_system(const base::Json& messages, const std::string& instructions);

}  // namespace hub::chat
