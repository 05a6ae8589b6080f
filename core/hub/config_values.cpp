#include "core/hub/config_values.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::hub {

using base::Error;
using base::ErrorCode;

void refuse(const std::string& source, const std::string& wanted, const std::string& got) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("{} must be {}, got \"{}\"", source, wanted, got),
      source);
}

double number(const std::string& text, const std::string& source, double low, double high) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= low) ||
      !(value <= high)) {
    refuse(source, fmt::format("a number from {} to {}", low, high), text);
  }
  return value;
}

std::uint64_t whole(
    const std::string& text, const std::string& source, std::uint64_t low, std::uint64_t high) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    refuse(source, fmt::format("a whole number from {} to {}", low, high), text);
  }
  return value;
}

std::string one_of(
    const std::string& text,
    const std::string& source,
    std::initializer_list<std::string> choices) {
  if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
    refuse(source, fmt::format("one of {}", fmt::join(choices, ", ")), text);
  }
  return text;
}

void check_host_name(const std::string& host, const std::string& source) {
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (host.empty() || host.find_first_of("/ ,") != std::string::npos ||
      (!bracketed && host.find(':') != std::string::npos)) {
    refuse(source, "host names without port and scheme (\"hub.example.org\", \"[fe80::1]\")", host);
  }
}

void check_origin(const std::string& origin, const std::string& source) {
  const std::size_t mark = origin.find("://");
  const bool whole_origin = mark != std::string::npos && mark > 0 && mark + 3 < origin.size() &&
                            origin.find_first_of("/ ,*", mark + 3) == std::string::npos;
  if (!whole_origin) {
    refuse(source, "origins such as \"https://app.example.org\", without path", origin);
  }
}

std::filesystem::path absolute_path(const std::string& text, const std::string& source) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(text, error);
  if (text.empty() || error) {
    refuse(source, "a path", text);
  }
  return path.lexically_normal();
}

}  // namespace hub::hub
