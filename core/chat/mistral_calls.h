#pragma once

#include <memory>
#include <string>

#include "core/chat/call_reader.h"
#include "core/chat/json_calls.h"
#include "core/chat/json_scanner.h"

namespace hub::chat {

// What follows Mistral's [TOOL_CALLS]: an array of JSON calls, or NAME[ARGS]{…} with perhaps
// [CALL_ID]ID before [ARGS], or NAME{…} (mistral-common's tokenizers v3, v11 and v13).
class MistralCalls final : public CallReader {
 public:
  Step take(char byte, CallSink& sink) override;
  bool finish(CallSink& sink) override;

 private:
  enum class State : std::uint8_t {
    kBegin,
    kName,
    kMark,
    kId,
    kBeginArguments,
    kArguments,
    kBroken
  };

  Step mark_byte(char byte);
  Step arguments_byte(char byte, CallSink& sink);

  State state_ = State::kBegin;
  std::unique_ptr<JsonCalls> json_;  // once the block turned out to be JSON
  std::string name_;
  std::string id_;
  std::string mark_;  // so far
  JsonScanner scanner_;
};

}  // namespace hub::chat
