#include "core/chat/mistral_calls.h"

#include <string_view>

namespace hub::chat {
namespace {

constexpr std::string_view kArgumentsMark = "[ARGS]";
constexpr std::string_view kIdMark = "[CALL_ID]";

bool is_word(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte == '.';
}

}  // namespace

CallReader::Step MistralCalls::mark_byte(char byte) {
  mark_.push_back(byte);
  if (mark_ == kArgumentsMark) {
    state_ = State::kBeginArguments;
    return Step::kMore;
  }
  if (mark_ == kIdMark && id_.empty()) {
    mark_.clear();
    state_ = State::kId;
    return Step::kMore;
  }
  return kArgumentsMark.starts_with(mark_) || kIdMark.starts_with(mark_) ? Step::kMore
                                                                         : Step::kRejected;
}

CallReader::Step MistralCalls::arguments_byte(char byte, CallSink& sink) {
  if (state_ == State::kBroken) {  // nothing marks the end
    sink.arguments({&byte, 1});
    return Step::kMore;
  }
  const JsonScanner::Step step = scanner_.take(byte);
  sink.arguments({&byte, 1});
  if (step == JsonScanner::Step::kEnd) {
    sink.end();
    return Step::kDone;
  }
  if (step != JsonScanner::Step::kMore) {
    state_ = State::kBroken;
  }
  return Step::kMore;
}

CallReader::Step MistralCalls::take(char byte, CallSink& sink) {
  if (json_) {
    return json_->take(byte, sink);
  }
  switch (state_) {
    case State::kBegin:
      if (is_space(byte)) {
        return Step::kMore;
      }
      if (byte == '[' || byte == '{') {
        json_ = std::make_unique<JsonCalls>("", nullptr);
        return json_->take(byte, sink);
      }
      state_ = State::kName;
      [[fallthrough]];
    case State::kName:
    case State::kId: {
      std::string& word = state_ == State::kName ? name_ : id_;
      if (is_word(byte)) {
        word.push_back(byte);
        return Step::kMore;
      }
      if (word.empty()) {
        return Step::kRejected;
      }
      if (byte == '[') {
        state_ = State::kMark;
        return mark_byte(byte);
      }
      state_ = State::kBeginArguments;
      [[fallthrough]];
    }
    case State::kBeginArguments:
      if (is_space(byte)) {
        return Step::kMore;
      }
      if (byte != '{') {
        return Step::kRejected;
      }
      sink.begin(name_, id_);
      state_ = State::kArguments;
      return arguments_byte(byte, sink);
    case State::kMark:
      return mark_byte(byte);
    case State::kArguments:
    case State::kBroken:
      break;
  }
  return arguments_byte(byte, sink);
}

bool MistralCalls::finish(CallSink& sink) {
  return json_ ? json_->finish(sink) : state_ == State::kArguments || state_ == State::kBroken;
}

}  // namespace hub::chat
