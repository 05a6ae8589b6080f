#include "core/chat/json_scanner.h"

namespace hub::chat {
namespace {

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

bool is_hex(char byte) {
  return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

}  // namespace

JsonScanner::Step JsonScanner::go(State state) {
  state_ = state;
  return Step::kMore;
}

JsonScanner::Step JsonScanner::end_value() {
  state_ = State::kAfter;
  return open_.empty() ? Step::kEnd : Step::kMore;
}

JsonScanner::Step JsonScanner::open(char bracket) {
  if (open_.size() == kMaxDepth) {
    return Step::kBad;
  }
  open_.push_back(bracket);
  return go(bracket == '{' ? State::kFirstKey : State::kFirstItem);
}

JsonScanner::Step JsonScanner::close(char bracket) {
  if (open_.empty() || open_.back() != (bracket == '}' ? '{' : '[')) {
    return Step::kBad;
  }
  open_.pop_back();
  return end_value();
}

JsonScanner::Step JsonScanner::begin_value(char byte) {
  const auto literal = [this](std::string_view rest) {
    literal_ = rest;
    return go(State::kLiteral);
  };
  switch (byte) {
    case '{':
    case '[':
      return open(byte);
    case ']':
      return state_ == State::kFirstItem ? close(byte) : Step::kBad;
    case '"':
      return go(string_ = State::kString);
    case 't':
      return literal("rue");
    case 'f':
      return literal("alse");
    case 'n':
      return literal("ull");
    case '-':
      return go(State::kMinus);
    case '0':
      return go(State::kZero);
    default:
      return is_digit(byte) ? go(State::kInteger) : Step::kBad;
  }
}

JsonScanner::Step JsonScanner::in_string(char byte) {
  if (state_ == State::kEscape) {
    if (byte == 'u') {
      hex_digits_ = 4;
      return go(State::kHex);
    }
    return std::string_view("\"\\/bfnrt").find(byte) == std::string_view::npos ? Step::kBad
                                                                               : go(string_);
  }
  if (state_ == State::kHex) {
    if (!is_hex(byte)) {
      return Step::kBad;
    }
    return --hex_digits_ == 0 ? go(string_) : Step::kMore;
  }
  if (byte == '\\') {
    return go(State::kEscape);
  }
  if (byte == '"') {
    return state_ == State::kKeyString ? go(State::kColon) : end_value();
  }
  return static_cast<unsigned char>(byte) < 0x20U ? Step::kBad : Step::kMore;
}

JsonScanner::Step JsonScanner::in_number(char byte) {
  const bool digit = is_digit(byte);
  if (state_ == State::kMinus) {
    return digit ? go(byte == '0' ? State::kZero : State::kInteger) : Step::kBad;
  }
  if (state_ == State::kPoint) {
    return digit ? go(State::kFraction) : Step::kBad;
  }
  if (state_ == State::kExponent && (byte == '+' || byte == '-')) {
    return go(State::kExponentSign);
  }
  if (state_ == State::kExponent || state_ == State::kExponentSign) {
    return digit ? go(State::kExponentDigits) : Step::kBad;
  }
  if (digit && state_ != State::kZero) {
    return Step::kMore;
  }
  if (byte == '.' && (state_ == State::kZero || state_ == State::kInteger)) {
    return go(State::kPoint);
  }
  if ((byte == 'e' || byte == 'E') && state_ != State::kExponentDigits) {
    return go(State::kExponent);
  }
  if (open_.empty()) {
    return Step::kEndBefore;
  }
  state_ = State::kAfter;
  return between(byte);
}

// Outside of values.
JsonScanner::Step JsonScanner::between(char byte) {
  if (is_space(byte)) {
    return Step::kMore;
  }
  if (state_ == State::kColon) {
    return byte == ':' ? go(State::kValue) : Step::kBad;
  }
  if (state_ == State::kFirstKey || state_ == State::kNextKey) {
    if (byte == '"') {
      return go(string_ = State::kKeyString);
    }
    return state_ == State::kFirstKey && byte == '}' ? close(byte) : Step::kBad;
  }
  if (open_.empty()) {  // nothing follows a whole value
    return Step::kBad;
  }
  if (byte == ',') {
    return go(open_.back() == '{' ? State::kNextKey : State::kValue);
  }
  return byte == '}' || byte == ']' ? close(byte) : Step::kBad;
}

JsonScanner::Step JsonScanner::take(char byte) {
  switch (state_) {
    case State::kValue:
    case State::kFirstItem:
      return is_space(byte) ? Step::kMore : begin_value(byte);
    case State::kString:
    case State::kKeyString:
    case State::kEscape:
    case State::kHex:
      return in_string(byte);
    case State::kLiteral:
      if (byte != literal_.front()) {
        return Step::kBad;
      }
      literal_.remove_prefix(1);
      return literal_.empty() ? end_value() : Step::kMore;
    case State::kFirstKey:
    case State::kNextKey:
    case State::kColon:
    case State::kAfter:
      return between(byte);
    case State::kMinus:
    case State::kZero:
    case State::kInteger:
    case State::kPoint:
    case State::kFraction:
    case State::kExponent:
    case State::kExponentSign:
    case State::kExponentDigits:
      break;
  }
  return in_number(byte);
}

}  // namespace hub::chat
