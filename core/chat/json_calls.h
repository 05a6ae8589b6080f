#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/chat/call_reader.h"
#include "core/chat/json_scanner.h"
#include "core/chat/tool.h"

namespace hub::chat {

// Calls as JSON objects {"name": …, "arguments" or "parameters": …}: one, several with white space,
// ',' or ';' between, an array of them, or {"tool_calls": [ … ]} and {"tool_call": { … }}.
// "arguments" may be an object, a string that holds one, or null.
class JsonCalls final : public CallReader {
 public:
  // `close` ends the block; "" when nothing does. `tools`: null, or what the name must be among:
  // where no mark tells a call from other JSON.
  JsonCalls(std::string_view close, const std::vector<Tool>* tools);

  Step take(char byte, CallSink& sink) override;
  bool finish(CallSink& sink) override;

 private:
  enum class State : std::uint8_t {
    kBegin,  // an object or an array
    kItem,   // of an array: an object
    kKey,    // of a call, its end, or (kNextKey) only a key
    kNextKey,
    kKeyText,  // within a key
    kColon,
    kBeginValue,
    kValue,  // within a value
    kAfterValue,
    kWrapColon,  // behind {"tool_calls"
    kWrapped,    // an object or an array
    kAfterItem,  // of an array
    kWrapEnd,    // '}' behind what was wrapped
    kAfter,      // behind all
    kBroken,     // what is no JSON: taken as arguments
  };
  enum class Value : std::uint8_t { kName, kArguments, kOther };

  Step in_object(char byte, CallSink& sink);
  Step around_objects(char byte, CallSink& sink);
  Step key_byte(char byte, CallSink& sink);
  Step key_ended();
  Step begin_value(char byte, CallSink& sink);
  Step value_byte(char byte, CallSink& sink);
  Step value_ended(CallSink& sink);
  Step object_ended(CallSink& sink);
  Step after(char byte, CallSink& sink);
  Step broken(char byte, CallSink& sink);
  Step bad(char byte, CallSink& sink);
  Step go(State state);
  [[nodiscard]] bool known(std::string_view name) const;
  void begin_call(CallSink& sink);

  const std::vector<Tool>* tools_;
  Literal close_;
  State state_ = State::kBegin;
  bool in_array_ = false;
  bool wrapped_ = false;
  // Of the call that is read:
  std::string key_;  // JSON text
  std::string name_;
  std::string text_;       // of a value that is not given out as it comes, JSON text
  std::string arguments_;  // that came as no object, or before the name
  Value value_ = Value::kOther;
  JsonScanner scanner_;
  bool begun_ = false;          // told to the sink
  bool has_arguments_ = false;  // whole
  bool streams_ = false;        // the value goes to the sink as it comes
};

}  // namespace hub::chat
