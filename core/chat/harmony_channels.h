#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/chat/call_reader.h"
#include "core/chat/chat_piece.h"
#include "core/chat/json_scanner.h"

namespace hub::chat {

// gpt-oss's answers (OpenAI's harmony format): messages in channels, each
// [<|start|>assistant] [to=functions.NAME] <|channel|>CHANNEL [to=functions.NAME] …<|message|>TEXT
// up to <|end|>, <|call|>, <|return|> or the answer's end. "analysis" is reasoning, a message to a
// function a call with TEXT as its arguments, all else text. One thread at a time.
class HarmonyChannels {
 public:
  // `calls`: messages to functions are calls; `reasons`: analysis is reasoning and not text.
  HarmonyChannels(bool calls, bool reasons) : calls_(calls), reasons_(reasons) {}

  void take(char byte, CallSink& sink);
  void finish(CallSink& sink);
  [[nodiscard]] bool in_reasoning() const { return in_reasoning_; }

  // The special tokens of the format.
  static std::vector<std::string_view> marks();

 private:
  void begin_message(CallSink& sink);
  void end_message(CallSink& sink);
  void give(std::string_view text, CallSink& sink);

  const bool calls_;
  const bool reasons_;
  bool in_header_ = true;
  bool begun_ = false;  // a mark was seen
  bool in_reasoning_ = false;
  bool in_call_ = false;
  JsonScanner arguments_;  // of the call
  bool whole_ = false;     // they are: the mark at a call's end may be an end token, which is no text
  std::string held_;  // the header, or what may be a mark
};

}  // namespace hub::chat
