#pragma once

#include <algorithm>
#include <cmath>
#include <regex>
#include <set>
#include <string>

#include "core/base/json_reader.h"

namespace hub::text {

// Whether a value fits a JSON schema (draft 2020-12), for the keywords that the schemas of
// grammar_cases.h use; an unknown one fails. Written from the specification, apart from what
// compiles grammars.
class SchemaCheck {
 public:
  explicit SchemaCheck(const base::Json& root) : root_(root) {}

  // The first misfit, or "" when there is none.
  [[nodiscard]] std::string problem(const base::Json& value) const { return problem(value, root_); }

 private:
  using Json = base::Json;

  [[nodiscard]] std::string problem(const Json& value, const Json& schema) const {
    if (schema.is_boolean()) {
      return schema.get<bool>() ? "" : value.dump() + " is not wanted here";
    }
    for (const auto& [keyword, rule] : schema.items()) {
      std::string found = misfit(value, keyword, rule, schema);
      if (!found.empty()) {
        return found;
      }
    }
    return "";
  }

  [[nodiscard]] std::string misfit(
      const Json& value, const std::string& keyword, const Json& rule, const Json& schema) const {
    const auto unless = [&](bool fits) {
      return fits ? "" : value.dump() + " breaks " + keyword + " " + rule.dump();
    };
    if (keyword == "type") {
      return unless(
          rule.is_array()
              ? std::ranges::any_of(rule, [&](const Json& type) { return has_type(value, type); })
              : has_type(value, rule));
    }
    if (keyword == "enum") {
      return unless(std::ranges::find(rule, value) != rule.end());
    }
    if (keyword == "const") {
      return unless(value == rule);
    }
    if (keyword == "anyOf" || keyword == "oneOf") {
      const auto fitting = std::ranges::count_if(
          rule, [&](const Json& option) { return problem(value, option).empty(); });
      return unless(keyword == "anyOf" ? fitting > 0 : fitting == 1);
    }
    if (keyword == "allOf") {
      return unless(std::ranges::all_of(rule, [&](const Json& part) {
        return problem(value, part).empty();
      }));
    }
    if (keyword == "$ref") {
      const auto place = rule.get<std::string>().substr(1);
      return problem(value, root_.at(Json::json_pointer(place)));
    }
    if (keyword == "$defs" || keyword == "title" || keyword == "description") {
      return "";
    }
    if (!known(keyword)) {
      return "unknown keyword " + keyword;
    }
    if (value.is_number()) {
      return unless(number_fits(value.get<double>(), keyword, rule));
    }
    if (value.is_string()) {
      return unless(string_fits(value.get<std::string>(), keyword, rule));
    }
    if (value.is_array()) {
      return array_problem(value, keyword, rule, schema);
    }
    return value.is_object() ? object_problem(value, keyword, rule, schema) : "";
  }

  // A keyword says nothing about values of other types than its own.
  static bool known(const std::string& keyword) {
    static const std::set<std::string> all = {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minItems",
        "maxItems",
        "prefixItems",
        "items",
        "properties",
        "required",
        "additionalProperties",
        "minProperties",
        "maxProperties"};
    return all.contains(keyword);
  }

  static bool has_type(const Json& value, const std::string& type) {
    return type == "object"    ? value.is_object()
           : type == "array"   ? value.is_array()
           : type == "string"  ? value.is_string()
           : type == "boolean" ? value.is_boolean()
           : type == "null"    ? value.is_null()
           : type == "number"  ? value.is_number()
                               : value.is_number() && std::trunc(value.get<double>()) == value;
  }

  static bool number_fits(double value, const std::string& keyword, const Json& rule) {
    const double bound = rule.is_number() ? rule.get<double>() : 0;
    return keyword == "minimum"            ? value >= bound
           : keyword == "maximum"          ? value <= bound
           : keyword == "exclusiveMinimum" ? value > bound
           : keyword == "exclusiveMaximum" ? value < bound
           : keyword == "multipleOf"       ? std::abs(std::remainder(value, bound)) < 1e-9 * bound
                                           : true;
  }

  static bool string_fits(const std::string& value, const std::string& keyword, const Json& rule) {
    const auto characters = static_cast<std::size_t>(
        std::ranges::count_if(value, [](char byte) { return (byte & '\xC0') != '\x80'; }));
    if (keyword == "minLength" || keyword == "maxLength") {
      return keyword == "minLength" ? characters >= rule.get<std::size_t>()
                                    : characters <= rule.get<std::size_t>();
    }
    if (keyword == "pattern") {
      return std::regex_search(value, std::regex(rule.get<std::string>()));
    }
    return keyword != "format" || format_fits(value, rule);
  }

  static bool format_fits(const std::string& value, const std::string& format) {
    static const std::string date = R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))";
    static const std::string time =
        R"(([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([zZ]|[+-]([01]\d|2[0-3]):[0-5]\d))";
    const auto is = [&](const std::string& pattern) {
      return std::regex_match(value, std::regex(pattern));
    };
    return format == "date"        ? is(date)
           : format == "time"      ? is(time)
           : format == "date-time" ? is(date + "[tT]" + time)
           : format == "uuid"      ? is("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
           : format == "ipv4" ? is(R"((25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3})")
           : format == "email" ? is(R"([^@\s]+@\S+)")
                               : false;
  }

  [[nodiscard]] std::string array_problem(
      const Json& value, const std::string& keyword, const Json& rule, const Json& schema) const {
    if (keyword == "minItems" || keyword == "maxItems") {
      const bool fits = keyword == "minItems" ? value.size() >= rule.get<std::size_t>()
                                              : value.size() <= rule.get<std::size_t>();
      return fits ? "" : value.dump() + " breaks " + keyword;
    }
    const std::size_t prefix = schema.contains("prefixItems") ? schema["prefixItems"].size() : 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      std::string found = keyword == "prefixItems" && i < prefix ? problem(value[i], rule[i])
                          : keyword == "items" && i >= prefix    ? problem(value[i], rule)
                                                                 : "";
      if (!found.empty()) {
        return found;
      }
    }
    return "";
  }

  [[nodiscard]] std::string object_problem(
      const Json& value, const std::string& keyword, const Json& rule, const Json& schema) const {
    if (keyword == "required") {
      const bool all = std::ranges::all_of(
          rule, [&](const Json& name) { return value.contains(name.get<std::string>()); });
      return all ? "" : value.dump() + " lacks one of " + rule.dump();
    }
    if (keyword == "minProperties" || keyword == "maxProperties") {
      const bool fits = keyword == "minProperties" ? value.size() >= rule.get<std::size_t>()
                                                   : value.size() <= rule.get<std::size_t>();
      return fits ? "" : value.dump() + " breaks " + keyword;
    }
    for (const auto& [name, part] : value.items()) {
      const bool named = schema.contains("properties") && schema["properties"].contains(name);
      std::string found = keyword == "properties" && named              ? problem(part, rule[name])
                          : keyword == "additionalProperties" && !named ? problem(part, rule)
                                                                        : "";
      if (!found.empty()) {
        return found;
      }
    }
    return "";
  }

  const Json& root_;
};

}  // namespace hub::text
