#include "api/handlers/request_json.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

void refuse_query(std::string_view name, std::string_view wanted, std::string_view got) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("query parameter '{}' must be {}, got \"{}\"", name, wanted, got.substr(0, 60)),
      std::string(name));
}

std::int64_t whole_query(
    const Request& request,
    std::string_view name,
    std::int64_t fallback,
    std::int64_t low,
    std::int64_t high) {
  const std::string text = request.query_value(name, std::to_string(fallback));
  const auto number = parse_number(text);
  if (!number || *number < low || *number > high) {
    refuse_query(name, fmt::format("a whole number from {} to {}", low, high), text);
  }
  return *number;
}

Json request_json(const Request& request) {
  std::string type = request.header("Content-Type");
  type = type.substr(0, type.find(';'));
  type.erase(std::remove(type.begin(), type.end(), ' '), type.end());
  std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  if (!type.empty() && type != "application/json") {
    throw Error(
        ErrorCode::kUnsupportedMedia,
        fmt::format(
            "the body must be JSON with 'Content-Type: application/json', got {}",
            type.substr(0, 60)),
        "Content-Type",
        "unsupported_media_type");
  }
  return base::parse_json(request.body, "the request body");
}

Page read_page(const Request& request, int default_limit, int most) {
  Page page;
  page.limit = default_limit;
  const std::string limit = request.query_value("limit");
  if (!limit.empty()) {
    const auto number = parse_number(limit);
    if (!number || *number < 1 || *number > most) {
      refuse_query("limit", fmt::format("an integer from 1 to {}", most), limit);
    }
    page.limit = static_cast<int>(*number);
  }
  page.cursor = request.query_value("cursor");
  return page;
}

std::string id_cursor(const Page& page) {
  if (!page.cursor.empty() && !base::is_id(page.cursor)) {
    refuse_query("cursor", "what 'next_cursor' was", page.cursor);
  }
  return page.cursor;
}

std::int64_t number_cursor(const Page& page, std::int64_t fallback) {
  if (page.cursor.empty()) {
    return fallback;
  }
  const auto number = parse_number(page.cursor);
  if (!number || *number < 0) {
    refuse_query("cursor", "what 'next_cursor' was", page.cursor);
  }
  return *number;
}

void refuse_unknown_query(const Request& request, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "'{}' is not a known query parameter; known are: {}",
              name.substr(0, 60),
              fmt::join(known, ", ")),
          name,
          "unknown_field");
    }
  }
}

Response json_answer(int status, const Json& json) {
  return json_response(status, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Response list_response(Json data, const std::optional<std::string>& next_cursor) {
  // Not by an initializer list, which copies a page of rows twice.
  Json answer = Json::object();
  answer["data"] = std::move(data);
  answer["next_cursor"] = or_null(next_cursor);
  return json_answer(200, answer);
}

Response text_answer(std::string text) {
  Response response;
  response.headers["Content-Type"] = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

Response no_content() {
  Response response;
  response.status = 204;
  return response;
}

Json or_null(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

Json or_null(const std::optional<std::int64_t>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json time_or_null(const std::optional<std::int64_t>& ms) {
  return ms ? Json(base::rfc3339(*ms)) : Json(nullptr);
}

Json stored_json(const std::string& text) {
  return Json::parse(text);
}

}  // namespace hub::api
