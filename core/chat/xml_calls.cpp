#include "core/chat/xml_calls.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <set>

#include <nlohmann/json.hpp>

#include "core/base/lenient_json.h"
#include "core/chat/json_scanner.h"
#include "core/chat/json_text.h"

namespace hub::chat {
namespace {

using base::Json;

constexpr std::string_view kParameter = "<parameter=";
constexpr std::string_view kParameterEnd = "</parameter>";
constexpr std::array kValueEnds = {kParameterEnd};
constexpr std::string_view kFunctionEnd = "</function>";
constexpr std::string_view kCallEnd = "</tool_call>";
constexpr std::size_t kMaxName = 256;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char letter) {
    return static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
  });
  return result;
}

void add_types(const Json& schema, std::set<std::string>& types, int depth) {
  if (!schema.is_object() || depth == 0) {
    return;
  }
  if (const auto type = schema.find("type"); type != schema.end()) {
    for (const Json& one : type->is_array() ? *type : Json::array({*type})) {
      if (one.is_string()) {
        types.insert(lower(one.get_ref<const std::string&>()));
      }
    }
  }
  for (const char* key : {"anyOf", "oneOf", "allOf"}) {
    if (const auto parts = schema.find(key); parts != schema.end() && parts->is_array()) {
      for (const Json& part : *parts) {
        add_types(part, types, depth - 1);
      }
    }
  }
}

ValueKind kind_of(const Json& schema) {
  std::set<std::string> types;
  add_types(schema, types, 4);
  types.erase("null");
  if (types.empty()) {  // in mlx-lm an empty schema counts as none
    return schema.is_object() && schema.empty() ? ValueKind::kString : ValueKind::kUnknown;
  }
  for (const char* name : {"string", "str", "text", "varchar", "char", "enum"}) {
    if (types.contains(name)) {
      return ValueKind::kString;
    }
  }
  if (types.size() > 1) {
    return ValueKind::kJson;
  }
  const std::string& type = *types.begin();
  if (type == "integer" || type == "int") {
    return ValueKind::kInteger;
  }
  return type == "boolean" || type == "bool" ? ValueKind::kBoolean : ValueKind::kJson;
}

// Bytes at the end of UTF-8 text that are a character's beginning only.
std::size_t unfinished_character(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0U) != 0x80U) {
      const std::size_t length = byte >= 0xF0U ? 4 : byte >= 0xE0U ? 3 : byte >= 0xC0U ? 2 : 1;
      return length > back ? back : 0;
    }
  }
  return 0;
}

}  // namespace

std::map<std::string, ValueKind, std::less<>> value_kinds(const Tool& tool) {
  std::map<std::string, ValueKind, std::less<>> kinds;
  if (!tool.parameters || !tool.parameters->is_object()) {
    return kinds;
  }
  const auto properties = tool.parameters->find("properties");
  if (properties != tool.parameters->end() && properties->is_object()) {
    for (const auto& [name, schema] : properties->items()) {
      kinds[name] = kind_of(schema);
    }
  }
  return kinds;
}

std::string json_value(std::string_view text, ValueKind kind) {
  const std::string small = lower(text);
  if (small == "null") {
    return "null";
  }
  if (kind == ValueKind::kString) {
    return json_string(text);
  }
  if (kind == ValueKind::kBoolean) {
    return small == "true" ? "true" : "false";
  }
  const auto value = base::parse_json_if_valid(text);
  if (!value) {
    return kind == ValueKind::kJson && (small == "true" || small == "false") ? small
                                                                             : json_string(text);
  }
  if (kind == ValueKind::kUnknown && !value->is_structured()) {
    return json_string(text);
  }
  if (kind == ValueKind::kInteger && value->is_number_float()) {
    const double number = value->get<double>();
    constexpr double exact = 9007199254740992.0;
    if (number == std::floor(number) && std::abs(number) <= exact) {
      return Json(static_cast<std::int64_t>(number)).dump();
    }
  }
  return value->dump();
}

XmlCalls::XmlCalls(bool in_function, const std::vector<Tool>& tools)
    : tools_(tools), state_(in_function ? State::kName : State::kBegin) {}

CallReader::Step XmlCalls::begin_byte(char byte) {
  if (held_.empty() && is_space(byte)) {
    return Step::kMore;
  }
  held_.push_back(byte);
  if (held_ == kFunction) {
    held_.clear();
    state_ = State::kName;
    return Step::kMore;
  }
  return kFunction.starts_with(held_) ? Step::kMore : Step::kRejected;
}

