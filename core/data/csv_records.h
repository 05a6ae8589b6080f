#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::data {

// One record of a CSV file.
struct CsvRecord {
  std::size_t line = 1;             // where it begins
  std::vector<std::string> fields;  // without quotes
  std::string problem;              // not empty: the fields are not to be used
};

// Cuts CSV (RFC 4180) into records: fields between commas, records between line ends ("\n", "\r\n",
// "\r"), quotes around fields that hold either, "" for a quote. Lines without any character are no
// records. Any input is read to its end; a record that breaks the rules carries its problem. One
// thread.
class CsvRecords {
 public:
  using OnRecord = std::function<void(CsvRecord record)>;
  struct Limits {
    std::size_t record_bytes = 0;
    std::size_t fields = 0;  // of one record
  };
  CsvRecords(Limits limits, OnRecord on_record)
      : limits_(limits), on_record_(std::move(on_record)) {}

  void take(std::string_view bytes);
  void finish();

 private:
  enum class Place : std::uint8_t {
    kFieldStart,
    kPlain,
    kQuoted,
    kQuoteInQuoted,  // the end of the field, or the first half of ""
  };

  void step(char c);
  void append(char c);
  void finish_field();
  void finish_record();
  void wrong(std::string message);

  const Limits limits_;
  const OnRecord on_record_;
  CsvRecord record_;
  std::string field_;
  Place place_ = Place::kFieldStart;
  std::size_t line_ = 1;
  std::size_t quote_line_ = 1;  // where the open quote stands
  std::size_t bytes_ = 0;       // of the record so far
  bool after_return_ = false;   // the last byte was a "\r" that ended a record
  bool last_was_return_ = false;
};

}  // namespace hub::data
