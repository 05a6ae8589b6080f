#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/data/csv_records.h"
#include "core/data/file_type.h"
#include "core/data/row_shape.h"
#include "core/data/text_readers.h"
#include "core/data/utf8.h"

namespace hub::data {
namespace {

using base::Json;

constexpr std::size_t kMostColumns = 1000;
constexpr std::size_t kShownNames = 12;

[[noreturn]] void refuse(const std::string& message) {
  throw base::Error(base::ErrorCode::kUnprocessable, message, "dataset", "dataset_invalid");
}

std::string trimmed(const std::string& name) {
  const std::size_t begin = name.find_first_not_of(" \t");
  return begin == std::string::npos ? ""
                                    : name.substr(begin, name.find_last_not_of(" \t") - begin + 1);
}

std::string shown(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kShownNames; ++i) {
    text += (i > 0 ? ", '" : "'") + names[i].substr(0, 60) + "'";
  }
  return names.size() > kShownNames ? text + ", …" : text;
}

class CsvReader final : public FileReader {
 public:
  explicit CsvReader(RowCollector& rows)
      : rows_(rows),
        records_(
            {.record_bytes = rows.limits().line_bytes, .fields = kMostColumns},
            [this](CsvRecord record) { on_record(std::move(record)); }) {}

  void take(std::string_view bytes) override { records_.take(bytes); }
  void finish() override { records_.finish(); }

 private:
  void on_record(CsvRecord record) {
    if (columns_.empty()) {
      read_header(std::move(record));
      return;
    }
    if (!record.problem.empty()) {
      rows_.problem(record.line, std::move(record.problem));
      return;
    }
    if (record.fields.size() != columns_.size()) {
      rows_.problem(
          record.line,
          fmt::format(
              "the row has {} fields, the header names {} columns",
              record.fields.size(),
              columns_.size()));
      return;
    }
    add_row(record);
  }

  void read_header(CsvRecord record) {
    if (!record.problem.empty()) {
      refuse(fmt::format("the CSV header in line {}: {}", record.line, record.problem));
    }
    for (std::string& name : record.fields) {
      if (first_invalid_utf8(name)) {
        refuse(
            fmt::format(
                "the CSV header: the name of column {} is not valid UTF-8", columns_.size() + 1));
      }
      name = trimmed(name);
      const auto same = std::find(columns_.begin(), columns_.end(), name);
      if (same != columns_.end() && !name.empty()) {
        refuse(
            fmt::format(
                "the CSV header names '{}' twice, in columns {} and {}",
                name.substr(0, 60),
                same - columns_.begin() + 1,
                columns_.size() + 1));
      }
      columns_.push_back(name);
    }
    Json probe = Json::object();
    for (const std::string& name : columns_) {
      probe[name] = nullptr;
    }
    if (!may_be_row(probe)) {
      refuse(
          fmt::format("the CSV header names the columns {}; {}", shown(columns_), wanted_fields()));
    }
  }

  void add_row(const CsvRecord& record) {
    Json row = Json::object();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& name = columns_[i];
      const std::string& field = record.fields[i];
      if (!is_row_field(name)) {
        continue;
      }
      if (const auto problem = field_problem(field)) {
        rows_.problem(record.line, fmt::format("column '{}' holds {}", name, *problem));
        return;
      }
      row[name] = field;
    }
    try {
      parse_json_columns(row);
    } catch (const base::Error& error) {
      rows_.problem(record.line, error.what());
      return;
    }
    rows_.add(record.line, row);
  }

  static std::optional<std::string> field_problem(const std::string& field) {
    if (const auto bad = first_invalid_utf8(field)) {
      return fmt::format("no valid UTF-8 from its byte {} on", *bad + 1);
    }
    const std::size_t nul = field.find('\0');
    return nul == std::string::npos
               ? std::nullopt
               : std::optional(fmt::format("a NUL byte as its byte {}", nul + 1));
  }

  RowCollector& rows_;
  CsvRecords records_;
  std::vector<std::string> columns_;
};

}  // namespace

std::unique_ptr<FileReader> make_csv_reader(RowCollector& rows) {
  return std::make_unique<CsvReader>(rows);
}

}  // namespace hub::data
