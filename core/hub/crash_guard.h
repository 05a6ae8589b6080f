#pragma once

#include <map>
#include <string>

namespace hub::hub {

// Stops crash loops: after each crash of a thing it may start again only after a time that doubles,
// from `first_seconds` to `most_seconds`; one that ran for `well_seconds` starts anew. Pure
// arithmetic on the caller's monotonic seconds; the caller locks.
class CrashGuard {
 public:
  struct Limits {
    double first_seconds = 1;
    double most_seconds = 300;
    double well_seconds = 60;
    int free_crashes = 1;  // so many in a row have no waiting time: one crash is no loop
  };
  CrashGuard() : CrashGuard(Limits()) {}
  explicit CrashGuard(const Limits& limits) : limits_(limits) {}

  // It ended by itself after running for `ran_seconds`; `why` is shown to whoever wants it again.
  void crashed(const std::string& what, double now, double ran_seconds, const std::string& why);
  // Somebody asked for it by hand: forget.
  void forget(const std::string& what) { crashes_.erase(what); }

  struct Verdict {
    double wait_seconds = 0;  // 0: may start
    int crashes = 0;          // in a row
    std::string why;          // of the last
  };
  [[nodiscard]] Verdict may_start(const std::string& what, double now) const;

 private:
  struct Crash {
    int count = 0;
    double not_before = 0;
    std::string why;
  };
  const Limits limits_;
  std::map<std::string, Crash> crashes_;
};

}  // namespace hub::hub
