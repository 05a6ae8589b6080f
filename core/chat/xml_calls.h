#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/chat/call_reader.h"
#include "core/chat/tool.h"

namespace hub::chat {

// What kind of JSON value a schema wants from a parameter's text.
enum class ValueKind : std::uint8_t {
  kString,   // the text itself
  kInteger,  // 3.0 is 3
  kBoolean,  // any spelling of true, else false
  kJson,     // the JSON value that the text is, else the text
  kUnknown,  // an object or array that the text is, else the text
};

// By name, of the properties of a tool's schema.
std::map<std::string, ValueKind, std::less<>> value_kinds(const Tool& tool);

// JSON text of a parameter, as mlx_lm/tool_parsers/qwen3_coder.py converts it ("null" is null
// whatever was wanted), but that any of several types may fit ("anyOf", an array of types).
std::string json_value(std::string_view text, ValueKind kind);

// Calls as <function=NAME><parameter=KEY>VALUE</parameter>…</function>, with the white space around
// and, unless that was forgotten, </tool_call> behind. Values of strings are given out as they
// come. What stands between parameters is dropped, as by mlx-lm.
class XmlCalls final : public CallReader {
 public:
  static constexpr std::string_view kFunction = "<function=";

  // `in_function`: kFunction was the opening mark.
  XmlCalls(bool in_function, const std::vector<Tool>& tools);

  Step take(char byte, CallSink& sink) override;
  bool finish(CallSink& sink) override;

 private:
  enum class State : std::uint8_t { kBegin, kName, kBetween, kKey, kValue, kAfter };

  Step begin_byte(char byte);
  Step name_byte(char byte, CallSink& sink);
  Step between_byte(char byte, CallSink& sink);
  Step value_byte(char byte, CallSink& sink);
  Step after_byte(char byte, CallSink& sink);
  void key_ended(CallSink& sink);
  void give_string(CallSink& sink, bool whole);
  void value_ended(CallSink& sink);

  const std::vector<Tool>& tools_;
  State state_;
  std::string held_;  // not yet given out, or what a mark may begin with
  std::string name_;
  std::string key_;
  std::map<std::string, ValueKind, std::less<>> kinds_;
  ValueKind kind_ = ValueKind::kString;
  bool string_open_ = false;  // its opening quote was given out
  bool value_begun_ = false;
  bool has_parameters_ = false;
};

}  // namespace hub::chat
