#include "core/base/ids.h"

#include <mutex>
#include <random>

#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/error.h"

namespace hub::base {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The 60-bit value made of the millisecond and a 12-bit counter, never the same twice and never
// going back.
class Sequence {
 public:
  std::uint64_t next() {
    const std::lock_guard lock(mutex_);
    const auto now = static_cast<std::uint64_t>(SystemClock().now_ms()) << 12U;
    last_ = now > last_ ? now : last_ + 1;
    return last_;
  }
  std::uint64_t random() {
    const std::lock_guard lock(mutex_);
    return engine_();
  }

 private:
  std::mutex mutex_;
  std::uint64_t last_ = 0;                          // guarded by mutex_
  std::mt19937_64 engine_{std::random_device{}()};  // guarded by mutex_
};

Sequence& sequence() {
  static Sequence instance;
  return instance;
}

}  // namespace

std::string new_id() {
  const std::uint64_t stamp = sequence().next();
  const std::uint64_t ms = stamp >> 12U;
  const std::uint64_t random = sequence().random();
  return fmt::format(
      "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
      ms >> 16U,
      ms & 0xffffU,
      stamp & 0xfffU,
      0x8000U | ((random >> 48U) & 0x3fffU),
      random & 0xffffffffffffU);
}

bool is_id(std::string_view text) {
  if (text.size() != 36) {
    return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) {
      return false;
    }
  }
  return true;
}

void check_name(std::string_view name, std::string_view field) {
  bool good = !name.empty() && name.size() <= 100 && is_alphanumeric(name.front());
  for (const char c : name) {
    good = good && (is_alphanumeric(c) || c == '.' || c == '_' || c == '-');
  }
  if (!good) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must start with a letter or digit and hold 1 to 100 letters, digits, '.', '_' or "
            "'-', got \"{}\"",
            field,
            name.substr(0, 120)),
        std::string(field));
  }
}

}  // namespace hub::base
