#include <string>

#include <fmt/format.h>

#include "core/data/text_readers.h"

namespace hub::data {
namespace {

class JsonlReader final : public FileReader {
 public:
  explicit JsonlReader(RowCollector& rows) : rows_(rows) {}

  void take(std::string_view bytes) override {
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

  // A last line needs no newline.
  void finish() override {
    if (!line_.empty() || too_long_) {
      finish_line();
    }
  }

 private:
  void extend(std::string_view part) {
    too_long_ = too_long_ || line_.size() + part.size() > rows_.limits().line_bytes;
    if (!too_long_) {
      line_ += part;
    }
  }

  void finish_line() {
    ++number_;
    if (too_long_) {
      rows_.problem(
          number_, fmt::format("the line is longer than {} bytes", rows_.limits().line_bytes));
    } else if (line_.find_first_not_of(" \t\r") != std::string::npos) {
      rows_.add_text(number_, line_);
    }
    line_.clear();
    too_long_ = false;
  }

  RowCollector& rows_;
  std::string line_;
  bool too_long_ = false;
  std::size_t number_ = 0;
};

}  // namespace

std::unique_ptr<FileReader> make_jsonl_reader(RowCollector& rows) {
  return std::make_unique<JsonlReader>(rows);
}

}  // namespace hub::data
