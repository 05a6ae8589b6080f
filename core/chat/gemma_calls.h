#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/chat/call_reader.h"

namespace hub::chat {

// Gemma's calls: call:NAME{key:value,…} with texts between two `quote`s, and objects, arrays and
// other JSON values as they are; several in a block; `close` ends it. The arguments become JSON as
// they come.
class GemmaCalls final : public CallReader {
 public:
  GemmaCalls(std::string_view quote, std::string_view close);

  Step take(char byte, CallSink& sink) override;
  bool finish(CallSink& sink) override;

 private:
  enum class State : std::uint8_t {
    kBegin,  // "call:"
    kName,
    kKey,
    kValue,      // before a value
    kBare,       // a value without quotes
    kText,       // between quotes
    kAfterText,  // ',' or a closing bracket
    kAfter,      // behind a call
  };

  Step name_byte(char byte, CallSink& sink);
  void arguments_byte(char byte, CallSink& sink);
  void value_begins(char byte, CallSink& sink);
  void text_byte(char byte, CallSink& sink);
  void structure(char byte, CallSink& sink);
  void give_bare(CallSink& sink);
  Step after_byte(char byte, CallSink& sink);

  const std::string_view quote_;
  Literal open_quote_;
  Literal call_;
  Literal close_;
  State state_ = State::kBegin;
  std::string held_;
  std::string brackets_;  // open ones
  bool empty_ = true;     // the innermost bracket holds nothing yet
};

}  // namespace hub::chat
