#include "core/obs/log.h"

#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/obs/log_file.h"

namespace hub::obs::log {

namespace {

constexpr std::size_t kOlderFiles = 3;

// The process has one standard error, hence one writer: the only state of this module.
struct Writer {
  std::atomic<Level> level{Level::kInfo};
  std::array<std::atomic<std::uint64_t>, kLevels> counts{};  // by level
  std::atomic<std::uint64_t> not_filed{0};
  Options options;  // constant while others log
  std::unique_ptr<LogFile> file;
  spdlog::sinks::stderr_sink_mt standard_error;

  Writer() { standard_error.set_formatter(std::make_unique<spdlog::pattern_formatter>("%v")); }
};

Writer& writer() {
  static Writer instance;
  return instance;
}

void write_line(Writer& out, const Record& record) {
  std::string line = format_record(out.options.format, record, out.options.colours);
  out.standard_error.log(
      spdlog::details::log_msg(
          spdlog::string_view_t(), spdlog::level::info, spdlog::string_view_t(line)));
  if (!out.file) {
    return;
  }
  if (out.options.format != Format::kJson) {
    line = format_record(Format::kJson, record);
  }
  if (!out.file->write(line)) {
    count_not_filed();
  }
}

}  // namespace

void configure(const Options& options) {
  Writer& out = writer();
  out.options = options;
  out.file = options.file.empty()
                 ? nullptr
                 : std::make_unique<LogFile>(options.file, options.file_bytes, kOlderFiles);
  out.level = options.level;
}

void set_level(Level level) {
  writer().level = level;
}

Level level() {
  return writer().level;
}

bool wants_colours() {
  const char* none = std::getenv("NO_COLOR");
  return ::isatty(STDERR_FILENO) != 0 && (none == nullptr || *none == '\0');
}

Counts counts() {
  Counts now;
  for (std::size_t level = 0; level < kLevels; ++level) {
    now.by_level.at(level) = writer().counts.at(level).load(std::memory_order_relaxed);
  }
  now.not_filed = writer().not_filed.load(std::memory_order_relaxed);
  return now;
}

void count_not_filed() {
  writer().not_filed.fetch_add(1, std::memory_order_relaxed);
}

void write(Level level, std::string_view event, Fields fields) {
  Writer& out = writer();
  if (level < out.level.load(std::memory_order_relaxed)) {
    return;
  }
  out.counts.at(static_cast<std::size_t>(level)).fetch_add(1, std::memory_order_relaxed);
  try {
    write_line(
        out,
        {.time_ms = base::SystemClock().now_ms(),
         .level = level,
         .event = event,
         .process = out.options.process,
         .job_id = out.options.job_id,
         .fields = {fields.begin(), fields.size()}});
  } catch (const std::exception&) {
    // Standard error that takes nothing must not end a request.
    return;
  }
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
