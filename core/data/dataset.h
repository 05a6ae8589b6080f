#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hub::data {

// What a line of a data set is, decided line by line in mlx-lm's order: `prompt` with `completion`,
// else `messages`, else `text`.
enum class RowFormat : std::uint8_t { kChat, kCompletion, kText };

// "chat", "completion", "text"
std::string_view to_string(RowFormat format);

// One good line. `json` is the line itself: an object whose fields have the right shapes.
struct Row {
  RowFormat format = RowFormat::kChat;
  std::size_t line = 0;  // from 1
  std::string json;
};

// Why a line is not used, or not used wholly.
struct Problem {
  std::size_t line = 0;
  std::string message;
};

// The first kMaxProblems are kept, all are counted.
class Problems {
 public:
  static constexpr std::size_t kMaxProblems = 100;

  void add(std::size_t line, std::string message);
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

// A JSONL file that was read whole. Rows of several formats may be mixed.
struct Dataset {
  std::vector<Row> rows;
  Problems problems;
  std::string digest;  // SHA-256 of the file's bytes
  std::uint64_t bytes = 0;

  // "chat", "completion", "text", "mixed", or "none" when no line is good.
  [[nodiscard]] std::string_view format() const;
};

// Reads every line; lines of white space alone are passed over, a byte order mark is too. A line
// that is no UTF-8, no JSON, none of the formats, or too long becomes a problem and the others are
// used. Throws kNotFound, kTooLarge (more bytes or rows than `limits`), kUnprocessable when it is
// no regular file.
Dataset read_dataset(const std::filesystem::path& file, const ReadLimits& limits = {});

// The files behind a data set's path: a JSONL file alone, or a folder with train.jsonl and, as in
// mlx-lm, valid.jsonl and test.jsonl.
struct DatasetFiles {
  std::filesystem::path train;
  std::optional<std::filesystem::path> valid;
  std::optional<std::filesystem::path> test;
};

// Throws kNotFound when there is nothing, kUnprocessable for a folder without train.jsonl.
DatasetFiles dataset_files(const std::filesystem::path& path);

}  // namespace hub::data
