#pragma once

#include <filesystem>

#include "core/data/row_collector.h"

namespace hub::data {

// Reads the rows of a Parquet file: columns of text, of which `messages`, `conversations`, `tools`
// and `history` hold JSON, and lists of structs of text (messages: list<struct<role, content>>).
// Rows count from 1. Throws kUnprocessable (reason "dataset_invalid") for a file that is none, is
// cut off, lacks known columns, claims more rows than it has, or unpacks to far more than its size.
void read_parquet(const std::filesystem::path& file, RowCollector& rows);

}  // namespace hub::data
