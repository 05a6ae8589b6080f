#pragma once

#include <cstddef>
#include <string_view>

#include "core/base/json.h"
#include "core/data/dataset.h"

namespace hub::data {

// Where a file's reader puts what it finds, row by row: checks each row and hands it on, or says
// why not. All rows of a file have the first good one's format. Throws kTooLarge when there are
// more rows than `limits` allow.
class RowCollector {
 public:
  // Counts in `dataset`, whose rows stay as they are.
  RowCollector(Dataset& dataset, const TakeRow& take, const ReadLimits& limits)
      : dataset_(dataset), take_(take), limits_(limits) {}

  // A row as JSON text. `line`: where it begins.
  void add_text(std::size_t line, std::string_view text);
  // A row made of columns.
  void add(std::size_t line, const base::Json& row);
  void problem(std::size_t line, std::string message);

  [[nodiscard]] const ReadLimits& limits() const { return limits_; }
  // "line", or "row" in files that have no lines; how messages call a place.
  void call_places(std::string_view word) { place_ = word; }

 private:
  void keep(std::size_t line, const base::Json& row, std::string text);

  Dataset& dataset_;
  const TakeRow& take_;
  std::size_t first_line_ = 0;  // of the first good row
  const ReadLimits& limits_;
  std::string_view place_ = "line";
};

// Takes a text file's bytes piece by piece, without its byte order mark.
class FileReader {
 public:
  FileReader() = default;
  virtual ~FileReader() = default;
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  virtual void take(std::string_view bytes) = 0;
  // After the last byte.
  virtual void finish() = 0;
};

}  // namespace hub::data
