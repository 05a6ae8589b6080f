#include "core/chat/gemma_calls.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/base/lenient_json.h"
#include "core/chat/json_scanner.h"
#include "core/chat/json_text.h"

namespace hub::chat {
namespace {

constexpr std::string_view kCall = "call:";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_space(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

GemmaCalls::GemmaCalls(std::string_view quote, std::string_view close)
    : quote_(quote), open_quote_(quote), call_(kCall), close_(close) {}

CallReader::Step GemmaCalls::name_byte(char byte, CallSink& sink) {
  if (byte == '{') {
    if (held_.empty()) {
      return Step::kRejected;
    }
    sink.begin(held_);
    sink.arguments("{");
    held_.clear();
    brackets_ = "{";
    empty_ = true;
    state_ = State::kKey;
    return Step::kMore;
  }
  if (is_space(byte) || byte == '<' || byte == '(') {
    return Step::kRejected;
  }
  held_.push_back(byte);
  return Step::kMore;
}

// What stood between two pieces of structure, a number or a word.
void GemmaCalls::give_bare(CallSink& sink) {
  const std::string text(trimmed(held_));
  held_.clear();
  sink.arguments(base::parse_json_if_valid(text) ? text : json_string(text));
}

// ',' or a closing bracket.
void GemmaCalls::structure(char byte, CallSink& sink) {
  if (byte == ',') {
    sink.arguments(", ");
    open_quote_.reset();
    state_ = brackets_.back() == '{' ? State::kKey : State::kValue;
    return;
  }
  // The bracket that was opened is the one that is closed, whichever the model wrote.
  sink.arguments(brackets_.back() == '{' ? "}" : "]");
  brackets_.pop_back();
  state_ = State::kAfterText;
  if (brackets_.empty()) {
    sink.end();
    call_.reset();
    state_ = State::kAfter;
  }
}

void GemmaCalls::value_begins(char byte, CallSink& sink) {
  if (open_quote_.take(byte)) {
    if (open_quote_.whole()) {
      sink.arguments("\"");
      state_ = State::kText;
    }
    return;
  }
  held_ = open_quote_.taken();
  open_quote_.reset();
  if (held_.empty() && is_space(byte)) {
    return;
  }
  if (held_.empty() && (byte == '{' || byte == '[')) {
    sink.arguments({&byte, 1});
    brackets_.push_back(byte);
    empty_ = true;
    state_ = byte == '{' ? State::kKey : State::kValue;
    return;
  }
  if (held_.empty() && byte == ']' && empty_) {
    structure(byte, sink);
    return;
  }
  state_ = State::kBare;
  arguments_byte(byte, sink);
}

void GemmaCalls::text_byte(char byte, CallSink& sink) {
  held_.push_back(byte);
  if (held_.ends_with(quote_)) {
    held_.resize(held_.size() - quote_.size());
    const std::string text = json_string(held_);
    sink.arguments(std::string_view(text).substr(1));
    held_.clear();
    state_ = State::kAfterText;
  }
}

void GemmaCalls::arguments_byte(char byte, CallSink& sink) {
  const bool ends = byte == ',' || byte == '}' || byte == ']';
  switch (state_) {
    case State::kKey:
      if (byte == ':') {
        sink.arguments(json_string(trimmed(held_)));
        sink.arguments(": ");
        held_.clear();
        open_quote_.reset();
        empty_ = false;
        state_ = State::kValue;
      } else if (byte == '}') {
        held_.clear();
        structure(byte, sink);
      } else {
        held_.push_back(byte);
      }
      return;
    case State::kValue:
      value_begins(byte, sink);
      empty_ = empty_ && (is_space(byte) || state_ == State::kKey || byte == '[');
      return;
    case State::kText:
      text_byte(byte, sink);
      return;
    case State::kBare:
      if (ends) {
        give_bare(sink);
        structure(byte, sink);
      } else {
        held_.push_back(byte);
      }
      return;
    case State::kBegin:
    case State::kName:
    case State::kAfter:
    case State::kAfterText:
      if (ends) {
        structure(byte, sink);
      }
  }
}

CallReader::Step GemmaCalls::after_byte(char byte, CallSink& sink) {
  if (close_.take(byte)) {
    return close_.whole() ? Step::kDone : Step::kMore;
  }
  if (!close_.begun()) {
    if (call_.take(byte)) {
      state_ = call_.whole() ? State::kName : State::kAfter;
      return Step::kMore;
    }
    if (is_space(byte) && !call_.begun()) {
      return Step::kMore;
    }
  }
  sink.text(ChatPiece::Kind::kText, close_.taken());
  sink.text(ChatPiece::Kind::kText, call_.taken());
  return Step::kDoneBefore;
}

CallReader::Step GemmaCalls::take(char byte, CallSink& sink) {
  switch (state_) {
    case State::kBegin:
      if (call_.take(byte)) {
        state_ = call_.whole() ? State::kName : State::kBegin;
        return Step::kMore;
      }
      return is_space(byte) && !call_.begun() ? Step::kMore : Step::kRejected;
    case State::kName:
      return name_byte(byte, sink);
    case State::kAfter:
      return after_byte(byte, sink);
    case State::kKey:
    case State::kValue:
    case State::kBare:
    case State::kText:
    case State::kAfterText:
      break;
  }
  arguments_byte(byte, sink);
  return Step::kMore;
}

// A value that was cut off is handed over as far as it came.
bool GemmaCalls::finish(CallSink& sink) {
  if (state_ == State::kText) {
    const std::string text = json_string(held_);
    sink.arguments(std::string_view(text).substr(1, text.size() - 2));
  } else if (state_ == State::kBare) {
    sink.arguments(held_);
  }
  return state_ != State::kBegin && state_ != State::kName;
}

}  // namespace hub::chat
