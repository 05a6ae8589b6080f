#include "api/server/multipart.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "api/server/uri.h"
#include "core/base/error.h"

namespace hub::api {
namespace {

constexpr std::size_t kMaxHeaderBytes = 16U << 10U;
constexpr std::size_t kMaxParts = 100;

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(
      base::ErrorCode::kInvalidArgument, "multipart/form-data: " + why, {}, "bad_multipart");
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto low = [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&low](char left, char right) {
    return low(left) == low(right);
  });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

// Takes one value off `text`: a token up to ";" or a quoted string. A backslash escapes only a
// quote or a backslash, so that Windows paths in file names survive.
std::string take_value(std::string_view& text) {
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view value = trim(text.substr(0, end));
    text.remove_prefix(end);
    return std::string(value);
  }
  std::string value;
  std::size_t i = 1;
  for (; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) {
      ++i;
    }
    value += text[i];
  }
  if (i >= text.size()) {
    refuse("a quoted value does not end");
  }
  text.remove_prefix(i + 1);
  return value;
}

// The parameter `wanted` of a header value "form-data; name=…; filename=…".
std::optional<std::string> parameter(std::string_view value, std::string_view wanted) {
  value.remove_prefix(std::min(value.find(';'), value.size()));
  while (!value.empty()) {
    value.remove_prefix(1);
    const std::size_t equals = value.find('=');
    if (equals == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view key = trim(value.substr(0, equals));
    value.remove_prefix(equals + 1);
    value = value.substr(std::min(value.find_first_not_of(" \t"), value.size()));
    std::string found = take_value(value);
    if (equal_ignoring_case(key, wanted)) {
      return found;
    }
    value.remove_prefix(std::min(value.find(';'), value.size()));
  }
  return std::nullopt;
}

MultipartParser::Part parse_disposition(std::string_view value) {
  if (!equal_ignoring_case(trim(value.substr(0, value.find(';'))), "form-data")) {
    refuse("a part's Content-Disposition is not form-data");
  }
  MultipartParser::Part part;
  auto name = parameter(value, "name");
  if (!name || name->empty()) {
    refuse("a part has no name");
  }
  part.name = std::move(*name);
  if (auto file_name = parameter(value, "filename")) {
    part.file_name = std::move(*file_name);
    part.is_file = true;
  }
  if (const auto extended = parameter(value, "filename*")) {  // UTF-8''%e2%82%ac.jsonl
    const std::size_t quote = extended->rfind('\'');
    part.file_name = percent_decode(
        std::string_view(*extended).substr(quote == std::string::npos ? 0 : quote + 1));
    part.is_file = true;
  }
  return part;
}

MultipartParser::Part parse_part_headers(std::string_view headers) {
  while (!headers.empty()) {
    const std::size_t end = headers.find("\r\n");
    const std::string_view line = headers.substr(0, end);
    headers.remove_prefix(end == std::string_view::npos ? headers.size() : end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      refuse("a part's header line has no colon");
    }
    if (equal_ignoring_case(trim(line.substr(0, colon)), "Content-Disposition")) {
      return parse_disposition(trim(line.substr(colon + 1)));
    }
  }
  refuse("a part has no Content-Disposition");
}

}  // namespace

MultipartParser::MultipartParser(std::string_view content_type, Events events)
    : events_(std::move(events)) {
  const auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > 70) {
    refuse("Content-Type names no boundary of 1 to 70 characters");
  }
  delimiter_ = "\r\n--" + *boundary;
  buffer_ = "\r\n";  // so that a boundary at the very start looks like all others
}

void MultipartParser::feed(std::string_view bytes) {
  if (state_ == State::kEpilogue) {
    return;
  }
  buffer_ += bytes;
  while (step()) {
  }
}

void MultipartParser::finish() const {
  if (state_ != State::kEpilogue) {
    refuse("the body ends before its closing boundary");
  }
}

bool MultipartParser::step() {
  switch (state_) {
    case State::kPreamble:
      return skip_preamble();
    case State::kAfterBoundary:
      return after_boundary();
    case State::kHeaders:
      return read_headers();
    case State::kBody:
      return read_body();
    case State::kEpilogue:
      buffer_.clear();
      return false;
  }
  return false;
}

bool MultipartParser::skip_preamble() {
  const std::size_t found = buffer_.find(delimiter_);
  if (found == std::string::npos) {
    const std::size_t keep = std::min(buffer_.size(), delimiter_.size() - 1);
    buffer_.erase(0, buffer_.size() - keep);
    return false;
  }
  buffer_.erase(0, found + delimiter_.size());
  state_ = State::kAfterBoundary;
  return true;
}

bool MultipartParser::after_boundary() {
  const std::size_t padding = std::min(buffer_.find_first_not_of(" \t"), buffer_.size());
  if (padding > kMaxHeaderBytes) {
    refuse("a boundary line does not end");
  }
  if (buffer_.size() < padding + 2) {
    return false;
  }
  const std::string_view next = std::string_view(buffer_).substr(padding, 2);
  if (next == "\r\n") {
    if (++parts_ > kMaxParts) {
      throw base::Error(
          base::ErrorCode::kTooLarge,
          fmt::format("multipart/form-data: more than {} parts", kMaxParts));
    }
    buffer_.erase(0, padding);  // CRLF stays: a part without headers starts with an empty line
    state_ = State::kHeaders;
    return true;
  }
  if (padding == 0 && next == "--") {
    state_ = State::kEpilogue;
    return true;
  }
  refuse("a boundary is followed by other text");
}

bool MultipartParser::read_headers() {
  const std::size_t end = buffer_.find("\r\n\r\n");
  if (std::min(end, buffer_.size()) > kMaxHeaderBytes) {
    throw base::Error(
        base::ErrorCode::kTooLarge,
        fmt::format("multipart/form-data: a part's header exceeds {} bytes", kMaxHeaderBytes));
  }
  if (end == std::string::npos) {
    return false;
  }
  const std::string_view headers = std::string_view(buffer_).substr(0, end);
  const Part part = parse_part_headers(headers.size() >= 2 ? headers.substr(2) : headers);
  buffer_.erase(0, end + 4);
  events_.begin(part);
  state_ = State::kBody;
  return true;
}

bool MultipartParser::read_body() {
  // What may be the beginning of a boundary waits for more.
  const std::size_t found = buffer_.find(delimiter_);
  const std::size_t safe = found != std::string::npos ? found
                           : buffer_.size() >= delimiter_.size()
                               ? buffer_.size() - (delimiter_.size() - 1)
                               : 0;
  if (safe > 0) {
    events_.data(std::string_view(buffer_).substr(0, safe));
  }
  buffer_.erase(0, safe);
  if (found == std::string::npos) {
    return false;
  }
  buffer_.erase(0, delimiter_.size());
  events_.end();
  state_ = State::kAfterBoundary;
  return true;
}

}  // namespace hub::api
