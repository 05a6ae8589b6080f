#include <string>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/data/text_readers.h"

namespace hub::data {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw base::Error(base::ErrorCode::kUnprocessable, message, "dataset", "dataset_invalid");
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Cuts the array into its elements, by brackets and quotes alone; whether an element is JSON is
// found out when it is parsed.
class JsonArrayReader final : public FileReader {
 public:
  explicit JsonArrayReader(RowCollector& rows) : rows_(rows) {}

  void take(std::string_view bytes) override {
    for (const char c : bytes) {
      step(c);
      line_ += c == '\n' ? 1 : 0;
    }
  }

  void finish() override {
    if (place_ != Place::kAfter) {
      refuse(
          fmt::format(
              "the JSON array that the file holds does not end: it stops in line {}, \"]\" was "
              "wanted",
              line_));
    }
  }

 private:
  enum class Place : std::uint8_t { kBefore, kBetween, kElement, kAfter };

  void step(char c) {
    switch (place_) {
      case Place::kBefore:
        if (!is_space(c)) {  // the file's type was decided by this bracket
          place_ = Place::kBetween;
        }
        return;
      case Place::kBetween:
        between(c);
        return;
      case Place::kElement:
        inside(c);
        return;
      case Place::kAfter:
        if (!is_space(c)) {
          refuse(
              fmt::format(
                  "line {}: there is more behind the end of the JSON array; a file holds one array "
                  "of objects, or one object a line",
                  line_));
        }
        return;
    }
  }

  void between(char c) {
    if (is_space(c)) {
      return;
    }
    const bool only_first_may_lack = c == ']' && !after_comma_;
    if (only_first_may_lack) {
      place_ = Place::kAfter;
      return;
    }
    if (c == ',' || c == ']') {
      rows_.problem(line_, "a row is missing between two commas or before the array's end");
      place_ = c == ']' ? Place::kAfter : Place::kBetween;
      after_comma_ = true;
      return;
    }
    place_ = Place::kElement;
    first_line_ = line_;
    inside(c);
  }

  void inside(char c) {
    if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = c == '\\' && !escaped_;
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (depth_ == 0 && (c == ',' || c == ']')) {
      finish_element();
      place_ = c == ']' ? Place::kAfter : Place::kBetween;
      after_comma_ = c == ',';
      return;
    } else if (c == '}' || c == ']') {
      depth_ -= depth_ > 0 ? 1 : 0;
    }
    too_long_ = too_long_ || element_.size() >= rows_.limits().line_bytes;
    if (!too_long_) {
      element_ += c;
    }
  }

  void finish_element() {
    if (too_long_) {
      rows_.problem(
          first_line_, fmt::format("the row is longer than {} bytes", rows_.limits().line_bytes));
    } else {
      while (is_space(element_.back())) {
        element_.pop_back();
      }
      rows_.add_text(first_line_, element_);
    }
    element_.clear();
    too_long_ = false;
  }

  RowCollector& rows_;
  Place place_ = Place::kBefore;
  std::string element_;
  std::size_t line_ = 1;
  std::size_t first_line_ = 1;  // of the element
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool too_long_ = false;
  bool after_comma_ = false;
};

}  // namespace

std::unique_ptr<FileReader> make_json_array_reader(RowCollector& rows) {
  return std::make_unique<JsonArrayReader>(rows);
}

}  // namespace hub::data
