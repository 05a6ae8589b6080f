#include "core/chat/call_reader.h"

#include <algorithm>
#include <utility>

#include "core/chat/gemma_calls.h"
#include "core/chat/harmony_channels.h"
#include "core/chat/json_calls.h"
#include "core/chat/mistral_calls.h"
#include "core/chat/xml_calls.h"

namespace hub::chat {

void CallSink::text(ChatPiece::Kind kind, std::string_view text) {
  if (text.empty()) {
    return;
  }
  if (!pieces_.empty() && pieces_.back().kind == kind) {
    pieces_.back().text += text;
    return;
  }
  pieces_.push_back({.kind = kind, .text = std::string(text)});
}

void CallSink::begin(std::string name, std::string id) {
  pieces_.push_back(
      {.kind = ChatPiece::Kind::kCallBegins,
       .call = begun_,
       .id = id.empty() ? new_call_id(form_) : std::move(id),
       .name = std::move(name)});
  ++begun_;
  open_ = true;
}

void CallSink::arguments(std::string_view text) {
  if (text.empty()) {
    return;
  }
  if (!pieces_.empty() && pieces_.back().kind == ChatPiece::Kind::kArguments) {
    pieces_.back().text += text;
    return;
  }
  pieces_.push_back(
      {.kind = ChatPiece::Kind::kArguments, .text = std::string(text), .call = begun_ - 1});
}

void CallSink::end() {
  pieces_.push_back({.kind = ChatPiece::Kind::kCallEnds, .call = begun_ - 1});
  ++ended_;
  open_ = false;
}

std::vector<ChatPiece> CallSink::take() {
  return std::exchange(pieces_, {});
}

bool Literal::take(char byte) {
  if (at_ == text_.size() || text_[at_] != byte) {
    return false;
  }
  ++at_;
  return true;
}

std::size_t certain_size(std::string_view text, std::span<const std::string_view> marks) {
  std::size_t pending = 0;
  for (const std::string_view mark : marks) {
    for (std::size_t length = std::min(mark.size() - 1, text.size()); length > pending; --length) {
      if (text.ends_with(mark.substr(0, length))) {
        pending = length;
        break;
      }
    }
  }
  return text.size() - pending;
}

std::vector<std::string_view> opening_marks(CallForm form) {
  switch (form) {
    case CallForm::kHermes:
      return {"<tool_call>"};
    case CallForm::kQwenXml:
      return {"<tool_call>", XmlCalls::kFunction};  // the outer mark is often forgotten
    case CallForm::kMistral:
      return {"[TOOL_CALLS]"};
    case CallForm::kFunctionGemma:
      return {"<start_function_call>"};
    case CallForm::kGemma4:
      return {"<|tool_call>"};
    case CallForm::kLlama:
    case CallForm::kHarmony:
    case CallForm::kGeneric:
      break;
  }
  return {};
}

std::vector<std::string_view> all_marks(CallForm form) {
  switch (form) {
    case CallForm::kHermes:
    case CallForm::kQwenXml:
      return {"<tool_call>", "</tool_call>"};
    case CallForm::kMistral:
      return {"[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"};
    case CallForm::kFunctionGemma:
      return {"<start_function_call>", "<end_function_call>", "<escape>"};
    case CallForm::kGemma4:
      return {"<|tool_call>", "<tool_call|>", "<|\"|>"};
    case CallForm::kLlama:
      return {"<|python_tag|>"};
    case CallForm::kHarmony:
      return HarmonyChannels::marks();
    case CallForm::kGeneric:
      break;
  }
  return {};
}

std::unique_ptr<CallReader> make_reader(
    CallForm form, std::string_view mark, const std::vector<Tool>& tools) {
  switch (form) {
    case CallForm::kHermes:
      return std::make_unique<JsonCalls>("</tool_call>", nullptr);
    case CallForm::kQwenXml:
      return std::make_unique<XmlCalls>(mark == XmlCalls::kFunction, tools);
    case CallForm::kMistral:
      return std::make_unique<MistralCalls>();
    case CallForm::kFunctionGemma:
      return std::make_unique<GemmaCalls>("<escape>", "<end_function_call>");
    case CallForm::kGemma4:
      return std::make_unique<GemmaCalls>("<|\"|>", "<tool_call|>");
    case CallForm::kLlama:
    case CallForm::kHarmony:
    case CallForm::kGeneric:
      break;
  }
  return std::make_unique<JsonCalls>(mark == kFence ? kFence : "", &tools);
}

}  // namespace hub::chat
