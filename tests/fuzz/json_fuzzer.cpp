// JSON as requests and workers send it: parse_json, JsonReader, lines of the worker protocol.
#include <algorithm>
#include <cstdint>
#include <limits>

#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/base/worker_protocol.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {
namespace {

using base::Json;
using base::JsonReader;

int depth_of(const Json& value) {
  int deepest = 0;
  for (const Json& item : value) {
    deepest = std::max(deepest, item.is_structured() ? depth_of(item) : 0);
  }
  return deepest + 1;
}

// Every way to read a field, of each field that is there.
void read_fields(const Json& value) {
  if (!accepts([&] { JsonReader reader(value, "body"); })) {
    return;
  }
  const JsonReader reader(value, "body");
  constexpr auto low = std::numeric_limits<std::int64_t>::min();
  constexpr auto high = std::numeric_limits<std::int64_t>::max();
  for (const auto& [key, field] : value.items()) {
    require(reader.has(key) == !field.is_null(), "a field is there unless it is null");
    accepts([&] { require(Json(reader.string(key)) == field, "a string is read as it is"); });
    accepts([&] { static_cast<void>(reader.optional_bool(key)); });
    accepts([&] {
      const auto number = reader.optional_int(key, -10, 1000);
      require(!number || (*number >= -10 && *number <= 1000), "an integer is within its range");
    });
    accepts([&] { static_cast<void>(reader.optional_int(key, low, high)); });
    accepts([&] {
      const auto number = reader.optional_number(key, 0.0, 2.0);
      require(!number || (*number >= 0.0 && *number <= 2.0), "a number is within its range");
    });
    accepts([&] { static_cast<void>(reader.optional_strings(key)); });
    accepts([&] {
      if (const Json* object = reader.optional_object(key)) {
        read_fields(*object);
      }
    });
    accepts([&] { static_cast<void>(reader.optional_array(key)); });
  }
  accepts([&] { reader.refuse_unknown({"v", "type", "model"}); });
}

void read_protocol_line(std::string_view line) {
  Json parsed;
  if (!accepts([&] { parsed = base::parse_protocol_line(line); })) {
    return;
  }
  const std::string type = parsed.at("type");
  const std::string again = base::protocol_line(type, parsed);
  require(again.find('\n') == again.size() - 1, "an event is one line");
  // v and type go first in a line, and the order of fields means nothing.
  const nlohmann::json before = parsed;
  const nlohmann::json after = base::parse_protocol_line(again);
  require(after == before, "an event survives being sent on");
}

}  // namespace

void run(std::string_view input) {
  Json value;
  if (accepts([&] { value = base::parse_json(input, "the text"); })) {
    if (value.is_structured()) {
      require(depth_of(value) <= 128, "nothing nests deeper than is promised");
    }
    require(base::parse_json(value.dump(), "the text") == value, "JSON survives being written");
    read_fields(value);
  }
  read_protocol_line(input);
}

}  // namespace hub::fuzz
