#include "api/cli/console.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace hub::api {
namespace {

constexpr std::int64_t kBarWidth = 30;
constexpr std::array<std::string_view, 4> kUnits{"kB", "MB", "GB", "TB"};

// Characters, not bytes: names may hold other than ASCII.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
  }));
}

}  // namespace

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width(row[i]));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      line.append(widths[i] - width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1000) {
    return fmt::format("{} B", bytes);
  }
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits.at(unit));
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(std::max(seconds, 0.0)));
  if (whole < 60) {
    return fmt::format("{} s", whole);
  }
  if (whole < 3600) {
    return fmt::format("{}:{:02}", whole / 60, whole % 60);
  }
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

ProgressLine::~ProgressLine() {
  if (drawn_ > 0) {
    console_.err << std::endl;
  }
}

void ProgressLine::progress(std::int64_t step, std::int64_t total, double eta_seconds, Unit unit) {
  unit_ = unit;
  step_ = step;
  total_ = total;
  eta_seconds_ = eta_seconds;
  if (console_.terminal) {
    draw();
  }
}

void ProgressLine::report(const std::string& text) {
  report_ = text;
  if (console_.terminal) {
    draw();
  } else {
    console_.err << text << std::endl;
  }
}

void ProgressLine::note(std::string_view text) {
  if (drawn_ > 0) {
    console_.err << "\r" << std::string(drawn_, ' ') << "\r";
    drawn_ = 0;
  }
  console_.err << text << std::endl;
}

void ProgressLine::draw() {
  std::string line;
  if (total_ > 0) {
    const std::int64_t done = std::clamp<std::int64_t>(step_ * kBarWidth / total_, 0, kBarWidth);
    line = fmt::format(
        "{:3}% [{:#<{}}{:.<{}}] {}",
        std::clamp<std::int64_t>(step_ * 100 / total_, 0, 100),
        "",
        done,
        "",
        kBarWidth - done,
        unit_ == Unit::kSteps
            ? fmt::format("{}/{}", step_, total_)
            : fmt::format(
                  "{} of {}",
                  size_text(static_cast<std::uint64_t>(std::max<std::int64_t>(step_, 0))),
                  size_text(static_cast<std::uint64_t>(total_))));
  }
  if (!report_.empty()) {
    line += (line.empty() ? "" : "  ") + report_;
  }
  if (total_ > 0 && eta_seconds_ >= 0 && step_ < total_) {
    line += "  " + duration_text(eta_seconds_) + " left";
  }
  const std::size_t size = width(line);
  console_.err << "\r" << line << std::string(drawn_ > size ? drawn_ - size : 0, ' ') << std::flush;
  drawn_ = std::max(drawn_, size);
}

}  // namespace hub::api
