// Data sets as JSONL, JSON arrays and CSV: rows of every format, good and broken.
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/data/dataset.h"
#include "core/data/row_shape.h"
#include "core/data/text_readers.h"
#include "core/data/utf8.h"
#include "core/text/message_shape.h"
#include "tests/fuzz/memory_file.h"

namespace hub::fuzz {
namespace {

using data::Dataset;
using data::Row;

constexpr std::size_t kMostRows = 200;

void check_row(const Row& row) {
  require(!data::first_invalid_utf8(row.json), "a row is UTF-8");
  const base::Json json = base::parse_json(row.json, "the row");
  require(data::check_row(json) == row.format, "a row's format is found again");
  accepts([&] { static_cast<void>(data::row_tools(json)); });
  if (row.format != data::RowFormat::kText) {
    const base::Json messages = text::messages_for_template(data::row_messages(json, row.format));
    require(!messages.empty(), "a row has messages");
    static_cast<void>(messages.dump());
  }
}

// However the bytes arrive, the rows are the same.
void feed_in_pieces(std::string_view input, const Dataset& whole, const data::ReadLimits& limits) {
  Dataset dataset;
  const data::TakeRow keep = [&dataset](Row row) { dataset.rows.push_back(std::move(row)); };
  data::RowCollector rows(dataset, keep, limits);
  const auto reader = whole.file_type == data::FileType::kCsv ? data::make_csv_reader(rows)
                      : whole.file_type == data::FileType::kJson
                          ? data::make_json_array_reader(rows)
                          : data::make_jsonl_reader(rows);
  input.remove_prefix(input.starts_with(data::kByteOrderMark) ? data::kByteOrderMark.size() : 0);
  for (const std::string_view piece : pieces_of(input, "\x01\x07\x02\x40")) {
    reader->take(piece);
  }
  reader->finish();
  require(dataset.problems.count() == whole.problems.count(), "problems do not depend on cuts");
  require(dataset.rows.size() == whole.rows.size(), "rows do not depend on cuts");
  for (std::size_t i = 0; i < whole.rows.size(); ++i) {
    require(dataset.rows[i].json == whole.rows[i].json, "nor does what is in them");
    require(dataset.rows[i].line == whole.rows[i].line, "nor do their places");
  }
}

}  // namespace

void run(std::string_view input) {
  if (input.starts_with("PAR1")) {
    return;  // parquet_fuzzer
  }
  const data::ReadLimits limits{
      .line_bytes = 64U << 10U, .file_bytes = 1U << 20U, .rows = kMostRows};
  const MemoryFile file(input);
  Dataset dataset;
  if (!accepts([&] { dataset = data::read_dataset(file.path(), limits); })) {
    return;
  }
  require(dataset.bytes == input.size(), "every byte was read");
  require(dataset.rows.size() <= kMostRows, "no more rows than allowed");
  require(
      dataset.problems.first().size() <= data::Problems::kMaxProblems, "problems are bounded, too");
  for (const Row& row : dataset.rows) {
    check_row(row);
  }
  if (!input.empty()) {
    feed_in_pieces(input, dataset, limits);
  }
}

}  // namespace hub::fuzz
