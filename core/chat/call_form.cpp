#include "core/chat/call_form.h"

#include <algorithm>

#include "core/base/ids.h"

namespace hub::chat {

CallForm call_form_of(std::string_view chat_template) {
  const auto has = [&](std::string_view mark) {
    return chat_template.find(mark) != std::string_view::npos;
  };
  if (has("<|tool_call>") && has("<tool_call|>")) {
    return CallForm::kGemma4;
  }
  if (has("<start_function_call>")) {
    return CallForm::kFunctionGemma;
  }
  // A template's texts may have their line breaks written as \n.
  if (has("<tool_call>\\n<function=") || has("<tool_call>\n<function=")) {
    return CallForm::kQwenXml;
  }
  if (has("[TOOL_CALLS]")) {
    return CallForm::kMistral;
  }
  if (has("<tool_call>")) {
    return CallForm::kHermes;
  }
  // Llama 3.1 to 3.3; 3.2's template names no <|python_tag|>.
  if (has("<|python_tag|>") || (has("<|start_header_id|>") && has("\"parameters\""))) {
    return CallForm::kLlama;
  }
  return CallForm::kGeneric;
}

std::string_view to_string(CallForm form) {
  switch (form) {
    case CallForm::kHermes:
      return "hermes";
    case CallForm::kQwenXml:
      return "qwen_xml";
    case CallForm::kLlama:
      return "llama";
    case CallForm::kMistral:
      return "mistral";
    case CallForm::kFunctionGemma:
      return "function_gemma";
    case CallForm::kGemma4:
      return "gemma4";
    case CallForm::kGeneric:
      break;
  }
  return "generic";
}

std::string new_call_id(CallForm form) {
  std::string id = base::new_id();
  std::erase(id, '-');
  // The end of a UUIDv7 is random, its beginning the time.
  if (form == CallForm::kMistral) {
    return id.substr(id.size() - 9);
  }
  return "call_" + id.substr(id.size() - 24);
}

}  // namespace hub::chat
