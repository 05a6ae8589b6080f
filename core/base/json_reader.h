#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace hub::base {

// Parses one JSON text (UTF-8). Throws kInvalidArgument naming the byte where it stopped being
// JSON. `what` is how the message calls the text ("request body", "config.json").
Json parse_json(std::string_view text, std::string_view what);

// Reads an object field by field; every complaint names the field's full path, what was wanted and
// what came. Refers to the Json it was made from, which must outlive it. Fields that are absent or
// null count as absent. One thread at a time.
class JsonReader {
 public:
  // Throws kInvalidArgument when `value` is not an object.
  explicit JsonReader(const Json& value, std::string path = {});

  [[nodiscard]] bool has(std::string_view key) const;
  // Whether the field is there and null, where that means something else than its absence.
  [[nodiscard]] bool is_null(std::string_view key) const;
  [[nodiscard]] std::string path_of(std::string_view key) const;

  // Required fields: throw kInvalidArgument when absent or of another type.
  [[nodiscard]] std::string string(std::string_view key) const;
  [[nodiscard]] const Json& value(std::string_view key) const;

  // Optional fields: nullopt when absent; throw when present with another type or outside [low,
  // high].
  [[nodiscard]] std::optional<std::string> optional_string(std::string_view key) const;
  [[nodiscard]] std::optional<bool> optional_bool(std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> optional_int(
      std::string_view key, std::int64_t low, std::int64_t high) const;
  [[nodiscard]] std::optional<double> optional_number(
      std::string_view key, double low, double high) const;
  [[nodiscard]] std::optional<std::vector<std::string>> optional_strings(
      std::string_view key) const;
  [[nodiscard]] const Json* optional_object(std::string_view key) const;
  [[nodiscard]] const Json* optional_array(std::string_view key) const;
  // The elements of an array of objects, each with its path; none when absent.
  [[nodiscard]] std::vector<JsonReader> optional_objects(std::string_view key) const;

  // Throws kInvalidArgument naming the first field that is not among `known`: our own routes refuse
  // what they would ignore.
  void refuse_unknown(std::initializer_list<std::string_view> known) const;

 private:
  const Json& object_;
  std::string path_;
};

}  // namespace hub::base
