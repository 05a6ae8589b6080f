#include "core/data/dataset.h"

#include <array>
#include <cstdio>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/data/row_shape.h"
#include "core/data/utf8.h"

namespace hub::data {
namespace {

constexpr std::size_t kChunkBytes = 1U << 20U;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

using File = std::unique_ptr<std::FILE, decltype([](std::FILE* file) { std::fclose(file); })>;

// Takes the file's bytes piece by piece and the lines out of them.
class LineReader {
 public:
  LineReader(Dataset& dataset, const ReadLimits& limits) : dataset_(dataset), limits_(limits) {}

  void take(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      extend(bytes.substr(0, end));
      if (end == std::string_view::npos) {
        return;
      }
      finish_line();
      bytes.remove_prefix(end + 1);
    }
  }

  // After the last byte: a last line needs no newline.
  void finish() {
    if (!line_.empty() || too_long_) {
      finish_line();
    }
  }

 private:
  void extend(std::string_view part) {
    too_long_ = too_long_ || line_.size() + part.size() > limits_.line_bytes;
    if (!too_long_) {
      line_ += part;
    }
  }

  void finish_line() {
    ++number_;
    std::string_view text = line_;
    if (number_ == 1 && text.starts_with(kByteOrderMark)) {
      text.remove_prefix(kByteOrderMark.size());
    }
    if (too_long_) {
      dataset_.problems.add(
          number_, fmt::format("the line is longer than {} bytes", limits_.line_bytes));
    } else if (text.find_first_not_of(" \t\r") != std::string_view::npos) {
      add_row(text);
    }
    line_.clear();
    too_long_ = false;
  }

  void add_row(std::string_view text) {
    if (const auto bad = first_invalid_utf8(text)) {
      dataset_.problems.add(number_, fmt::format("not valid UTF-8 from byte {} on", *bad + 1));
      return;
    }
    if (dataset_.rows.size() >= limits_.rows) {
      throw base::Error(
          base::ErrorCode::kTooLarge,
          fmt::format("the data set has more than {} rows", limits_.rows));
    }
    try {
      const RowFormat format = check_row(base::parse_json(text, "the line"));
      dataset_.rows.push_back({.format = format, .line = number_, .json = std::string(text)});
    } catch (const base::Error& error) {
      dataset_.problems.add(number_, error.what());
    }
  }

  Dataset& dataset_;
  const ReadLimits& limits_;
  std::string line_;
  bool too_long_ = false;
  std::size_t number_ = 0;
};

}  // namespace

std::string_view to_string(RowFormat format) {
  switch (format) {
    case RowFormat::kChat:
      return "chat";
    case RowFormat::kCompletion:
      return "completion";
    case RowFormat::kText:
      return "text";
  }
  return "";
}

void Problems::add(std::size_t line, std::string message) {
  if (count_++ < kMaxProblems) {
    first_.push_back({.line = line, .message = std::move(message)});
  }
}

std::string_view Dataset::format() const {
  std::set<RowFormat> formats;
  for (const Row& row : rows) {
    formats.insert(row.format);
  }
  if (formats.empty()) {
    return "none";
  }
  return formats.size() > 1 ? "mixed" : to_string(*formats.begin());
}

Dataset read_dataset(const std::filesystem::path& file, const ReadLimits& limits) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    throw base::Error(
        base::ErrorCode::kNotFound, fmt::format("there is no file '{}'", file.string()));
  }
  if (!std::filesystem::is_regular_file(file, ignored)) {
    throw base::Error(
        base::ErrorCode::kUnprocessable, fmt::format("'{}' is not a regular file", file.string()));
  }
  const File handle(std::fopen(file.c_str(), "rb"));
  if (!handle) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("'{}' cannot be opened for reading", file.string()));
  }
  Dataset dataset;
  LineReader lines(dataset, limits);
  base::Sha256 digest;
  std::vector<char> chunk(kChunkBytes);
  while (const std::size_t count = std::fread(chunk.data(), 1, chunk.size(), handle.get())) {
    dataset.bytes += count;
    if (dataset.bytes > limits.file_bytes) {
      throw base::Error(
          base::ErrorCode::kTooLarge,
          fmt::format("the data set is larger than {} bytes", limits.file_bytes));
    }
    digest.update(chunk.data(), count);
    lines.take({chunk.data(), count});
  }
  if (std::ferror(handle.get()) != 0) {
    throw base::Error(
        base::ErrorCode::kUnavailable, fmt::format("'{}' cannot be read", file.string()));
  }
  lines.finish();
  dataset.digest = digest.hex();
  return dataset;
}

DatasetFiles dataset_files(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    if (!std::filesystem::exists(path, ignored)) {
      throw base::Error(
          base::ErrorCode::kNotFound,
          fmt::format("there is no file or folder '{}'", path.string()));
    }
    return {.train = path, .valid = {}, .test = {}};
  }
  const auto present = [&path, &ignored](const char* name) -> std::optional<std::filesystem::path> {
    return std::filesystem::is_regular_file(path / name, ignored) ? std::optional(path / name)
                                                                  : std::nullopt;
  };
  auto train = present("train.jsonl");
  if (!train) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("the folder '{}' has no train.jsonl", path.string()));
  }
  return {
      .train = *std::move(train), .valid = present("valid.jsonl"), .test = present("test.jsonl")};
}

}  // namespace hub::data
