#include "core/data/file_type.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::data {
namespace {

constexpr std::array<std::string_view, 4> kWords{"jsonl", "json", "csv", "parquet"};
constexpr std::array<std::string_view, 13> kRowFields{
    "messages",
    "tools",
    "conversations",
    "prompt",
    "completion",
    "instruction",
    "input",
    "output",
    "system",
    "history",
    "chosen",
    "rejected",
    "text"};
constexpr std::string_view kParquetMagic = "PAR1";
constexpr std::size_t kBeginningBytes = 64U << 10U;

// Files of other programs that people take for UTF-8. Each begins with a mark or has a NUL in every
// ASCII character.
bool is_wide_text(std::string_view beginning) {
  using namespace std::string_view_literals;
  return beginning.starts_with("\xFF\xFE"sv) || beginning.starts_with("\xFE\xFF"sv) ||
         beginning.starts_with("\0\0\xFE\xFF"sv);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view around = " \t\r\"";
  const std::size_t begin = text.find_first_not_of(around);
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(around) - begin + 1);
}

bool names_a_row_field(std::string_view line) {
  while (true) {
    const std::size_t comma = line.find(',');
    if (is_row_field(trimmed(line.substr(0, comma)))) {
      return true;
    }
    if (comma == std::string_view::npos) {
      return false;
    }
    line.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string_view to_string(FileType type) {
  return kWords.at(static_cast<std::size_t>(type));
}

std::optional<FileType> file_type_from(std::string_view word) {
  const auto* const found = std::find(kWords.begin(), kWords.end(), word);
  return found == kWords.end() ? std::nullopt
                               : std::optional(static_cast<FileType>(found - kWords.begin()));
}

std::span<const std::string_view> row_fields() {
  return kRowFields;
}

bool is_row_field(std::string_view name) {
  return std::find(kRowFields.begin(), kRowFields.end(), name) != kRowFields.end();
}

FileType detect_file_type(std::string_view beginning, const std::filesystem::path& name) {
  if (beginning.starts_with(kParquetMagic)) {
    return FileType::kParquet;
  }
  if (is_wide_text(beginning)) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        "the file is UTF-16 or UTF-32; save it as UTF-8",
        "dataset",
        "dataset_invalid");
  }
  if (beginning.starts_with(kByteOrderMark)) {
    beginning.remove_prefix(kByteOrderMark.size());
  }
  const std::size_t first = beginning.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || beginning[first] == '{') {
    return FileType::kJsonl;
  }
  if (beginning[first] == '[') {
    return FileType::kJson;
  }
  std::string extension = name.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  beginning.remove_prefix(first);
  if (extension == ".parquet") {
    return FileType::kParquet;  // without its magic number: the reader says what is wrong
  }
  const bool csv =
      extension == ".csv" || names_a_row_field(beginning.substr(0, beginning.find('\n')));
  return csv ? FileType::kCsv : FileType::kJsonl;
}

FileType file_type_of(const std::filesystem::path& file, const std::filesystem::path& name) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    throw base::Error(
        base::ErrorCode::kNotFound, fmt::format("cannot read the file '{}'", name.string()));
  }
  std::string beginning(kBeginningBytes, '\0');
  in.read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
  beginning.resize(static_cast<std::size_t>(in.gcount()));
  return detect_file_type(beginning, name);
}

}  // namespace hub::data
