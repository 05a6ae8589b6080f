#include "api/server/file_answer.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "api/server/http_error.h"
#include "api/server/response_head.h"
#include "core/base/error.h"

namespace hub::api {
namespace {

std::int64_t modified_ns(const struct stat& info) {
#ifdef __APPLE__
  return info.st_mtimespec.tv_sec * 1'000'000'000LL + info.st_mtimespec.tv_nsec;
#else
  return info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec;
#endif
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

// Weak comparison of one tag with a list, or "*".
bool tag_in_list(std::string_view list, std::string_view tag) {
  if (trim(list) == "*") {
    return true;
  }
  const auto strong = [](std::string_view text) {
    return text.starts_with("W/") ? text.substr(2) : text;
  };
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (strong(trim(list.substr(0, comma))) == strong(tag)) {
      return true;
    }
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

bool unchanged(const Request& request, const Headers& headers, std::time_t modified) {
  const std::string tags = request.header("If-None-Match");
  if (!tags.empty()) {
    return tag_in_list(tags, headers.at("ETag"));
  }
  const auto since = parse_http_date(request.header("If-Modified-Since"));
  return since && modified <= *since;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

struct Range {
  std::uint64_t first = 0;
  std::uint64_t length = 0;  // 0: cannot be satisfied
};

// nullopt for several ranges and for what is no range: the whole file is the answer then.
std::optional<Range> parse_range(std::string_view text, std::uint64_t size) {
  if (!text.starts_with("bytes=") || text.find(',') != std::string_view::npos) {
    return std::nullopt;
  }
  text = trim(text.substr(6));
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const auto first = number(text.substr(0, dash));
  const auto last = number(text.substr(dash + 1));
  if (!first && last && dash == 0) {  // the last N bytes
    const std::uint64_t length = std::min(*last, size);
    return Range{size - length, length};
  }
  const bool open = dash + 1 == text.size();
  if (!first || (!last && !open) || (last && *last < *first)) {
    return std::nullopt;
  }
  if (*first >= size) {
    return Range{};
  }
  const std::uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  return Range{*first, end - *first + 1};
}

bool range_applies(const Request& request, const Headers& headers) {
  const std::string condition = request.header("If-Range");
  return condition.empty() || condition == headers.at("ETag") ||
         condition == headers.at("Last-Modified");
}

}  // namespace

FileAnswer plan_file(const Response& response, const Request& request) {
  FileAnswer answer;
  answer.status = response.status;
  answer.headers = response.headers;
  answer.file = Descriptor(::open(response.file->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  if (!answer.file.valid() || ::fstat(answer.file.number(), &info) != 0 || !S_ISREG(info.st_mode)) {
    throw base::Error(
        base::ErrorCode::kNotFound, fmt::format("no file at {}", request.path), {}, "not_found");
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  answer.length = size;
  answer.headers.emplace("Content-Type", "application/octet-stream");
  answer.headers.emplace("ETag", fmt::format("\"{:x}-{:x}\"", size, modified_ns(info)));
  answer.headers["Last-Modified"] = http_date(info.st_mtime);
  answer.headers["Accept-Ranges"] = "bytes";
  if (answer.status != 200) {
    return answer;  // a page for an error: neither cached nor cut
  }
  if (unchanged(request, answer.headers, info.st_mtime)) {
    answer.status = 304;
    answer.length = 0;
    return answer;
  }
  const std::string wanted = request.header("Range");
  if (wanted.empty() || request.method != "GET" || !range_applies(request, answer.headers)) {
    return answer;
  }
  const auto range = parse_range(wanted, size);
  if (!range) {
    return answer;
  }
  if (range->length == 0) {
    Response refusal = error_response(
        416,
        fmt::format("range '{}' is outside of {} bytes", wanted, size),
        "range_not_satisfiable");
    answer.status = 416;
    answer.length = 0;
    answer.headers = std::move(refusal.headers);
    answer.headers["Content-Range"] = fmt::format("bytes */{}", size);
    answer.body = std::move(refusal.body);
    return answer;
  }
  answer.status = 206;
  answer.offset = range->first;
  answer.length = range->length;
  answer.headers["Content-Range"] =
      fmt::format("bytes {}-{}/{}", range->first, range->first + range->length - 1, size);
  return answer;
}

}  // namespace hub::api
