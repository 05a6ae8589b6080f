#include "core/hub/log_follower.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/clock.h"

namespace hub::hub {
namespace {

constexpr std::uint64_t kMostAtOnce = 1U << 20U;

}  // namespace

LogFollower::LogFollower(std::filesystem::path data_folder, LogFilter filter)
    : data_folder_(std::move(data_folder)), filter_(std::move(filter)) {
  // What is new is late enough.
  const auto since_ms = std::exchange(filter_.since_ms, std::nullopt);
  sources_ = log_sources(data_folder_, filter_);
  // Also of files that were not written to since then: what they hold is not new.
  for (const LogSource& source : sources_) {
    if (!source.older) {
      places_[source.file] = {source.inode, source.size};
    }
  }
  std::erase_if(sources_, [since_ms](const LogSource& source) {
    return since_ms && source.modified_ms < *since_ms;
  });
}

std::vector<base::Json> LogFollower::poll() {
  Found found;
  for (const LogSource& source : log_sources(data_folder_, filter_)) {
    if (!source.older) {
      read(source, places_[source.file], found);
    }
  }
  std::stable_sort(
      found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<base::Json> records;
  records.reserve(found.size());
  for (auto& [time_ms, record] : found) {
    records.push_back(std::move(record));
  }
  return records;
}

void LogFollower::read(const LogSource& source, Place& place, Found& found) const {
  const bool begun_anew =
      (place.inode != 0 && place.inode != source.inode) || source.size < place.offset;
  if (begun_anew) {  // full: what is left of it lies in the older file
    read_lines(source, older_file(source.file), place.offset, found);
    place.offset = 0;
  }
  place.inode = source.inode;
  if (source.size > place.offset) {
    place.offset += read_lines(source, source.file, place.offset, found);
  }
}

std::uint64_t LogFollower::read_lines(
    const LogSource& source,
    const std::filesystem::path& file,
    std::uint64_t offset,
    Found& found) const {
  std::ifstream stream(file, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset));
  std::string text(kMostAtOnce, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
  const std::size_t last = text.rfind('\n');
  if (last == std::string::npos) {  // a line of a mebibyte is none of ours
    return text.size() == kMostAtOnce ? text.size() : 0;
  }
  std::int64_t time_ms = base::SystemClock().now_ms();
  for (std::size_t begin = 0; begin <= last;) {
    const std::size_t end = text.find('\n', begin);
    const LogLine line(std::string_view(text).substr(begin, end - begin), time_ms);
    time_ms = line.time_ms();
    const bool late = filter_.until_ms && time_ms > *filter_.until_ms;
    if (auto record = end > begin && !late ? line.wanted(filter_, source) : std::nullopt) {
      found.emplace_back(time_ms, std::move(*record));
    }
    begin = end + 1;
  }
  return last + 1;
}

}  // namespace hub::hub
