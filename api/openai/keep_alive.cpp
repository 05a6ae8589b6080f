#include "api/openai/keep_alive.h"

#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

constexpr std::string_view kField = "keep_alive";
// The longer of two that begin alike first.
constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{
    {{"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {"h", 3600.0}, {"m", 60.0}, {"s", 1.0}}};

// Takes a number off the front.
std::optional<double> take_number(std::string_view& text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc()) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<double> take_unit(std::string_view& text) {
  for (const auto& [name, seconds] : kUnits) {
    if (text.starts_with(name)) {
      text.remove_prefix(name.size());
      return seconds;
    }
  }
  return std::nullopt;
}

// "1h30m", "-1", "90": of a number alone the unit is a second.
std::optional<double> parse_duration(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  text.remove_prefix(is_negative ? 1 : 0);
  double seconds = 0;
  bool is_first = true;
  while (is_first || !text.empty()) {
    if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) == 0) {
      return std::nullopt;
    }
    const auto number = take_number(text);
    if (!number) {
      return std::nullopt;
    }
    if (text.empty() && is_first) {
      seconds = *number;
      break;
    }
    const auto unit = take_unit(text);
    if (!unit) {
      return std::nullopt;
    }
    seconds += *number * *unit;
    is_first = false;
  }
  return is_negative ? -seconds : seconds;
}

std::optional<double> seconds_of(const base::Json& value) {
  if (value.is_number()) {
    return value.get<double>();
  }
  return value.is_string() ? parse_duration(value.get_ref<const std::string&>()) : std::nullopt;
}

}  // namespace

std::optional<double> read_keep_alive(const base::JsonReader& body) {
  if (!body.has(kField) || body.is_null(kField)) {
    return std::nullopt;
  }
  const base::Json& value = body.value(kField);
  const auto seconds = seconds_of(value);
  if (!seconds) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "'{0}' must be seconds, or a time like \"5m\" or \"1h30m\"; got {1}",
            body.path_of(kField),
            value.dump().substr(0, 60)),
        body.path_of(kField));
  }
  return *seconds < 0 ? std::numeric_limits<double>::infinity() : *seconds;
}

}  // namespace hub::api
