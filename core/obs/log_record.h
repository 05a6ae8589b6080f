#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <variant>

// What a log record is, and how it becomes one line.
namespace hub::obs::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };
inline constexpr std::size_t kLevels = 4;

enum class Format : std::uint8_t {
  kText,    // 2026-11-23T10:15:30.123Z info model_loaded model=smollm seconds=1.5
  kPretty,  // 10:15:30.123 info    model_loaded  model=smollm seconds=1.5
  kJson,  // {"time":"…","level":"info","event":"model_loaded","process":"server","model":"smollm"}
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
  // Its field is left out.
  static Value absent() { return Value(std::monostate()); }

  using Variant =
      std::variant<std::monostate, std::string_view, bool, std::int64_t, std::uint64_t, double>;
  [[nodiscard]] const Variant& get() const { return value_; }

 private:
  explicit Value(std::monostate none) : value_(none) {}
  Variant value_;
};

// A text that is left out when empty: ids that not every record has.
inline Value if_any(std::string_view text) {
  return text.empty() ? Value::absent() : Value(text);
}

struct Field {
  std::string_view key;
  Value value;
};
using Fields = std::initializer_list<Field>;

struct Record {
  std::int64_t time_ms = 0;  // Unix time
  Level level = Level::kInfo;
  std::string_view event;
  std::string_view process{};  // "server", "engine <model>", "job <id>"; "": not said
  std::string_view job_id{};   // "": of none, or `fields` say it
  std::span<const Field> fields{};
};

// The longest text of a field, in bytes; longer ones are cut and end with "…".
inline constexpr std::size_t kLongestText = 4000;

// One line without its newline. Whatever the fields hold, it stays one line of valid UTF-8 without
// control characters, and API keys, tokens and passwords of URLs in it are starred out
// (without_secrets). `colours`: with a terminal's, kText and kPretty only.
std::string format_record(Format format, const Record& record, bool colours = false);

// A line that format_record() wrote as kJson in the form of kText, for a person; any other line
// comes back as it is. `with_process`: also whose it is.
std::string readable(std::string_view line, bool with_process = false);

// "mh-…", "hf_…" and what follows "Bearer " become "***", as does what stands before the @ of a
// URL. A guard for texts that come from elsewhere; nobody hands secrets to the log.
std::string without_secrets(std::string_view text);

// "debug", "info", "warning", "error". Throws kInvalidArgument for another word.
Level level_from(std::string_view name);
std::string_view to_string(Level level);

}  // namespace hub::obs::log
