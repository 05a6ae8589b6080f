#include "core/engine/queue_limit.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "core/base/busy_error.h"

namespace hub::engine {

void EndRate::begun(double now) {
  if (open_++ == 0) {
    busy_since_ = now;
  }
}

void EndRate::ended(double now) {
  const double at = busy(now);
  ends_.push_back(at);
  while (ends_.front() < at - kWindowSeconds) {
    ends_.pop_front();
  }
  if (--open_ == 0) {
    busy_before_ = at;
  }
}

double EndRate::busy(double now) const {
  return open_ == 0 ? busy_before_ : busy_before_ + now - busy_since_;
}

int EndRate::seconds_for(int requests, double now) const {
  const double at = busy(now);
  const double window = std::min(at, kWindowSeconds);
  const auto ends =
      std::ranges::count_if(ends_, [&](double end) { return end >= at - kWindowSeconds; });
  const double seconds = requests * window / static_cast<double>(std::max<std::ptrdiff_t>(ends, 1));
  return static_cast<int>(std::clamp(std::ceil(seconds), 1.0, double{kLongestWait}));
}

QueueLimit::QueueLimit(int max_waiting)
    : max_waiting_(max_waiting), max_of_key_(std::max(1, max_waiting * 3 / 4)) {}

void QueueLimit::enter(const std::string& key, double now) {
  if (waiting_ >= max_waiting_) {
    ++refused_;
    throw base::BusyError(
        base::ErrorCode::kUnavailable,
        fmt::format("the engine is busy: {} requests are waiting already", waiting_),
        "engine_busy",
        rate_.seconds_for(waiting_, now));
  }
  const auto found = by_key_.find(key);
  const int of_key = found == by_key_.end() ? 0 : found->second;
  if (of_key >= max_of_key_) {
    ++refused_for_key_;
    throw base::BusyError(
        base::ErrorCode::kRateLimited,
        fmt::format(
            "{} requests of this key are waiting already, three quarters of the queue's {} places",
            of_key,
            max_waiting_),
        "key_queue_full",
        rate_.seconds_for(of_key, now));
  }
  ++by_key_[key];
  ++waiting_;
  rate_.begun(now);
}

void QueueLimit::set_waiting(std::map<std::string, int> by_key) {
  by_key_ = std::move(by_key);
  waiting_ = 0;
  for (const auto& [key, count] : by_key_) {
    waiting_ += count;
  }
}

}  // namespace hub::engine
