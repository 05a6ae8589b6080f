#include "core/obs/log.h"

#include <atomic>
#include <cmath>
#include <exception>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json.h"

namespace hub::obs::log {

namespace {

constexpr std::size_t kKeptLines = 5000;

// The process has one standard error, hence one writer: the only state of this module.
struct Writer {
  std::atomic<Level> level{Level::kInfo};
  std::atomic<Format> format{Format::kText};
  std::array<std::atomic<std::uint64_t>, 4> counts{};  // by level
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> kept =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(kKeptLines);
  spdlog::logger logger;

  Writer()
      : logger(
            "hub",
            std::initializer_list<spdlog::sink_ptr>{
                std::make_shared<spdlog::sinks::stderr_sink_mt>(), kept}) {
    logger.set_level(spdlog::level::trace);
    logger.set_pattern("%v");
    logger.flush_on(spdlog::level::trace);
  }
};

Writer& writer() {
  static Writer instance;
  return instance;
}

base::Json json_value(const Value& value) {
  return std::visit([](const auto& held) { return base::Json(held); }, value.get());
}

constexpr std::string_view kQuoted = " \"=\\";

bool is_plain(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || kQuoted.find(c) != std::string_view::npos) {
      return false;
    }
  }
  return !text.empty();
}

std::string text_value(const Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value.get()); text && is_plain(*text)) {
    return std::string(*text);
  }
  return json_value(value).dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

void write(Level level, std::string_view event, Fields fields) noexcept {
  try {
    Writer& out = writer();
    if (level < out.level.load(std::memory_order_relaxed)) {
      return;
    }
    out.counts.at(static_cast<std::size_t>(level)).fetch_add(1, std::memory_order_relaxed);
    const Format format = out.format.load(std::memory_order_relaxed);
    const std::string line =
        format_record(format, level, base::SystemClock().now_ms(), event, fields);
    out.logger.log(spdlog::level::info, spdlog::string_view_t(line));
  } catch (const std::exception&) {
    // A full disk behind standard error must not end a request.
    return;
  }
}

}  // namespace

void configure(Level level, Format format) {
  writer().level = level;
  writer().format = format;
}

Level level_from(std::string_view name) {
  for (const Level level : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError}) {
    if (name == to_string(level)) {
      return level;
    }
  }
  throw base::Error(
      base::ErrorCode::kInvalidArgument,
      fmt::format("log level: debug, info, warning or error was wanted, got \"{}\"", name));
}

std::string_view to_string(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "error";
}

Counts counts() {
  Counts now;
  for (std::size_t level = 0; level < now.by_level.size(); ++level) {
    now.by_level.at(level) = writer().counts.at(level).load(std::memory_order_relaxed);
  }
  return now;
}

std::string recent(std::size_t lines) {
  std::string text;
  for (const std::string& line : writer().kept->last_formatted(lines)) {
    text += line;
  }
  return text;
}

std::string format_record(
    Format format, Level level, std::int64_t now_ms, std::string_view event, Fields fields) {
  const std::string time = base::rfc3339(now_ms);
  if (format == Format::kJson) {
    base::Json record = {{"time", time}, {"level", to_string(level)}, {"event", event}};
    for (const Field& field : fields) {
      record[std::string(field.key)] = json_value(field.value);
    }
    return record.dump(-1, ' ', false, base::Json::error_handler_t::replace);
  }
  std::string line = fmt::format("{} {} {}", time, to_string(level), event);
  for (const Field& field : fields) {
    line += fmt::format(" {}={}", field.key, text_value(field.value));
  }
  return line;
}

void debug(std::string_view event, Fields fields) {
  write(Level::kDebug, event, fields);
}

void info(std::string_view event, Fields fields) {
  write(Level::kInfo, event, fields);
}

void warning(std::string_view event, Fields fields) {
  write(Level::kWarning, event, fields);
}

void error(std::string_view event, Fields fields) {
  write(Level::kError, event, fields);
}

}  // namespace hub::obs::log
