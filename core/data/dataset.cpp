#include "core/data/dataset.h"

#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/parquet_reader.h"
#include "core/data/row_collector.h"
#include "core/data/text_readers.h"

namespace hub::data {
namespace {

constexpr std::size_t kChunkBytes = 1U << 20U;

using File = std::unique_ptr<std::FILE, decltype([](std::FILE* file) { std::fclose(file); })>;

std::unique_ptr<FileReader> make_reader(FileType type, RowCollector& rows) {
  switch (type) {
    case FileType::kJson:
      return make_json_array_reader(rows);
    case FileType::kCsv:
      return make_csv_reader(rows);
    case FileType::kJsonl:
    case FileType::kParquet:
      break;
  }
  return make_jsonl_reader(rows);
}

// Opens a regular file. Throws as read_dataset().
File open_file(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    throw base::Error(
        base::ErrorCode::kNotFound, fmt::format("there is no file '{}'", file.string()));
  }
  if (!std::filesystem::is_regular_file(file, ignored)) {
    throw base::Error(
        base::ErrorCode::kUnprocessable, fmt::format("'{}' is not a regular file", file.string()));
  }
  File handle(std::fopen(file.c_str(), "rb"));
  if (!handle) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("'{}' cannot be opened for reading", file.string()));
  }
  return handle;
}

std::optional<std::filesystem::path> part_file(
    const std::filesystem::path& folder, std::string_view part) {
  std::optional<std::filesystem::path> found;
  for (const FileType type :
       {FileType::kJsonl, FileType::kJson, FileType::kCsv, FileType::kParquet}) {
    const auto file = folder / fmt::format("{}.{}", part, to_string(type));
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored)) {
      continue;
    }
    if (found) {
      throw base::Error(
          base::ErrorCode::kUnprocessable,
          fmt::format(
              "the folder '{}' has both {} and {}; one was wanted",
              folder.string(),
              found->filename().string(),
              file.filename().string()));
    }
    found = file;
  }
  return found;
}

}  // namespace

std::string_view to_string(RowFormat format) {
  switch (format) {
    case RowFormat::kChat:
      return "chat";
    case RowFormat::kCompletion:
      return "completion";
    case RowFormat::kText:
      return "text";
    case RowFormat::kAlpaca:
      return "alpaca";
    case RowFormat::kChoice:
      return "choice";
    case RowFormat::kShareGpt:
      return "sharegpt";
    case RowFormat::kPreference:
      return "preference";
  }
  return "";
}

void Problems::add(std::size_t line, std::string message) {
  if (count_++ < kMaxProblems) {
    first_.push_back({.line = line, .message = std::move(message)});
  }
}

void Problems::add(const Problems& more) {
  for (const Problem& problem : more.first_) {
    if (first_.size() < kMaxProblems) {
      first_.push_back(problem);
    }
  }
  count_ += more.count_;
}

std::string_view Dataset::format() const {
  return row_format ? to_string(*row_format) : "none";
}

Dataset read_dataset(const std::filesystem::path& file, const ReadLimits& limits) {
  std::vector<Row> rows;
  Dataset dataset = read_rows(file, [&rows](Row row) { rows.push_back(std::move(row)); }, limits);
  dataset.rows = std::move(rows);
  return dataset;
}

Dataset read_rows(
    const std::filesystem::path& file, const TakeRow& take, const ReadLimits& limits) {
  const File handle = open_file(file);
  Dataset dataset;
  RowCollector rows(dataset, take, limits);
  std::unique_ptr<FileReader> reader;
  base::Sha256 digest;
  std::vector<char> chunk(kChunkBytes);
  while (const std::size_t count = std::fread(chunk.data(), 1, chunk.size(), handle.get())) {
    std::string_view bytes(chunk.data(), count);
    digest.update(bytes);
    if (dataset.bytes == 0) {
      dataset.file_type = detect_file_type(bytes, file);
      reader = make_reader(dataset.file_type, rows);
      bytes.remove_prefix(bytes.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
    }
    dataset.bytes += count;
    if (dataset.bytes > limits.file_bytes) {
      throw base::Error(
          base::ErrorCode::kTooLarge,
          fmt::format("the data set is larger than {} bytes", limits.file_bytes));
    }
    if (dataset.file_type != FileType::kParquet) {
      reader->take(bytes);
    }
  }
  if (std::ferror(handle.get()) != 0) {
    throw base::Error(
        base::ErrorCode::kUnavailable, fmt::format("'{}' cannot be read", file.string()));
  }
  dataset.digest = digest.hex();
  if (dataset.file_type == FileType::kParquet) {
    read_parquet(file, rows);
  } else if (reader) {
    reader->finish();
  }
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
  auto train = part_file(path, "train");
  if (!train) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "the folder '{}' has no train.jsonl, nor train.json, train.csv or train.parquet",
            path.string()));
  }
  return {
      .train = *std::move(train),
      .valid = part_file(path, "valid"),
      .test = part_file(path, "test")};
}

}  // namespace hub::data
