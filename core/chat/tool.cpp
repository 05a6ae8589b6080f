#include "core/chat/tool.h"

#include <algorithm>

namespace hub::chat {

bool may_call(const ToolChoice& choice, const std::string& name) {
  return choice.kind != ToolChoice::Kind::kNone &&
         (choice.names.empty() || std::ranges::find(choice.names, name) != choice.names.end());
}

}  // namespace hub::chat
