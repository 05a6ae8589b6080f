#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/base/json.h"
#include "core/data/dataset.h"

namespace hub::data {

// How a data set is split when it is registered.
struct PartShares {
  double valid = 0.0;  // of the rows
  double test = 0.0;
  std::uint64_t seed = 0;

  // {"valid"?,"test"?,"seed"?}; each share from 0 to below 1, together below 1 and above 0. Throws
  // kInvalidArgument naming the field under `path`.
  static PartShares from_json(const base::Json& json, const std::string& path);
  [[nodiscard]] base::Json to_json() const;
};

// Places in `rows`, each ascending; every row is in exactly one part.
struct Parts {
  std::vector<std::size_t> train;
  std::vector<std::size_t> valid;
  std::vector<std::size_t> test;
};

// By chance, from the rows and the seed alone, the same on every platform. Equal rows go into the
// same part, so that nothing held out was trained on. A part gets round(share * rows) rows, at
// least one; fewer where groups of equal rows do not fit. Throws kUnprocessable (reason
// "dataset_invalid") when a part would stay empty.
Parts split_parts(const std::vector<Row>& rows, const PartShares& shares);

// Writes the rows at `places` as JSONL and syncs the file. Throws kUnavailable (disk full).
void write_rows(
    const std::filesystem::path& file,
    const std::vector<Row>& rows,
    const std::vector<std::size_t>& places);

}  // namespace hub::data
