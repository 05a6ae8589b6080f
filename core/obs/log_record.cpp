#include "core/obs/log_record.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json.h"

namespace hub::obs::log {

namespace {

using base::Json;

constexpr std::array<Level, kLevels> kAllLevels{
    Level::kDebug, Level::kInfo, Level::kWarning, Level::kError};
// Letters of a secret after "mh-" (registry/key_registry.h) and "hf_"; names are shorter.
constexpr std::size_t kKeyLetters = 40;
constexpr std::size_t kTokenLetters = 30;
constexpr std::size_t kLongestSecret = 200;
constexpr std::size_t kPrettyEventWidth = 22;

bool is_secret_letter(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '-' || letter == '_' ||
         letter == '.' || letter == '+' || letter == '/' || letter == '=' || letter == '~';
}

// Stars out the word after each `mark`, where it has `shortest` letters at least.
void star_words(std::string& text, std::string_view mark, std::size_t shortest) {
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const std::size_t begin = at + mark.size();
    std::size_t end = begin;
    while (end < text.size() && is_secret_letter(text[end])) {
      ++end;
    }
    const bool starts_word = at == 0 || std::isalnum(static_cast<unsigned char>(text[at - 1])) == 0;
    if (starts_word && end - begin >= shortest) {
      text.replace(begin, end - begin, "***");
    }
  }
}

void star_user_of_urls(std::string& text) {
  constexpr std::string_view mark = "://";
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const std::size_t begin = at + mark.size();
    const std::size_t end = text.find_first_of("@/?# \"'\n", begin);
    if (end != std::string::npos && text[end] == '@') {
      text.replace(begin, end - begin, "***");
    }
  }
}

// What JSON leaves as it is and a terminal may obey: DEL and, in UTF-8, U+0080 to U+009F.
void escape_controls(std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0x7F) {
      text.replace(i, 1, "\\u007f");
    } else if (byte == 0xC2 && i + 1 < text.size()) {
      const auto next = static_cast<unsigned char>(text[i + 1]);
      if (next >= 0x80 && next <= 0x9F) {
        text.replace(i, 2, fmt::format("\\u00{:02x}", next));
      }
    }
  }
}

bool may_hold_secret(std::string_view text) {
  return text.find("mh-") != std::string_view::npos || text.find("hf_") != std::string_view::npos ||
         text.find("://") != std::string_view::npos ||
         text.find("earer ") != std::string_view::npos;
}

// Letters that need neither quotes nor escapes in any format.
bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= kLongestText &&
         std::all_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte < 0x7F && c != '"' && c != '=' && c != '\\';
         });
}

void append_quoted(std::string& line, std::string_view text) {
  if (is_plain(text) && !may_hold_secret(text)) {
    line += '"';
    line += text;
    line += '"';
    return;
  }
  std::string shown(text.substr(0, kLongestText + kLongestSecret));  // a cut must not hide one
  if (may_hold_secret(shown)) {
    shown = without_secrets(shown);
  }
  const bool cut = shown.size() > kLongestText;
  shown.resize(std::min(shown.size(), kLongestText));
  std::string quoted = Json(std::move(shown)).dump(-1, ' ', false, Json::error_handler_t::replace);
  escape_controls(quoted);
  if (cut) {
    quoted.insert(quoted.size() - 1, "…");
  }
  line += quoted;
}

// As JSON; in text plain words go without quotes.
void append_value(std::string& line, const Value& value, bool quote_all) {
  if (const auto* text = std::get_if<std::string_view>(&value.get())) {
    if (!quote_all && is_plain(*text) && !may_hold_secret(*text)) {
      line += *text;
    } else {
      append_quoted(line, *text);
    }
  } else if (const auto* flag = std::get_if<bool>(&value.get())) {
    line += *flag ? "true" : "false";
  } else if (const auto* whole = std::get_if<std::int64_t>(&value.get())) {
    fmt::format_to(std::back_inserter(line), "{}", *whole);
  } else if (const auto* natural = std::get_if<std::uint64_t>(&value.get())) {
    fmt::format_to(std::back_inserter(line), "{}", *natural);
  } else if (const auto* real = std::get_if<double>(&value.get())) {
    std::isfinite(*real) ? fmt::format_to(std::back_inserter(line), "{}", *real)
                         : fmt::format_to(std::back_inserter(line), "null");
  }
}

