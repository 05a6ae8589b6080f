#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/file_type.h"

namespace hub::data {

// How a row says what is trained: by `messages`; `prompt` and `completion`; `text`; `instruction`
// and `output`; `conversations`; `prompt`, `choices` and `answer`; `chosen` and `rejected`.
enum class RowFormat : std::uint8_t {
  kChat,
  kCompletion,
  kText,
  kAlpaca,
  kShareGpt,
  kChoice,
  kPreference
};

// "chat", "completion", "text", "alpaca", "sharegpt", "choice", "preference"
std::string_view to_string(RowFormat format);

// One good row. `json` is the row itself: an object whose fields have the right shapes.
struct Row {
  RowFormat format = RowFormat::kChat;
  std::size_t line = 0;  // from 1: where it begins; in Parquet files the row's number
  std::string json;
};

// Why a row is not used, or not used wholly.
struct Problem {
  std::size_t line = 0;
  std::string message;
};

// The first kMaxProblems are kept, all are counted.
class Problems {
 public:
  static constexpr std::size_t kMaxProblems = 100;

  void add(std::size_t line, std::string message);
  void add(const Problems& more);
  [[nodiscard]] const std::vector<Problem>& first() const { return first_; }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::vector<Problem> first_;
  std::size_t count_ = 0;
};

struct ReadLimits {
  std::size_t line_bytes = 8ULL << 20U;
  std::uint64_t file_bytes = 4ULL << 30U;
  std::size_t rows = 5'000'000;
};

// A file that was read whole. All its rows have one format.
struct Dataset {
  std::vector<Row> rows;  // empty when they went to a TakeRow
  std::size_t row_count = 0;
  std::optional<RowFormat> row_format{};  // absent: there is no good row
  Problems problems;
  FileType file_type = FileType::kJsonl;
  std::string digest;  // SHA-256 of the file's bytes
  std::uint64_t bytes = 0;

  // The format's name, or "none".
  [[nodiscard]] std::string_view format() const;
};

// Reads every row of a JSONL, JSON, CSV or Parquet file (file_type.h tells which). A byte order
// mark is passed over. A row that is no UTF-8, no JSON, of no format or of another one than the
// first, or too long becomes a problem and the others are used. Throws kNotFound, kTooLarge (more
// bytes or rows than `limits`), kUnprocessable (reason "dataset_invalid") when it is no regular
// file or broken as a whole: a CSV header without known columns, an array that does not end, a
// Parquet file cut off.
Dataset read_dataset(const std::filesystem::path& file, const ReadLimits& limits = {});

// Gets every good row, in order.
using TakeRow = std::function<void(Row row)>;

// The same, but hands the rows over one by one: memory does not grow with the file, but for
// Parquet, whose library reads a row group at once. What `take` throws ends the reading.
Dataset read_rows(
    const std::filesystem::path& file, const TakeRow& take, const ReadLimits& limits = {});

// The files behind a data set's path: a file alone, or a folder with a file named train and, as in
// mlx-lm, valid and test; each .jsonl, .json, .csv or .parquet.
struct DatasetFiles {
  std::filesystem::path train;
  std::optional<std::filesystem::path> valid;
  std::optional<std::filesystem::path> test;
};

// Throws kNotFound when there is nothing, kUnprocessable for a folder without train.jsonl (.json,
// …) or with two files of one part.
DatasetFiles dataset_files(const std::filesystem::path& path);

}  // namespace hub::data
