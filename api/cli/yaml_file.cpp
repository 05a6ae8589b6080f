#include "api/cli/yaml_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <regex>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

#include "core/base/error.h"
#include "core/base/file.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

constexpr std::uint64_t kMostBytes = 1U << 20U;
constexpr int kDeepest = 16;
constexpr int kMostValues = 10'000;  // aliases can make many of few

bool is_one_of(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// YAML 1.1, as PyYAML reads it.
Json plain_scalar(const std::string& text) {
  static const std::regex integer("[-+]?(0|[1-9][0-9_]*)");
  static const std::regex number(
      "[-+]?([0-9][0-9_]*)\\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?([0-9][0-9_]*)([eE][-+]?[0-9]+)|"
      "[-+]?\\.[0-9_]+([eE][-+]?[0-9]+)?");
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) {
    return nullptr;
  }
  if (is_one_of(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})) {
    return true;
  }
  if (is_one_of(text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})) {
    return false;
  }
  std::string digits = text;
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  const char* begin = digits.data() + (digits.starts_with('+') ? 1 : 0);
  const char* end = digits.data() + digits.size();
  if (std::regex_match(text, integer)) {
    std::int64_t value = 0;
    if (std::from_chars(begin, end, value).ec == std::errc()) {
      return value;
    }
  }
  if (std::regex_match(text, number)) {
    return std::strtod(begin, nullptr);  // libc++ reads no floating point with from_chars
  }
  return text;
}

class Converter {
 public:
  Json convert(const YAML::Node& node, int depth) {
    if (++values_ > kMostValues || depth > kDeepest) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("a configuration has at most {} values, {} deep", kMostValues, kDeepest));
    }
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return nullptr;
      case YAML::NodeType::Scalar:
        // "!" is what quotes leave behind.
        return node.Tag() == "!" ? Json(node.Scalar()) : plain_scalar(node.Scalar());
      case YAML::NodeType::Sequence: {
        Json list = Json::array();
        for (const YAML::Node& item : node) {
          list.push_back(convert(item, depth + 1));
        }
        return list;
      }
      case YAML::NodeType::Map: {
        Json object = Json::object();
        for (const auto& entry : node) {
          object[entry.first.Scalar()] = convert(entry.second, depth + 1);
        }
        return object;
      }
    }
    return nullptr;
  }

 private:
  int values_ = 0;
};

}  // namespace

Json parse_yaml(const std::string& text) {
  try {
    return Converter().convert(YAML::Load(text), 0);
  } catch (const YAML::Exception& error) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("this is no YAML: line {}: {}", error.mark.line + 1, error.msg));
  }
}

Json read_yaml(const std::filesystem::path& file) {
  try {
    return parse_yaml(base::read_file(file, kMostBytes));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) {
      throw;
    }
    throw Error(error.code(), fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace hub::api
