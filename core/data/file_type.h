#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hub::data {

// How rows are written in a file.
enum class FileType : std::uint8_t {
  kJsonl,    // one JSON object a line
  kJson,     // one array of objects
  kCsv,      // RFC 4180, the first record names the columns
  kParquet,  // Apache Parquet
};

// "jsonl", "json", "csv", "parquet": as reported, and the extension of stored files.
std::string_view to_string(FileType type);
std::optional<FileType> file_type_from(std::string_view word);

// Decides by content, and only where content is ambiguous by the file's name: a Parquet file begins
// with its magic number, a JSON array with "[", JSONL with "{"; a first line that names a column we
// know, or a name that ends in .csv, is CSV; everything else counts as JSONL, so that its lines are
// reported. `beginning`: the file's first bytes. Throws kUnprocessable (reason "dataset_invalid")
// for UTF-16 and UTF-32.
FileType detect_file_type(std::string_view beginning, const std::filesystem::path& name);

// The same of a file on disk; `name`: what it was called before it was uploaded. Throws kNotFound.
FileType file_type_of(const std::filesystem::path& file, const std::filesystem::path& name);

// The columns and fields that make up a row ("messages", "instruction", …).
std::span<const std::string_view> row_fields();
bool is_row_field(std::string_view name);

// "\xEF\xBB\xBF" at the beginning of a text file.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace hub::data
