#include "core/hub/log_source.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/time_text.h"
#include "core/hub/log_files.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Json;
using obs::log::Level;

constexpr std::string_view kTimeMark = R"({"time":")";
constexpr std::string_view kLevelMark = R"(","level":")";
constexpr std::size_t kTimeLength = 24;  // "2026-11-23T10:15:30.123Z"

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Takes ".3" off the end of a name; false where there is none.
bool take_number(std::string_view& name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || !is_number(name.substr(dot + 1))) {
    return false;
  }
  name = name.substr(0, dot);
  return true;
}

// Adds what stat() knows; false when there is no such file.
bool look_at(LogSource& source) {
  struct stat known{};
  if (::stat(source.file.c_str(), &known) != 0 || !S_ISREG(known.st_mode)) {
    return false;
  }
  source.size = static_cast<std::uint64_t>(known.st_size);
  source.inode = static_cast<std::uint64_t>(known.st_ino);
  source.modified_ms = static_cast<std::int64_t>(known.st_mtime) * 1000 + 999;
  return true;
}

// Of the log folder: "server.log", "server.1.log", "engine-a.log", "engine-a.log.1".
std::optional<LogSource> named_source(const fs::path& file) {
  const std::string full = file.filename().string();
  std::string_view name = full;
  LogSource source;
  source.file = file;
  source.older = take_number(name);
  if (!name.ends_with(".log")) {
    return std::nullopt;
  }
  name.remove_suffix(4);
  if (name.starts_with("engine-")) {
    source.process = fmt::format("engine {}", name.substr(7));
    return source;
  }
  source.older = take_number(name);
  if (name != fs::path(kServerLog).stem().string()) {
    return std::nullopt;
  }
  source.process = kServerProcess;
  return source;
}

// Of a job's folder: "log.txt", "log.rank1.txt", "log.txt.1".
std::optional<LogSource> job_source(const fs::path& file, const std::string& job_id) {
  const std::string full = file.filename().string();
  std::string_view name = full;
  LogSource source;
  source.file = file;
  source.older = take_number(name);
  if (!name.starts_with("log.") || !name.ends_with(".txt")) {
    return std::nullopt;
  }
  source.process = "job " + job_id;
  source.job_id = job_id;
  return source;
}

void add_where_fitting(
    std::vector<LogSource>& sources, std::optional<LogSource> source, const LogFilter& filter) {
  if (source && (filter.process.empty() || source->process == filter.process) && look_at(*source) &&
      source->size > 0 && (!filter.since_ms || source->modified_ms >= *filter.since_ms)) {
    sources.push_back(std::move(*source));
  }
}

void add_job(std::vector<LogSource>& sources, const fs::path& folder, const LogFilter& filter) {
  const std::string id = folder.filename().string();
  if ((!filter.job_id.empty() && filter.job_id != id) ||
      (!filter.process.empty() && filter.process != "job " + id)) {
    return;
  }
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    add_where_fitting(sources, job_source(entry.path(), id), filter);
  }
}

bool is_text(const Json& record, const char* key, const std::string& wanted) {
  const auto found = record.find(key);
  const auto* text = found != record.end() ? found->get_ptr<const std::string*>() : nullptr;
  return text != nullptr && *text == wanted;
}

}  // namespace

std::vector<LogSource> log_sources(const fs::path& data_folder, const LogFilter& filter) {
  std::vector<LogSource> sources;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(data_folder / kLogFolder, ignored)) {
    add_where_fitting(sources, named_source(entry.path()), filter);
  }
  for (const auto& entry : fs::directory_iterator(data_folder / "jobs", ignored)) {
    add_job(sources, entry.path(), filter);
  }
  return sources;
}

fs::path older_file(const fs::path& file) {
  if (file.filename() == kServerLog) {
    fs::path older = file;
    return older.replace_filename(
        fmt::format("{}.1{}", file.stem().string(), file.extension().string()));
  }
  return file.string() + ".1";
}

LogLine::LogLine(std::string_view text, std::int64_t time_ms) : text_(text), time_ms_(time_ms) {
  constexpr std::size_t level_at = kTimeMark.size() + kTimeLength + kLevelMark.size();
  if (!text.starts_with(kTimeMark) || text.size() < level_at ||
      text.substr(kTimeMark.size() + kTimeLength, kLevelMark.size()) != kLevelMark) {
    return;
  }
  const auto time = base::from_rfc3339(text.substr(kTimeMark.size(), kTimeLength));
  const std::string_view rest = text.substr(level_at);
  constexpr std::array<Level, obs::log::kLevels> levels{
      Level::kDebug, Level::kInfo, Level::kWarning, Level::kError};
  for (const Level level : levels) {
    const std::string_view word = obs::log::to_string(level);
    if (time && rest.starts_with(word) && rest.substr(word.size()).starts_with('"')) {
      time_ms_ = *time;
      level_ = level;
      ours_ = true;
    }
  }
}

std::optional<Json> LogLine::wanted(const LogFilter& filter, const LogSource& source) const {
  // A record that a crash cut is a warning, whatever its beginning says.
  if (level_ < filter.level && text_.ends_with('}')) {
    return std::nullopt;
  }
  for (const std::string* word : {&filter.text, &filter.request_id, &filter.trace_id}) {
    if (text_.find(*word) == std::string_view::npos) {  // quicker than reading it
      return std::nullopt;
    }
  }
  Json record = ours_ ? Json::parse(text_, nullptr, false) : Json();
  if (!record.is_object()) {
    if (filter.level > Level::kWarning) {
      return std::nullopt;
    }
    record = {
        {"time", base::rfc3339(time_ms_)},
        {"level", obs::log::to_string(Level::kWarning)},
        {"event", "output"},
        {"process", source.process}};
    if (!source.job_id.empty()) {
      record["job_id"] = source.job_id;
    }
    record["message"] = text_;
  }
  if (!filter.without.empty() && is_text(record, "event", filter.without)) {
    return std::nullopt;
  }
  const std::array<std::pair<const char*, const std::string*>, 5> exact{
      {{"event", &filter.event},
       {"process", &filter.process},
       {"request_id", &filter.request_id},
       {"job_id", &filter.job_id},
       {"trace_id", &filter.trace_id}}};
  for (const auto& [key, value] : exact) {
    if (!value->empty() && !is_text(record, key, *value)) {
      return std::nullopt;
    }
  }
  return record;
}

}  // namespace hub::hub
