#include "core/data/csv_records.h"

#include <utility>

#include <fmt/format.h>

namespace hub::data {

void CsvRecords::take(std::string_view bytes) {
  for (const char c : bytes) {
    const bool second_half = std::exchange(after_return_, false) && c == '\n';
    if (!second_half) {
      step(c);
    }
    // "\r\n" is one line end, a lone "\r" too.
    line_ += (c == '\n' && !last_was_return_) || c == '\r' ? 1 : 0;
    last_was_return_ = c == '\r';
  }
}

void CsvRecords::finish() {
  if (place_ == Place::kQuoted) {
    wrong(fmt::format("the quoted field that begins in line {} does not end", quote_line_));
  }
  if (bytes_ > 0 || !record_.fields.empty()) {
    finish_field();
    finish_record();
  }
}

void CsvRecords::step(char c) {
  const bool line_end = c == '\n' || c == '\r';
  if (place_ == Place::kQuoted) {
    ++bytes_;
    if (c == '"') {
      place_ = Place::kQuoteInQuoted;
    } else {
      append(c);
    }
    return;
  }
  if (line_end) {
    after_return_ = c == '\r';
    if (bytes_ > 0) {
      finish_field();
      finish_record();
    }
    place_ = Place::kFieldStart;
    return;
  }
  if (bytes_ == 0) {
    record_.line = line_;
  }
  ++bytes_;
  if (c == ',') {
    finish_field();
    place_ = Place::kFieldStart;
  } else if (place_ == Place::kQuoteInQuoted) {
    if (c == '"') {
      append(c);
      place_ = Place::kQuoted;
    } else {
      wrong("behind the quote that ends a field a comma or a line end was wanted");
      place_ = Place::kPlain;
    }
  } else if (c == '"' && place_ == Place::kFieldStart) {
    quote_line_ = line_;
    place_ = Place::kQuoted;
  } else {
    if (c == '"') {
      wrong("a quote inside a field that does not begin with one; write the field as \"…\"\"…\"");
    }
    append(c);
    place_ = Place::kPlain;
  }
}

void CsvRecords::append(char c) {
  if (bytes_ > limits_.record_bytes) {
    wrong(fmt::format("the row is longer than {} bytes", limits_.record_bytes));
  }
  if (record_.problem.empty()) {
    field_ += c;
  }
}

void CsvRecords::finish_field() {
  if (record_.fields.size() >= limits_.fields) {
    wrong(fmt::format("the row has more than {} fields", limits_.fields));
  }
  if (record_.problem.empty()) {
    record_.fields.push_back(std::move(field_));
  }
  field_.clear();
}

void CsvRecords::finish_record() {
  on_record_(std::exchange(record_, {}));
  bytes_ = 0;
}

// The first problem of a record is the cause of the others.
void CsvRecords::wrong(std::string message) {
  if (record_.problem.empty()) {
    record_.problem = std::move(message);
    record_.fields.clear();
    record_.fields.shrink_to_fit();
    field_.clear();
  }
}

}  // namespace hub::data
