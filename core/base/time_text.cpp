#include "core/base/time_text.h"

#include <charconv>
#include <chrono>

namespace hub::base {

namespace {

// The next `digits` digits of `text`, which are taken off it. nullopt where other letters stand.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  int number = 0;
  if (text.size() < digits || text.front() < '0' || text.front() > '9') {
    return std::nullopt;
  }
  const char* end = text.data() + digits;
  if (std::from_chars(text.data(), end, number).ptr != end) {
    return std::nullopt;
  }
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, char letter) {
  if (!text.starts_with(letter)) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

// ".123": milliseconds; 0 where there is none.
std::optional<int> take_fraction(std::string_view& text) {
  if (!take(text, '.')) {
    return 0;
  }
  int ms = 0;
  int digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits) {
    ms = digits < 3 ? ms * 10 + (text.front() - '0') : ms;
    text.remove_prefix(1);
  }
  for (int missing = digits; missing < 3; ++missing) {
    ms *= 10;
  }
  return digits > 0 ? std::optional(ms) : std::nullopt;
}

// "Z", "+02:00": minutes ahead of UTC.
std::optional<int> take_offset(std::string_view& text) {
  if (take(text, 'Z')) {
    return 0;
  }
  const bool behind = text.starts_with('-');
  if (!take(text, '+') && !take(text, '-')) {
    return std::nullopt;
  }
  const auto hours = take_number(text, 2);
  const bool colon = take(text, ':');
  const auto minutes = take_number(text, 2);
  if (!hours || !colon || !minutes || *hours > 23 || *minutes > 59) {
    return std::nullopt;
  }
  const int ahead = *hours * 60 + *minutes;
  return behind ? -ahead : ahead;
}

}  // namespace

std::optional<std::int64_t> from_rfc3339(std::string_view text) {
  const auto year = take_number(text, 4);
  const bool first = take(text, '-');
  const auto month = take_number(text, 2);
  const bool second = take(text, '-');
  const auto day = take_number(text, 2);
  const bool separator = take(text, 'T');
  const auto hours = take_number(text, 2);
  const bool third = take(text, ':');
  const auto minutes = take_number(text, 2);
  const bool fourth = take(text, ':');
  const auto seconds = take_number(text, 2);
  const auto fraction = take_fraction(text);
  const auto offset = take_offset(text);
  if (!year || !first || !month || !second || !day || !separator || !hours || !third || !minutes ||
      !fourth || !seconds || !fraction || !offset || !text.empty() || *hours > 23 ||
      *minutes > 59 || *seconds > 60) {
    return std::nullopt;
  }
  using namespace std::chrono;  // NOLINT(google-build-using-namespace)
  const year_month_day date{
      std::chrono::year(*year),
      std::chrono::month(static_cast<unsigned>(*month)),
      std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) {
    return std::nullopt;
  }
  const auto time = sys_days(date) + std::chrono::hours(*hours) +
                    std::chrono::minutes(*minutes - *offset) + std::chrono::seconds(*seconds) +
                    milliseconds(*fraction);
  return duration_cast<milliseconds>(time.time_since_epoch()).count();
}

}  // namespace hub::base
