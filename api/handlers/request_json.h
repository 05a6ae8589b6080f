#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/server/http.h"
#include "core/base/json.h"

namespace hub::api {

// What handlers of our own routes read from requests and write into answers.

// The body as JSON. Throws kUnsupportedMedia when the request says it is something else,
// kInvalidArgument when it is no JSON or empty.
base::Json request_json(const Request& request);

// One page of a list: `?limit=` (1 to 200, default 50) and `?cursor=` (what `next_cursor` was).
struct Page {
  int limit = 50;
  std::string cursor;  // "": the first page
};
Page read_page(const Request& request, int default_limit = 50, int most = 200);
// A cursor that is an id. Throws kInvalidArgument for anything else; "" passes.
std::string id_cursor(const Page& page);
// A cursor that is a number; `fallback` without one. Throws kInvalidArgument.
std::int64_t number_cursor(const Page& page, std::int64_t fallback);

// Throws kInvalidArgument naming the first query parameter that is not among `known`.
void refuse_unknown_query(const Request& request, std::initializer_list<std::string_view> known);

// A query parameter that is a whole number; `fallback` without it. Throws kInvalidArgument.
std::int64_t whole_query(
    const Request& request,
    std::string_view name,
    std::int64_t fallback,
    std::int64_t low,
    std::int64_t high);

// Throws kInvalidArgument: "query parameter '<name>' must be <wanted>, got …".
[[noreturn]] void refuse_query(
    std::string_view name, std::string_view wanted, std::string_view got);

// {"data":[…],"next_cursor":…}; `next_cursor` is null without one.
Response list_response(base::Json data, const std::optional<std::string>& next_cursor);
// The list's answer from `rows`, which the caller asked for with a limit of page.limit + 1: the row
// too many only tells that there is a next page. `cursor_of` names the last row shown.
template <class Row, class CursorOf, class ToJson>
Response list_page(
    const Page& page, std::vector<Row> rows, const CursorOf& cursor_of, const ToJson& to_json) {
  std::optional<std::string> next;
  if (rows.size() > static_cast<std::size_t>(page.limit)) {
    rows.pop_back();
    next = cursor_of(rows.back());
  }
  auto data = decltype(to_json(rows.front()))::array();
  for (const Row& row : rows) {
    data.push_back(to_json(row));
  }
  return list_response(std::move(data), next);
}
Response json_answer(int status, const base::Json& json);
// 200 with plain text.
Response text_answer(std::string text);
// 204.
Response no_content();

// nullopt as null.
base::Json or_null(const std::optional<std::string>& text);
base::Json or_null(const std::optional<std::int64_t>& number);
base::Json time_or_null(const std::optional<std::int64_t>& ms);
// JSON text of ours from the database.
base::Json stored_json(const std::string& text);

}  // namespace hub::api
