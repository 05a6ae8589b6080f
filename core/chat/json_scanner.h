#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hub::chat {

// Follows one JSON value byte by byte (RFC 8259; whether strings are UTF-8 is not looked at).
class JsonScanner {
 public:
  enum class Step : std::uint8_t {
    kMore,       // the value goes on
    kEnd,        // it ended with this byte
    kEndBefore,  // a number at the top ended before this byte, which was not taken
    kBad,        // no JSON, or nested deeper than kMaxDepth; nothing may follow
  };
  static constexpr std::size_t kMaxDepth = 100;

  Step take(char byte);

 private:
  enum class State : std::uint8_t {
    kValue,
    kFirstItem,  // of an array, or its end
    kFirstKey,   // of an object, or its end
    kNextKey,
    kColon,
    kAfter,  // a value within a container
    kString,
    kKeyString,
    kEscape,
    kHex,
    kLiteral,
    kMinus,
    kZero,
    kInteger,
    kPoint,
    kFraction,
    kExponent,
    kExponentSign,
    kExponentDigits,
  };

  Step begin_value(char byte);
  Step in_string(char byte);
  Step in_number(char byte);
  Step between(char byte);
  Step open(char bracket);
  Step close(char bracket);
  Step end_value();
  Step go(State state);

  std::string open_;  // brackets
  State state_ = State::kValue;
  State string_ = State::kString;  // where an escape goes back to
  std::string_view literal_;       // what must still come
  int hex_digits_ = 0;             // that must still come
};

// True for JSON's white space.
constexpr bool is_space(char byte) {
  return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

}  // namespace hub::chat
