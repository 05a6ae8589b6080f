#include "core/hub/log_search.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <queue>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/hub/backward_lines.h"

namespace hub::hub {
namespace {

// One file on its way back. Its times never grow: a line that is later than the one behind it, as
// threads' lines are now and then, counts with that one's time, so that a position means the same
// on every page.
class Backwards {
 public:
  explicit Backwards(const LogSource& source) : source_(source), time_ms_(source.modified_ms) {}

  // Of line(); before the first step a bound of all lines.
  [[nodiscard]] std::int64_t time_ms() const { return time_ms_; }
  [[nodiscard]] bool opened() const { return lines_ != nullptr; }
  [[nodiscard]] const LogSource& source() const { return source_; }
  [[nodiscard]] LogLine line() const { return {text_, time_ms_}; }

  // To the line before; false when there is none. The first step begins at `latest_ms`.
  bool step(std::optional<std::int64_t> latest_ms, std::uint64_t& bytes_read) {
    if (!lines_) {
      lines_ = std::make_unique<BackwardLines>(source_.file, source_.size, bytes_read);
      if (latest_ms && *latest_ms < source_.modified_ms) {
        lines_->skip_later_than(*latest_ms);
      }
    }
    auto text = lines_->next();
    if (!text) {
      return false;
    }
    text_ = std::move(*text);
    time_ms_ = std::min(time_ms_, line().time_ms());
    return true;
  }

 private:
  const LogSource& source_;
  std::unique_ptr<BackwardLines> lines_;
  std::string text_;
  std::int64_t time_ms_;
};

struct Earlier {
  bool operator()(const Backwards* a, const Backwards* b) const {
    if (a->time_ms() != b->time_ms()) {
      return a->time_ms() < b->time_ms();
    }
    // What is not opened yet comes first among equals: it may hold what belongs before them.
    return a->opened() != b->opened() ? a->opened()
                                      : a->source().file.native() < b->source().file.native();
  }
};

bool is_before(const LogPosition& position, std::int64_t time_ms, std::uint64_t seen) {
  return time_ms > position.time_ms || (time_ms == position.time_ms && seen <= position.seen);
}

// The merge of all files, newest line first.
class Merge {
 public:
  Merge(const std::vector<LogSource>& sources, std::optional<std::int64_t> latest_ms)
      : latest_ms_(latest_ms) {
    all_.reserve(sources.size());
    for (const LogSource& source : sources) {
      all_.push_back(std::make_unique<Backwards>(source));
      heap_.push(all_.back().get());
    }
  }

  // The file whose line is next; nullptr when there is none.
  Backwards* next() {
    if (current_ != nullptr) {
      advance(std::exchange(current_, nullptr));
    }
    while (!heap_.empty()) {
      Backwards* first = heap_.top();
      heap_.pop();
      if (first->opened()) {
        current_ = first;
        return first;
      }
      advance(first);
    }
    return nullptr;
  }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  void advance(Backwards* one) {
    if (one->step(latest_ms_, bytes_read_)) {
      heap_.push(one);
      return;
    }
    const auto found = std::find_if(
        all_.begin(), all_.end(), [one](const auto& held) { return held.get() == one; });
    all_.erase(found);  // closes its file
  }

  const std::optional<std::int64_t> latest_ms_;
  std::uint64_t bytes_read_ = 0;
  std::vector<std::unique_ptr<Backwards>> all_;
  std::priority_queue<Backwards*, std::vector<Backwards*>, Earlier> heap_;
  Backwards* current_ = nullptr;
};

std::optional<std::int64_t> latest_of(
    const LogFilter& filter, const std::optional<LogPosition>& before) {
  if (before && filter.until_ms) {
    return std::min(before->time_ms, *filter.until_ms);
  }
  return before ? std::optional(before->time_ms) : filter.until_ms;
}

}  // namespace

std::string LogPosition::text() const {
  return fmt::format("{}-{}", time_ms, seen);
}

std::optional<LogPosition> LogPosition::from(std::string_view text) {
  LogPosition position;
  const char* end = text.data() + text.size();
  const auto time = std::from_chars(text.data(), end, position.time_ms);
  if (time.ec != std::errc() || time.ptr == end || *time.ptr != '-' || position.time_ms < 0) {
    return std::nullopt;
  }
  const auto seen = std::from_chars(time.ptr + 1, end, position.seen);
  return seen.ec == std::errc() && seen.ptr == end ? std::optional(position) : std::nullopt;
}

LogPage search_logs(
    const std::vector<LogSource>& sources,
    const LogFilter& filter,
    std::size_t limit,
    std::optional<LogPosition> before,
    std::uint64_t most_bytes) {
  LogPage page;
  Merge merge(sources, latest_of(filter, before));
  LogPosition at;
  while (const Backwards* one = merge.next()) {
    const std::int64_t time_ms = one->time_ms();
    if (filter.since_ms && time_ms < *filter.since_ms) {
      page.next.reset();
      return page;
    }
    if (page.records.size() == limit || merge.bytes_read() > most_bytes) {
      page.stopped_early = page.records.size() < limit;
      return page;
    }
    at.seen = time_ms == at.time_ms ? at.seen + 1 : 1;
    at.time_ms = time_ms;
    if ((before && is_before(*before, time_ms, at.seen)) ||
        (filter.until_ms && time_ms > *filter.until_ms)) {
      continue;
    }
    page.next = at;
    if (auto record = one->line().wanted(filter, one->source())) {
      page.records.push_back(std::move(*record));
    }
  }
  page.next.reset();
  return page;
}

}  // namespace hub::hub
