#pragma once

#include "core/chat/call_form.h"
#include "core/text/chat_template.h"

namespace hub::chat {

// What a model's chat template tells of how the model speaks.
struct ChatStyle {
  CallForm form = CallForm::kGeneric;
  bool knows_tools = false;  // shows `tools`, tool calls and messages of role "tool" to the model
  bool thinks = false;       // knows </think>
};

// Renders the template once or twice with made-up tools. Never throws.
ChatStyle style_of(const text::ChatTemplate& chat_template);

}  // namespace hub::chat
