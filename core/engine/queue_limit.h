#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace hub::engine {

// How fast an engine comes through its requests: ends counted over the last kWindowSeconds in which
// it had some. Times: base::steady_seconds(), never running backwards.
class EndRate {
 public:
  static constexpr double kWindowSeconds = 60.0;
  static constexpr int kLongestWait = 60;  // seconds

  void begun(double now);
  void ended(double now);
  // Whole seconds in which so many more will have ended, from 1 to kLongestWait; as if one ended
  // just now where none did.
  [[nodiscard]] int seconds_for(int requests, double now) const;

 private:
  // Seconds with a request so far.
  [[nodiscard]] double busy(double now) const;

  int open_ = 0;
  double busy_before_ = 0.0;  // until it was idle last
  double busy_since_ = 0.0;   // while open_ > 0
  std::deque<double> ends_;   // at these busy seconds, within the window
};

// How many requests may wait for an engine, together and of one key. Whoever owns it guards it.
class QueueLimit {
 public:
  // One key may hold three quarters of `max_waiting` (at least one), so that others get in.
  explicit QueueLimit(int max_waiting);

  // A request of the key comes to wait. Throws base::BusyError with the seconds that as many as
  // wait now will take: kUnavailable (`engine_busy`) when the queue is full, kRateLimited
  // (`key_queue_full`) when the key's part of it is.
  void enter(const std::string& key, double now);
  // A request that entered has ended, in whatever way.
  void ended(double now) { rate_.ended(now); }
  // Of each key that has some; those that began wait no longer.
  void set_waiting(std::map<std::string, int> by_key);

  [[nodiscard]] int waiting() const { return waiting_; }
  [[nodiscard]] std::size_t waiting_keys() const { return by_key_.size(); }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::uint64_t refused_for_key() const { return refused_for_key_; }

 private:
  const int max_waiting_;
  const int max_of_key_;
  std::map<std::string, int> by_key_;
  int waiting_ = 0;  // their sum
  EndRate rate_;
  std::uint64_t refused_ = 0;  // since the queue was full
  std::uint64_t refused_for_key_ = 0;
};

}  // namespace hub::engine
