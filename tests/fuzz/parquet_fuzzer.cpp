// Parquet files from strangers, through the Rust library.
#include <string>

#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/data/dataset.h"
#include "core/data/row_shape.h"
#include "tests/fuzz/memory_file.h"

namespace hub::fuzz {

void run(std::string_view input) {
  std::string bytes(input);
  bytes.replace(0, std::min<std::size_t>(bytes.size(), 4), "PAR1");
  const data::ReadLimits limits{.line_bytes = 64U << 10U, .file_bytes = 4U << 20U, .rows = 1000};
  const MemoryFile file(bytes);
  accepts([&] {
    const data::Dataset dataset = data::read_dataset(file.path(), limits);
    require(dataset.rows.size() <= limits.rows, "no more rows than allowed");
    for (const data::Row& row : dataset.rows) {
      require(row.json.size() <= limits.line_bytes, "no row is longer than allowed");
      require(
          data::check_row(base::parse_json(row.json, "the row")) == row.format,
          "a row's format is found again");
    }
  });
}

}  // namespace hub::fuzz