bool is_absent(const Field& field) {
  return std::holds_alternative<std::monostate>(field.value.get());
}

std::string json_line(const Record& record) {
  std::string line;
  line.reserve(256);
  const auto add = [&line](std::string_view key, const Value& value) {
    line += line.empty() ? "{" : ",";
    append_quoted(line, key);
    line += ':';
    append_value(line, value, true);
  };
  add("time", base::rfc3339(record.time_ms));
  add("level", to_string(record.level));
  add("event", record.event);
  if (!record.process.empty()) {
    add("process", record.process);
  }
  if (!record.job_id.empty()) {
    add("job_id", record.job_id);
  }
  for (const Field& field : record.fields) {
    if (!is_absent(field)) {
      add(field.key, field.value);
    }
  }
  line += '}';
  return line;
}

struct Palette {
  std::string_view faint, level, bold, end;
};

Palette palette(Level level, bool colours) {
  constexpr std::array<std::string_view, kLevels> levels{
      "\x1b[36m", "\x1b[32m", "\x1b[33m", "\x1b[31m"};  // cyan, green, yellow, red
  return colours
             ? Palette{"\x1b[2m", levels.at(static_cast<std::size_t>(level)), "\x1b[1m", "\x1b[0m"}
             : Palette{};
}

std::string text_line(Format format, const Record& record, bool colours) {
  const Palette paint = palette(record.level, colours);
  std::string line;
  line.reserve(192);
  std::string event;
  append_value(event, record.event, false);
  const std::string time = base::rfc3339(record.time_ms);
  if (format == Format::kPretty) {
    fmt::format_to(
        std::back_inserter(line),
        "{}{}{} {}{:7}{} {}{:{}}{}",
        paint.faint,
        time.substr(11, 12),
        paint.end,
        paint.level,
        to_string(record.level),
        paint.end,
        paint.bold,
        event,
        record.fields.empty() ? 0 : kPrettyEventWidth,
        paint.end);
  } else {
    fmt::format_to(
        std::back_inserter(line),
        "{} {}{}{} {}",
        time,
        paint.level,
        to_string(record.level),
        paint.end,
        event);
  }
  for (const Field& field : record.fields) {
    if (!is_absent(field)) {
      fmt::format_to(std::back_inserter(line), " {}{}={}", paint.faint, field.key, paint.end);
      append_value(line, field.value, false);
    }
  }
  return line;
}

}  // namespace

std::string format_record(Format format, const Record& record, bool colours) {
  return format == Format::kJson ? json_line(record) : text_line(format, record, colours);
}

std::string readable(std::string_view line, bool with_process) {
  const Json record = line.starts_with('{') ? Json::parse(line, nullptr, false) : Json();
  const auto word = [&record](const char* key) -> const std::string* {
    const auto found = record.find(key);
    return found != record.end() ? found->get_ptr<const std::string*>() : nullptr;
  };
  if (!record.is_object() || word("time") == nullptr || word("level") == nullptr ||
      word("event") == nullptr) {
    return std::string(line);
  }
  std::string text = fmt::format("{} {} ", *word("time"), *word("level"));
  append_value(text, *word("event"), false);
  for (const auto& [key, value] : record.items()) {
    if (key == "time" || key == "level" || key == "event" || (key == "process" && !with_process)) {
      continue;
    }
    text += ' ' + key + '=';
    if (const auto* words = value.get_ptr<const std::string*>()) {
      append_value(text, *words, false);
    } else {
      text += value.dump();
    }
  }
  return text;
}

std::string without_secrets(std::string_view text) {
  std::string shown(text);
  star_words(shown, "mh-", kKeyLetters);
  star_words(shown, "hf_", kTokenLetters);
  star_words(shown, "Bearer ", 1);
  star_words(shown, "bearer ", 1);
  star_user_of_urls(shown);
  return shown;
}

Level level_from(std::string_view name) {
  for (const Level level : kAllLevels) {
    if (name == to_string(level)) {
      return level;
    }
  }
  throw base::Error(
      base::ErrorCode::kInvalidArgument,
      fmt::format(
          "log level: debug, info, warning or error was wanted, got \"{}\"", name.substr(0, 60)),
      "level");
}

std::string_view to_string(Level level) {
  constexpr std::array<std::string_view, kLevels> names{"debug", "info", "warning", "error"};
  return names.at(static_cast<std::size_t>(level));
}

}  // namespace hub::obs::log
