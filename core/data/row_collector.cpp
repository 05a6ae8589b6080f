#include "core/data/row_collector.h"

#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/data/row_shape.h"
#include "core/data/utf8.h"

namespace hub::data {
namespace {

using base::Json;

// What is wrong with a text before it can be JSON; "" when nothing is.
std::string text_problem(std::string_view text) {
  if (const auto bad = first_invalid_utf8(text)) {
    return fmt::format("not valid UTF-8 from byte {} on", *bad + 1);
  }
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return fmt::format("a NUL byte at byte {}", nul + 1);
  }
  return {};
}

}  // namespace

void RowCollector::add_text(std::size_t line, std::string_view text) {
  if (std::string wrong = text_problem(text); !wrong.empty()) {
    problem(line, std::move(wrong));
    return;
  }
  try {
    keep(line, base::parse_json(text, "the " + std::string(place_)), std::string(text));
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kTooLarge) {
      throw;
    }
    problem(line, error.what());
  }
}

void RowCollector::add(std::size_t line, const Json& row) {
  try {
    keep(line, row, row.dump());
  } catch (const base::Error& error) {
    if (error.code() == base::ErrorCode::kTooLarge) {
      throw;
    }
    problem(line, error.what());
  } catch (const Json::exception&) {  // a text that is no UTF-8
    problem(line, "not valid UTF-8");
  }
}

void RowCollector::problem(std::size_t line, std::string message) {
  dataset_.problems.add(line, std::move(message));
}

void RowCollector::keep(std::size_t line, const Json& row, std::string text) {
  const RowFormat format = check_row(row);
  if (dataset_.row_count == 0) {
    dataset_.row_format = format;
    first_line_ = line;
  }
  const RowFormat wanted = dataset_.row_format.value_or(format);
  if (wanted != format) {
    problem(
        line,
        fmt::format(
            "a row of format '{}' in a data set of format '{}' (since {} {}): it needs {}",
            to_string(format),
            to_string(wanted),
            place_,
            first_line_,
            fields_of(wanted)));
    return;
  }
  if (dataset_.row_count >= limits_.rows) {
    throw base::Error(
        base::ErrorCode::kTooLarge,
        fmt::format("the data set has more than {} rows", limits_.rows));
  }
  ++dataset_.row_count;
  take_({.format = format, .line = line, .json = std::move(text)});
}

}  // namespace hub::data
