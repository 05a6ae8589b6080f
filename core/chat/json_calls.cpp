#include "core/chat/json_calls.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/lenient_json.h"

namespace hub::chat {
namespace {

using base::Json;

// The arguments that a value stands for which is no object; nullopt for one that stands for none.
std::optional<std::string> arguments_of(const std::string& json_text) {
  const auto value = base::parse_json_if_valid(json_text);
  if (!value) {
    return std::nullopt;
  }
  if (value->is_null()) {
    return "{}";
  }
  if (!value->is_string()) {
    return value->is_object() ? std::optional(json_text) : std::nullopt;
  }
  const auto inner = base::parse_json_if_valid(value->get_ref<const std::string&>());
  return inner && inner->is_object() ? std::optional(value->get<std::string>()) : std::nullopt;
}

std::string string_of(const std::string& json_text) {
  const auto value = base::parse_json_if_valid(json_text);
  return value && value->is_string() ? value->get<std::string>() : std::string();
}

}  // namespace

JsonCalls::JsonCalls(std::string_view close, const std::vector<Tool>* tools)
    : tools_(tools), close_(close) {}

CallReader::Step JsonCalls::go(State state) {
  state_ = state;
  return Step::kMore;
}

bool JsonCalls::known(std::string_view name) const {
  return !name.empty() &&
         (tools_ == nullptr || std::ranges::find(*tools_, name, &Tool::name) != tools_->end());
}

void JsonCalls::begin_call(CallSink& sink) {
  sink.begin(name_);
  begun_ = true;
}

// `byte` does not fit.
CallReader::Step JsonCalls::bad(char byte, CallSink& sink) {
  if (!begun_) {
    return Step::kRejected;
  }
  if (has_arguments_) {  // only the object's end is missing
    static_cast<void>(object_ended(sink));
    return after(byte, sink);
  }
  state_ = State::kBroken;
  return broken(byte, sink);
}

CallReader::Step JsonCalls::broken(char byte, CallSink& sink) {
  if (close_.take(byte)) {
    if (!close_.whole()) {
      return Step::kMore;
    }
    sink.end();
    return Step::kDone;
  }
  sink.arguments(close_.taken());
  close_.reset();
  if (!close_.take(byte)) {
    sink.arguments({&byte, 1});
  }
  return Step::kMore;
}

CallReader::Step JsonCalls::key_ended() {
  const std::string key = string_of(key_);
  const bool first = name_.empty() && !has_arguments_;
  if ((key == "tool_calls" || key == "tool_call") && first && !wrapped_ && !in_array_) {
    wrapped_ = true;
    return go(State::kWrapColon);
  }
  if (key == "name" || key == "function") {
    value_ = Value::kName;
  } else if (key == "arguments" || key == "parameters") {
    value_ = Value::kArguments;
  } else if (tools_ == nullptr || begun_ || key == "type" || key == "id") {
    value_ = Value::kOther;
  } else {
    return Step::kRejected;
  }
  return go(State::kColon);
}

CallReader::Step JsonCalls::begin_value(char byte, CallSink& sink) {
  scanner_ = JsonScanner();
  streams_ = false;
  if (value_ == Value::kName) {
    text_.clear();
    if (byte != '"' || !name_.empty()) {
      return bad(byte, sink);
    }
  } else if (value_ == Value::kArguments) {
    text_.clear();
    if (has_arguments_ || begun_ || (byte != '{' && byte != '"' && byte != 'n')) {
      return bad(byte, sink);
    }
    if (byte == '{' && !name_.empty()) {
      begin_call(sink);
      streams_ = true;
    }
  }
  state_ = State::kValue;
  return value_byte(byte, sink);
}

CallReader::Step JsonCalls::value_byte(char byte, CallSink& sink) {
  const JsonScanner::Step step = scanner_.take(byte);
  if (step == JsonScanner::Step::kBad) {
    return bad(byte, sink);
  }
  if (step != JsonScanner::Step::kEndBefore) {
    if (streams_) {
      sink.arguments({&byte, 1});
    } else if (value_ != Value::kOther) {
      text_.push_back(byte);
    }
  }
  if (step == JsonScanner::Step::kMore) {
    return Step::kMore;
  }
  const Step ended = value_ended(sink);
  return ended == Step::kMore && step == JsonScanner::Step::kEndBefore ? take(byte, sink) : ended;
}

CallReader::Step JsonCalls::value_ended(CallSink& sink) {
  state_ = State::kAfterValue;
  if (value_ == Value::kName) {
    name_ = string_of(std::exchange(text_, {}));
    if (!known(name_)) {
      return Step::kRejected;
    }
    if (has_arguments_) {  // they came first
      begin_call(sink);
      sink.arguments(arguments_);
    }
  } else if (value_ == Value::kArguments) {
    has_arguments_ = true;
    if (!streams_) {
      std::optional<std::string> found = arguments_of(std::exchange(text_, {}));
      if (!found) {
        return Step::kRejected;
      }
      arguments_ = *std::move(found);
      if (!name_.empty()) {
        begin_call(sink);
        sink.arguments(arguments_);
      }
    }
  }
  return Step::kMore;
}

CallReader::Step JsonCalls::object_ended(CallSink& sink) {
  if (name_.empty()) {
    return Step::kRejected;
  }
  if (!begun_) {
    begin_call(sink);
    sink.arguments("{}");
  }
  sink.end();
  begun_ = has_arguments_ = false;
  name_.clear();
  arguments_.clear();
  return go(in_array_ ? State::kAfterItem : wrapped_ ? State::kWrapEnd : State::kAfter);
}

CallReader::Step JsonCalls::key_byte(char byte, CallSink& sink) {
  key_.push_back(byte);
  const JsonScanner::Step step = scanner_.take(byte);
  if (step == JsonScanner::Step::kEnd) {
    return key_ended();
  }
  return step == JsonScanner::Step::kMore ? Step::kMore : bad(byte, sink);
}

CallReader::Step JsonCalls::in_object(char byte, CallSink& sink) {
  if (state_ == State::kKey || state_ == State::kNextKey) {
    if (byte == '"') {
      key_ = byte;
      scanner_ = JsonScanner();
      static_cast<void>(scanner_.take(byte));
      return go(State::kKeyText);
    }
    return byte == '}' && state_ == State::kKey ? object_ended(sink) : bad(byte, sink);
  }
  if (state_ == State::kColon) {
    return byte == ':' ? go(State::kBeginValue) : bad(byte, sink);
  }
  if (state_ == State::kBeginValue) {
    return begin_value(byte, sink);
  }
  if (byte == ',') {
    return go(State::kNextKey);
  }
  return byte == '}' ? object_ended(sink) : bad(byte, sink);
}

CallReader::Step JsonCalls::around_objects(char byte, CallSink& sink) {
  if (state_ == State::kWrapColon) {
    return byte == ':' ? go(State::kWrapped) : Step::kRejected;
  }
  if (state_ == State::kAfterItem) {
    if (byte == ',') {
      return go(State::kItem);
    }
    if (byte != ']') {
      return after(byte, sink);
    }
    in_array_ = false;
    return go(wrapped_ ? State::kWrapEnd : State::kAfter);
  }
  if (state_ == State::kWrapEnd) {
    wrapped_ = false;
    return byte == '}' ? go(State::kAfter) : after(byte, sink);
  }
  if (byte == '[' && state_ != State::kItem) {
    in_array_ = true;
    return go(State::kItem);
  }
  return byte == '{' ? go(State::kKey) : Step::kRejected;
}

// Behind the last whole call.
CallReader::Step JsonCalls::after(char byte, CallSink& sink) {
  state_ = State::kAfter;
  if (close_.take(byte)) {
    return close_.whole() ? Step::kDone : Step::kMore;
  }
  if (close_.begun() || (!is_space(byte) && byte != ',' && byte != ';' && byte != '{')) {
    sink.text(ChatPiece::Kind::kText, close_.taken());
    return Step::kDoneBefore;
  }
  in_array_ = wrapped_ = false;
  return byte == '{' ? go(State::kKey) : Step::kMore;
}

CallReader::Step JsonCalls::take(char byte, CallSink& sink) {
  switch (state_) {
    case State::kValue:
      return value_byte(byte, sink);
    case State::kKeyText:
      return key_byte(byte, sink);
    case State::kBroken:
      return broken(byte, sink);
    case State::kAfter:
      return after(byte, sink);
    case State::kKey:
    case State::kNextKey:
    case State::kColon:
    case State::kBeginValue:
    case State::kAfterValue:
      return is_space(byte) ? Step::kMore : in_object(byte, sink);
    case State::kBegin:
    case State::kItem:
    case State::kWrapColon:
    case State::kWrapped:
    case State::kAfterItem:
    case State::kWrapEnd:
      break;
  }
  return is_space(byte) ? Step::kMore : around_objects(byte, sink);
}

bool JsonCalls::finish(CallSink& sink) {
  if (begun_) {
    sink.arguments(close_.taken());  // of a broken call
    if (has_arguments_) {
      sink.end();
    }
    return true;
  }
  return state_ == State::kAfter || state_ == State::kAfterItem || state_ == State::kWrapEnd;
}

}  // namespace hub::chat
