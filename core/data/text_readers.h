#pragma once

#include <memory>

#include "core/data/row_collector.h"

namespace hub::data {

// Readers of the text formats. Each reads any input to its end with memory for one row; what is
// wrong with one row becomes its problem, what is wrong with the whole file throws kUnprocessable
// (reason "dataset_invalid").

// One JSON object a line; lines of white space alone are passed over.
std::unique_ptr<FileReader> make_jsonl_reader(RowCollector& rows);

// One array of objects. An array that does not end, or something behind it, throws.
std::unique_ptr<FileReader> make_json_array_reader(RowCollector& rows);

// RFC 4180 with "\n", "\r\n" or "\r" between records; the first record names the columns. Columns
// that make no row are ignored; `messages`, `conversations`, `tools` and `history` hold JSON.
// Throws for a header without known columns, with a name twice or with more than 1000 columns.
std::unique_ptr<FileReader> make_csv_reader(RowCollector& rows);

}  // namespace hub::data
