#pragma once

#include <array>
#include <string_view>

namespace hub::text {

// A grammar by its text, named for messages.
struct GrammarCase {
  std::string_view name;
  std::string_view text;
};

// JSON schemas as requests have them; scripts/bench_grammar.py measures them, too.
inline constexpr std::array kSchemas = {
    GrammarCase{"person", R"({
      "type": "object",
      "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "email": {"type": "string", "format": "email"}
      },
      "required": ["name", "age"], "additionalProperties": false})"},
    GrammarCase{"nested", R"({
      "type": "object",
      "properties": {
        "order": {"type": "object", "properties": {
          "id": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
          "lines": {"type": "array", "minItems": 1, "maxItems": 4, "items": {
            "type": "object",
            "properties": {"sku": {"type": "string", "maxLength": 12},
                           "count": {"type": "integer", "minimum": 1, "maximum": 99}},
            "required": ["sku", "count"], "additionalProperties": false}}},
          "required": ["id", "lines"], "additionalProperties": false}},
      "required": ["order"], "additionalProperties": false})"},
    GrammarCase{
        "strings_array",
        R"({"type": "array", "items": {"type": "string", "maxLength": 20}, "minItems": 2, "maxItems": 3})"},
    GrammarCase{"enum", R"({"enum": ["red", "green", "blue", 1, 2.5, null, true]})"},
    GrammarCase{"const", R"({
      "type": "object",
      "properties": {"kind": {"const": "circle"}, "radius": {"type": "number", "exclusiveMinimum": 0}},
      "required": ["kind", "radius"], "additionalProperties": false})"},
    GrammarCase{
        "pattern", R"({"type": "string", "pattern": "^(\\+[0-9]{1,3} )?[0-9]{3}-[0-9]{4}$"})"},
    GrammarCase{
        "search_pattern", R"x({"type": "string", "pattern": "[0-9]+(cm|kg)", "maxLength": 40})x"},
    GrammarCase{"integer_range", R"({"type": "integer", "minimum": -17, "maximum": 2048})"},
    GrammarCase{
        "number_range", R"({"type": "number", "minimum": -1.5, "exclusiveMaximum": 12.25})"},
    GrammarCase{
        "multiple_of", R"({"type": "integer", "multipleOf": 5, "minimum": 0, "maximum": 500})"},
    GrammarCase{"any_of", R"({
      "anyOf": [
        {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": false},
        {"type": "object", "properties": {"error": {"type": "string", "minLength": 3}}, "required": ["error"],
         "additionalProperties": false},
        {"type": "null"}]})"},
    GrammarCase{"tree", R"({
      "$ref": "#/$defs/node",
      "$defs": {"node": {
        "type": "object",
        "properties": {"value": {"type": "integer"},
                       "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2}},
        "required": ["value"], "additionalProperties": false}}})"},
    GrammarCase{"definitions", R"({
      "type": "object",
      "properties": {"from": {"$ref": "#/$defs/place"}, "to": {"$ref": "#/$defs/place"}},
      "required": ["from", "to"], "additionalProperties": false,
      "$defs": {"place": {"type": "object", "properties": {
        "lat": {"type": "number", "minimum": -90, "maximum": 90},
        "lon": {"type": "number", "minimum": -180, "maximum": 180}},
        "required": ["lat", "lon"], "additionalProperties": false}}})"},
    GrammarCase{"optional", R"({
      "type": "object",
      "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}, "c": {"type": "string"}, "d": {"type": "null"}},
      "required": ["b"], "additionalProperties": false})"},
    GrammarCase{"map", R"({
      "type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"],
      "additionalProperties": {"type": "number"}})"},
    GrammarCase{"formats", R"({
      "type": "object",
      "properties": {"day": {"type": "string", "format": "date"}, "at": {"type": "string", "format": "date-time"},
                     "clock": {"type": "string", "format": "time"}, "id": {"type": "string", "format": "uuid"},
                     "host": {"type": "string", "format": "ipv4"}},
      "required": ["day", "at", "clock", "id", "host"], "additionalProperties": false})"},
    GrammarCase{"unicode", R"({
      "type": "object",
      "properties": {"größe": {"enum": ["schön", "日本語", "😀 smile"]}, "naïve": {"const": "Ω\"\\/"}},
      "required": ["größe", "naïve"], "additionalProperties": false})"},
    GrammarCase{"tuple", R"({
      "type": "array", "prefixItems": [{"type": "string", "maxLength": 5}, {"type": "integer"}, {"type": "boolean"}],
      "items": false, "minItems": 3})"},
    GrammarCase{"types", R"({
      "type": "object",
      "properties": {"v": {"type": ["string", "integer", "null"], "maxLength": 8}, "any": {}},
      "required": ["v", "any"], "additionalProperties": false})"},
    GrammarCase{"all_of", R"({
      "allOf": [
        {"type": "object", "properties": {"x": {"type": "integer", "minimum": 3}}, "required": ["x"]},
        {"type": "object", "properties": {"x": {"maximum": 9}, "y": {"type": "string", "minLength": 2, "maxLength": 4}},
         "required": ["y"]}]})"},
    GrammarCase{"one_of", R"({
      "oneOf": [
        {"type": "object", "properties": {"t": {"const": "a"}, "n": {"type": "integer"}}, "required": ["t", "n"],
         "additionalProperties": false},
        {"type": "object", "properties": {"t": {"const": "b"}, "s": {"type": "string", "maxLength": 6}},
         "required": ["t", "s"], "additionalProperties": false}]})"},
    GrammarCase{"tool_call", R"({
      "anyOf": [
        {"type": "object", "properties": {"name": {"const": "get_weather"}, "arguments": {
          "type": "object", "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
          "required": ["city"], "additionalProperties": false}},
         "required": ["name", "arguments"], "additionalProperties": false},
        {"type": "object", "properties": {"name": {"const": "search_documents"}, "arguments": {
          "type": "object", "properties": {"query": {"type": "string", "minLength": 1},
            "limit": {"type": "integer", "minimum": 1, "maximum": 50}},
          "required": ["query", "limit"], "additionalProperties": false}},
         "required": ["name", "arguments"], "additionalProperties": false}]})"}};

inline constexpr std::array kRegexes = {
    GrammarCase{"date", R"([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))"},
    GrammarCase{"choice", R"(yes|no|maybe( later)?)"},
    GrammarCase{"slash", R"(https?://[a-z]{2,12}(\.[a-z]{2,6}){1,3}/[a-z0-9/]{0,20})"},
    GrammarCase{"anchored", R"(^[äöüß€]{1,9}$)"},
    GrammarCase{"ssn", R"(\d{3}-\d{2}-\d{4})"}};

// Sums and products of numbers in brackets.
inline constexpr std::string_view kArithmetic = R"x(
start: sum
sum: product (("+" | "-") product)*
product: atom (("*" | "/") atom)*
atom: NUMBER | "(" sum ")"
NUMBER: /[0-9]{1,4}(\.[0-9]{1,3})?/
)x";

}  // namespace hub::text
