#include "core/data/parquet_reader.h"

#include <algorithm>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/data/file_type.h"
#include "core/data/row_shape.h"
#include "core/text/rust_call.h"

namespace hub::data {
namespace {

using base::Json;
using text::RustText;
using File =
    std::unique_ptr<HubParquet, decltype([](HubParquet* file) { hub_parquet_free(file); })>;

// Text that was written by columns with dictionaries packs well, but not without end.
constexpr std::uint64_t kMostTimesUnpacked = 200;
constexpr std::uint64_t kAlwaysUnpacked = 64ULL << 20U;
constexpr std::string_view kWhat = "the Parquet file cannot be read: ";

[[noreturn]] void refuse(const std::string& message) {
  throw base::Error(base::ErrorCode::kUnprocessable, message, "dataset", "dataset_invalid");
}

// A broken file is the data set's fault, also where the library calls it something else.
template <typename Function, typename... Arguments>
void call(Function function, Arguments... arguments) {
  try {
    text::rust_call(kWhat, function, arguments...);
  } catch (const base::Error& error) {
    refuse(error.what());
  }
}

std::string known_fields() {
  std::string lines;
  for (const std::string_view name : row_fields()) {
    lines.append(name).append("\n");
  }
  return lines;
}

File open(const std::filesystem::path& path, const ReadLimits& limits) {
  const std::uint64_t size = std::filesystem::file_size(path);
  const HubParquetLimits unpacked{
      .rows = limits.rows,
      .row_bytes = limits.line_bytes,
      .total_bytes = std::min(limits.file_bytes, kAlwaysUnpacked + kMostTimesUnpacked * size)};
  const std::string name = path.string();
  const std::string fields = known_fields();
  HubParquet* file = nullptr;
  call(hub_parquet_open, name.data(), name.size(), fields.data(), fields.size(), unpacked, &file);
  return File(file);
}

void refuse_unknown_columns(const HubParquet& file) {
  RustText names;
  call(hub_parquet_columns, &file, names.out());
  Json probe = Json::object();
  std::string shown;
  std::string_view rest = names.view();
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find('\n'));
    probe[std::string(name)] = nullptr;
    if (shown.size() < 400) {
      shown += fmt::format("{}'{}'", shown.empty() ? "" : ", ", name.substr(0, 60));
    }
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
  }
  if (!may_be_row(probe)) {
    refuse(fmt::format("the Parquet file has the columns {}; {}", shown, wanted_fields()));
  }
}

}  // namespace

void read_parquet(const std::filesystem::path& path, RowCollector& rows) {
  rows.call_places("row");
  const File file = open(path, rows.limits());
  refuse_unknown_columns(*file);
  for (std::size_t number = 1;; ++number) {
    int kind = HUB_PARQUET_END;
    RustText text;
    call(hub_parquet_next, file.get(), &kind, text.out());
    if (kind == HUB_PARQUET_END) {
      return;
    }
    if (kind == HUB_PARQUET_PROBLEM) {
      rows.problem(number, text.str());
      continue;
    }
    Json row = base::parse_json(text.view(), "the row");
    try {
      parse_json_columns(row);
    } catch (const base::Error& error) {
      rows.problem(number, error.what());
      continue;
    }
    rows.add(number, row);
  }
}

}  // namespace hub::data
