#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

// One record a fact: an event's name in snake_case and its fields, one line on standard error.
//   obs::log::info("model_loaded", {{"model", name}, {"seconds", 1.5}});
// No prompt text at info level; lines about a request carry "request_id". Thread-safe; never
// throws.
namespace hub::obs::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class Format : std::uint8_t {
  kText,  // 2026-11-23T10:15:30.123Z info model_loaded model=smollm seconds=1.5
  kJson,  // {"time":"…","level":"info","event":"model_loaded","model":"smollm","seconds":1.5}
};

// The value of a field. Text is borrowed for the duration of the call only.
class Value {
 public:
  template <std::convertible_to<std::string_view> T>
  Value(const T& text) : value_(std::string_view(text)) {}  // NOLINT(google-explicit-constructor)
  Value(bool value) : value_(value) {}                      // NOLINT(google-explicit-constructor)
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Value(T value) {  // NOLINT(google-explicit-constructor)
    if constexpr (std::signed_integral<T>) {
      value_ = static_cast<std::int64_t>(value);
    } else {
      value_ = static_cast<std::uint64_t>(value);
    }
  }
  template <std::floating_point T>
  Value(T value) : value_(static_cast<double>(value)) {}  // NOLINT(google-explicit-constructor)

  using Variant = std::variant<std::string_view, bool, std::int64_t, std::uint64_t, double>;
  [[nodiscard]] const Variant& get() const { return value_; }

 private:
  Variant value_;
};

struct Field {
  std::string_view key;
  Value value;
};
using Fields = std::initializer_list<Field>;

// For the whole process; the default is kInfo and kText. Called once, by main.
void configure(Level level, Format format);

// "debug", "info", "warning", "error". Throws kInvalidArgument for another word.
Level level_from(std::string_view name);
std::string_view to_string(Level level);

void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warning(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

// Records written since the process started; those below its level are none.
struct Counts {
  std::array<std::uint64_t, 4> by_level{};  // at index static_cast<std::size_t>(Level)
};
Counts counts();

// The last `lines` lines that this process wrote, oldest first; 5,000 are kept.
std::string recent(std::size_t lines);

// The line without its newline; what the functions above write at time `now_ms`.
std::string format_record(
    Format format, Level level, std::int64_t now_ms, std::string_view event, Fields fields);

}  // namespace hub::obs::log