CallReader::Step XmlCalls::name_byte(char byte, CallSink& sink) {
  if (byte != '>') {
    held_.push_back(byte);
    return is_space(byte) || byte == '<' || held_.size() > kMaxName ? Step::kRejected : Step::kMore;
  }
  if (held_.empty()) {
    return Step::kRejected;
  }
  const auto tool = std::ranges::find(tools_, held_, &Tool::name);
  kinds_ = tool == tools_.end() ? decltype(kinds_)() : value_kinds(*tool);
  sink.begin(held_);
  sink.arguments("{");
  held_.clear();
  has_parameters_ = false;
  state_ = State::kBetween;
  return Step::kMore;
}

CallReader::Step XmlCalls::between_byte(char byte, CallSink& sink) {
  held_.push_back(byte);
  if (held_ == kParameter) {
    held_.clear();
    key_.clear();
    state_ = State::kKey;
  } else if (held_ == kFunctionEnd) {
    held_.clear();
    sink.arguments("}");
    sink.end();
    state_ = State::kAfter;
  } else if (!kParameter.starts_with(held_) && !kFunctionEnd.starts_with(held_)) {
    held_.assign(byte == '<' ? 1 : 0, '<');
  }
  return Step::kMore;
}

void XmlCalls::key_ended(CallSink& sink) {
  sink.arguments(has_parameters_ ? ", " : "");
  sink.arguments(json_string(key_));
  sink.arguments(": ");
  has_parameters_ = true;
  const auto kind = kinds_.find(key_);
  // A parameter that no schema knows is text, as in mlx-lm.
  kind_ = kind == kinds_.end() ? ValueKind::kString : kind->second;
  string_open_ = false;
  value_begun_ = false;
  state_ = State::kValue;
}

void XmlCalls::give_string(CallSink& sink, bool whole) {
  std::size_t size = held_.size();
  if (!whole) {
    size = certain_size(held_, kValueEnds);
    if (size > 0 && held_[size - 1] == '\n') {  // the last line break is layout
      --size;
    }
    size -= unfinished_character(std::string_view(held_).substr(0, size));
  }
  if (size == 0 && !whole) {
    return;
  }
  if (!string_open_) {
    sink.arguments("\"");
    string_open_ = true;
  }
  const std::string text = json_string(std::string_view(held_).substr(0, size));
  sink.arguments(std::string_view(text).substr(1, text.size() - 2));
  held_.erase(0, size);
}

void XmlCalls::value_ended(CallSink& sink) {
  held_.resize(held_.size() - kParameterEnd.size());
  if (held_.ends_with('\n')) {
    held_.pop_back();
  }
  if (string_open_) {
    give_string(sink, true);
    sink.arguments("\"");
  } else {
    sink.arguments(json_value(held_, kind_));
  }
  held_.clear();
  state_ = State::kBetween;
}

CallReader::Step XmlCalls::value_byte(char byte, CallSink& sink) {
  if (!value_begun_) {
    value_begun_ = true;
    if (byte == '\n') {  // the first line break is layout
      return Step::kMore;
    }
  }
  held_.push_back(byte);
  if (held_.ends_with(kParameterEnd)) {
    value_ended(sink);
    return Step::kMore;
  }
  // "null" is no string: a text is one once it differs.
  const std::string begin = lower(std::string_view(held_).substr(0, 5));
  const bool may_be_null = !string_open_ && std::string_view("null\n").starts_with(begin);
  const bool null_ends = !string_open_ && begin == "null<";
  if (kind_ == ValueKind::kString && !may_be_null && !null_ends) {
    give_string(sink, false);
  }
  return Step::kMore;
}

CallReader::Step XmlCalls::after_byte(char byte, CallSink& sink) {
  if (held_.empty() && is_space(byte)) {
    return Step::kMore;
  }
  held_.push_back(byte);
  if (held_ == kCallEnd) {
    return Step::kDone;
  }
  if (held_ == kFunction) {
    held_.clear();
    state_ = State::kName;
    return Step::kMore;
  }
  if (kCallEnd.starts_with(held_) || kFunction.starts_with(held_)) {
    return Step::kMore;
  }
  held_.pop_back();
  sink.text(ChatPiece::Kind::kText, held_);
  return Step::kDoneBefore;
}

CallReader::Step XmlCalls::take(char byte, CallSink& sink) {
  switch (state_) {
    case State::kBegin:
      return begin_byte(byte);
    case State::kName:
      return name_byte(byte, sink);
    case State::kBetween:
      return between_byte(byte, sink);
    case State::kKey:
      if (byte == '>') {
        key_ended(sink);
      } else {
        key_.push_back(byte);
      }
      return Step::kMore;
    case State::kValue:
      return value_byte(byte, sink);
    case State::kAfter:
      break;
  }
  return after_byte(byte, sink);
}

// A value that was cut off is handed over as far as it came.
bool XmlCalls::finish(CallSink& sink) {
  if (state_ == State::kValue) {
    if (kind_ == ValueKind::kString) {
      give_string(sink, true);
    } else {
      sink.arguments(held_);
    }
  }
  return state_ != State::kBegin && state_ != State::kName;
}

}  // namespace hub::chat
