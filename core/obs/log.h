#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/obs/log_record.h"

// One record a fact: an event's name in snake_case and its fields, one line on standard error and,
// where one was named, in a file.
//   obs::log::info("model_loaded", {{"model", name}, {"seconds", 1.5}});
// No prompt text at info level; lines about a request carry "request_id" and "trace_id", about a
// job "job_id". Thread-safe; never throws.
namespace hub::obs::log {

struct Options {
  Level level = Level::kInfo;
  Format format = Format::kText;  // on standard error
  bool colours = false;           // there
  // Every record's (log_record.h).
  std::string process{};
  std::string job_id{};
  // JSON lines go there, too; "": nowhere. Opened by the first record.
  std::filesystem::path file{};
  std::uint64_t file_bytes = 10'000'000;  // of one file; three older ones are kept
};

// For the whole process. Called by main, before other threads log.
void configure(const Options& options);

// From which level up records are written. Any thread, any time.
void set_level(Level level);
Level level();

// Colours are for a terminal's standard error, unless NO_COLOR says otherwise
// (https://no-color.org).
bool wants_colours();

void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warning(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});
void write(Level level, std::string_view event, Fields fields = {});

// Since the process started.
struct Counts {
  // Records, at index static_cast<std::size_t>(Level); those below its level are none.
  std::array<std::uint64_t, kLevels> by_level{};
  std::uint64_t not_filed = 0;  // lines that the disk did not take
};
Counts counts();
// A line of another file of logs that the disk did not take.
void count_not_filed();

}  // namespace hub::obs::log
