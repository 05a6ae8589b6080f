#include "api/server/uri.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::api {
namespace {

int hex_digit(char letter) {
  if (letter >= '0' && letter <= '9') {
    return letter - '0';
  }
  if (letter >= 'a' && letter <= 'f') {
    return letter - 'a' + 10;
  }
  if (letter >= 'A' && letter <= 'F') {
    return letter - 'A' + 10;
  }
  return -1;
}

[[noreturn]] void refuse(std::string_view text) {
  throw base::Error(
      base::ErrorCode::kInvalidArgument,
      fmt::format("the URL part '{}' is not percent-encoded correctly", text.substr(0, 100)));
}

}  // namespace

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
      continue;
    }
    if (text[i] == '\0') {
      refuse(text);
    }
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0 || (high == 0 && low == 0)) {
      refuse(text);
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::map<std::string, std::string> parse_query(std::string_view text) {
  std::map<std::string, std::string> pairs;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    if (!pair.empty()) {
      pairs.insert_or_assign(
          percent_decode(pair.substr(0, equals), true), percent_decode(value, true));
    }
  }
  return pairs;
}

std::optional<Target> parse_target(std::string_view target) {
  Target parts;
  if (target == "*") {
    parts.path = target;
    return parts;
  }
  target = target.substr(0, target.find('#'));
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.starts_with(scheme)) {
      target.remove_prefix(scheme.size());
      const std::size_t end = target.find_first_of("/?");
      parts.authority = target.substr(0, end);
      target = end == std::string_view::npos ? std::string_view() : target.substr(end);
      if (parts.authority.empty()) {
        return std::nullopt;
      }
      break;
    }
  }
  const std::size_t question = target.find('?');
  parts.path = target.substr(0, question);
  if (question != std::string_view::npos) {
    parts.query = target.substr(question + 1);
  }
  if (!parts.authority.empty() && parts.path.empty()) {
    parts.path = "/";
  }
  if (!parts.path.starts_with('/')) {
    return std::nullopt;
  }
  return parts;
}

std::vector<std::string_view> path_segments(std::string_view raw_path) {
  std::vector<std::string_view> segments;
  if (raw_path.starts_with('/')) {
    raw_path.remove_prefix(1);
  }
  if (raw_path.ends_with('/')) {
    raw_path.remove_suffix(1);
  }
  while (!raw_path.empty()) {
    const std::size_t slash = raw_path.find('/');
    segments.push_back(raw_path.substr(0, slash));
    if (slash == std::string_view::npos) {
      break;
    }
    raw_path.remove_prefix(slash + 1);
    if (raw_path.empty()) {
      segments.emplace_back();
    }
  }
  return segments;
}

}  // namespace hub::api
