#include "core/base/json_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::base {
namespace {

// A short rendering of a value for error messages.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) {
    text = text.substr(0, 57) + "...";
  }
  return text;
}

[[noreturn]] void refuse(const std::string& path, std::string_view wanted, const Json& got) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("'{}' must be {}, got {}", path, wanted, shown(got)),
      path);
}

// Copying and printing a Json recurse, so a body of a million brackets would end the process.
constexpr int kDeepest = 128;

// Throws when brackets outside strings nest deeper than kDeepest. One pass, before anything is
// built.
void check_depth(std::string_view text, std::string_view what) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) {
        throw Error(
            ErrorCode::kInvalidArgument,
            fmt::format(
                "{} must nest at most {} levels deep, byte {} goes deeper", what, kDeepest, i + 1),
            {},
            "invalid_json");
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

// A whole number that fits; also 1.0, since some clients have no integers.
std::optional<std::int64_t> whole(const Json& value) {
  constexpr double beyond = 9223372036854775808.0;  // 2^63
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())
               ? std::optional(static_cast<std::int64_t>(number))
               : std::nullopt;
  }
  if (value.is_number_integer()) {
    return value.get<std::int64_t>();
  }
  const double number = value.is_number() ? value.get<double>() : beyond;
  return number == std::floor(number) && number >= -beyond && number < beyond
             ? std::optional(static_cast<std::int64_t>(number))
             : std::nullopt;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  check_depth(text, what);
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& error) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "{} is not valid JSON: stopped at byte {} of {}",
            what,
            std::min(error.byte, text.size()),
            text.size()),
        {},
        "invalid_json");
  } catch (const Json::out_of_range&) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{} holds a number beyond the range of double precision", what),
        {},
        "invalid_json");
  }
}

JsonReader::JsonReader(const Json& value, std::string path)
    : object_(value), path_(std::move(path)) {
  if (!object_.is_object()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "{} must be a JSON object, got {}",
            path_.empty() ? "the body" : "'" + path_ + "'",
            shown(value)),
        path_);
  }
}

std::string JsonReader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

bool JsonReader::is_null(std::string_view key) const {
  const auto found = object_.find(key);
  return found != object_.end() && found->is_null();
}

bool JsonReader::has(std::string_view key) const {
  const auto found = object_.find(std::string(key));
  return found != object_.end() && !found->is_null();
}

const Json& JsonReader::value(std::string_view key) const {
  if (!has(key)) {
    throw Error(
        ErrorCode::kInvalidArgument, fmt::format("'{}' is required", path_of(key)), path_of(key));
  }
  return *object_.find(std::string(key));
}

std::string JsonReader::string(std::string_view key) const {
  const Json& found = value(key);
  if (!found.is_string()) {
    refuse(path_of(key), "a string", found);
  }
  return found.get<std::string>();
}

std::optional<std::string> JsonReader::optional_string(std::string_view key) const {
  return has(key) ? std::optional(string(key)) : std::nullopt;
}

std::optional<bool> JsonReader::optional_bool(std::string_view key) const {
  if (!has(key)) {
    return std::nullopt;
  }
  const Json& found = value(key);
  if (!found.is_boolean()) {
    refuse(path_of(key), "true or false", found);
  }
  return found.get<bool>();
}

std::optional<std::int64_t> JsonReader::optional_int(
    std::string_view key, std::int64_t low, std::int64_t high) const {
  if (!has(key)) {
    return std::nullopt;
  }
  const Json& found = value(key);
  const auto number = whole(found);
  if (!number || *number < low || *number > high) {
    refuse(path_of(key), fmt::format("an integer from {} to {}", low, high), found);
  }
  return number;
}

std::optional<double> JsonReader::optional_number(
    std::string_view key, double low, double high) const {
  if (!has(key)) {
    return std::nullopt;
  }
  const Json& found = value(key);
  if (!found.is_number() || !(found.get<double>() >= low) || !(found.get<double>() <= high)) {
    refuse(path_of(key), fmt::format("a number from {} to {}", low, high), found);
  }
  return found.get<double>();
}

std::optional<std::vector<std::string>> JsonReader::optional_strings(std::string_view key) const {
  const Json* found = optional_array(key);
  if (found == nullptr) {
    return std::nullopt;
  }
  std::vector<std::string> strings;
  for (const Json& item : *found) {
    if (!item.is_string()) {
      refuse(fmt::format("{}[{}]", path_of(key), strings.size()), "a string", item);
    }
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

const Json* JsonReader::optional_object(std::string_view key) const {
  if (!has(key)) {
    return nullptr;
  }
  const Json& found = value(key);
  if (!found.is_object()) {
    refuse(path_of(key), "an object", found);
  }
  return &found;
}

const Json* JsonReader::optional_array(std::string_view key) const {
  if (!has(key)) {
    return nullptr;
  }
  const Json& found = value(key);
  if (!found.is_array()) {
    refuse(path_of(key), "an array", found);
  }
  return &found;
}

std::vector<JsonReader> JsonReader::optional_objects(std::string_view key) const {
  std::vector<JsonReader> objects;
  const Json* found = optional_array(key);
  if (found == nullptr) {
    return objects;
  }
  objects.reserve(found->size());
  for (const Json& item : *found) {
    objects.emplace_back(item, fmt::format("{}[{}]", path_of(key), objects.size()));
  }
  return objects;
}

void JsonReader::refuse_unknown(std::initializer_list<std::string_view> known) const {
  for (const auto& [key, unused] : object_.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "'{}' is not a known field; known are: {}", path_of(key), fmt::join(known, ", ")),
          path_of(key),
          "unknown_field");
    }
  }
}

}  // namespace hub::base
