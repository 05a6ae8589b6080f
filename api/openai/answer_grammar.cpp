#include "api/openai/answer_grammar.h"

#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;
using text::GrammarSpec;

[[noreturn]] void refuse(const std::string& path, std::string_view wanted, const Json& got) {
  const std::string shown = got.is_string() ? got.dump() : got.type_name();
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("'{}' must be {}, got {}", path, wanted, shown),
      path);
}

// A schema is an object, or true for anything and false for nothing.
GrammarSpec schema_at(const JsonReader& body, std::string_view key) {
  const Json& schema = body.value(key);
  if (!schema.is_object() && !schema.is_boolean()) {
    refuse(body.path_of(key), "a JSON schema", schema);
  }
  return {.kind = GrammarSpec::Kind::kJsonSchema, .text = schema.dump()};
}

std::optional<GrammarSpec> read_response_format(const JsonReader& body) {
  const Json* format = body.optional_object("response_format");
  if (format == nullptr) {
    return std::nullopt;
  }
  const JsonReader reader(*format, body.path_of("response_format"));
  const std::string type = reader.optional_string("type").value_or("text");
  if (type == "text") {
    return std::nullopt;
  }
  if (type == "json_object") {
    return reader.has("schema") ? schema_at(reader, "schema")  // llama.cpp's way
                                : GrammarSpec{.kind = GrammarSpec::Kind::kJsonObject, .text = {}};
  }
  if (type != "json_schema") {
    refuse(reader.path_of("type"), "\"text\", \"json_object\" or \"json_schema\"", Json(type));
  }
  static_cast<void>(reader.value("json_schema"));  // required
  const JsonReader schema(*reader.optional_object("json_schema"), reader.path_of("json_schema"));
  return schema_at(schema, "schema");
}

}  // namespace

std::optional<GrammarSpec> read_grammar(const JsonReader& body) {
  std::optional<GrammarSpec> found = read_response_format(body);
  std::string from = "response_format";
  const auto take = [&](std::string_view key, auto read) {
    if (!body.has(key)) {
      return;
    }
    if (found) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("'{}' and '{}' exclude each other", from, body.path_of(key)),
          body.path_of(key));
    }
    found = read(key);
    from = body.path_of(key);
  };
  const auto schema = [&](std::string_view key) { return schema_at(body, key); };
  take("json_schema", schema);
  take("guided_json", schema);
  take("guided_regex", [&](std::string_view key) {
    return GrammarSpec{.kind = GrammarSpec::Kind::kRegex, .text = body.string(key)};
  });
  take("guided_grammar", [&](std::string_view key) {
    return GrammarSpec{.kind = GrammarSpec::Kind::kLark, .text = body.string(key)};
  });
  return found;
}

}  // namespace hub::api
