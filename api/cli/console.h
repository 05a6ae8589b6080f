#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace hub::api {

// Where a command writes: results to `out`, remarks and progress to `err`. One thread.
struct Console {
  std::ostream& out;
  std::ostream& err;
  bool terminal = false;  // `err` is one that a person watches: progress bars instead of lines
};

// Columns aligned by their widest cell, two spaces between, no trailing spaces; the first row is
// the header.
std::string table(const std::vector<std::vector<std::string>>& rows);

// "98.2 MB" (powers of ten), "812 B".
std::string size_text(std::uint64_t bytes);
// "12 s", "3:07", "1:02:45".
std::string duration_text(double seconds);

// What a person sees of a running job: one line that is rewritten in a terminal, else a line a
// report.
class ProgressLine {
 public:
  explicit ProgressLine(Console& console) : console_(console) {}
  ~ProgressLine();  // ends a line that is still open
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // What is counted: steps, or bytes, which are written as sizes.
  enum class Unit : std::uint8_t { kSteps, kBytes };
  // Terminal: the bar moves. Elsewhere: nothing, reports carry the step.
  void progress(
      std::int64_t step, std::int64_t total, double eta_seconds, Unit unit = Unit::kSteps);
  // "train_loss 1.234  0.8 it/s": beside the bar, or a line of its own with the step.
  void report(const std::string& text);
  // A line of its own in any case.
  void note(std::string_view text);

 private:
  void draw();

  Console& console_;
  std::int64_t step_ = 0;
  std::int64_t total_ = 0;
  double eta_seconds_ = -1;
  Unit unit_ = Unit::kSteps;
  std::string report_;
  std::size_t drawn_ = 0;  // width of what stands on the open line
};

}  // namespace hub::api
