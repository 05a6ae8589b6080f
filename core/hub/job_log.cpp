#include "core/hub/job_log.h"

#include <exception>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/hub/log_files.h"
#include "core/hub/rank_processes.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using base::Json;
using obs::log::Level;

// A worker's word for a level; what is none is info.
Level level_of(const std::string& word) {
  try {
    return obs::log::level_from(word);
  } catch (const base::Error&) {
    return Level::kInfo;
  }
}

// Texts that it makes go into `texts`.
obs::log::Value value_of(const Json& json, std::vector<std::string>& texts) {
  if (json.is_string()) {
    return json.get_ref<const std::string&>();
  }
  if (json.is_boolean()) {
    return json.get<bool>();
  }
  if (json.is_number_unsigned()) {
    return json.get<std::uint64_t>();
  }
  if (json.is_number_integer()) {
    return json.get<std::int64_t>();
  }
  if (json.is_number_float()) {
    return json.get<double>();
  }
  if (json.is_null()) {
    return obs::log::Value::absent();
  }
  texts.push_back(json.dump(-1, ' ', false, Json::error_handler_t::replace));
  return texts.back();
}

}  // namespace

JobLog::JobLog(
    std::string job_id,
    const std::filesystem::path& log_file,
    std::size_t ranks,
    std::uint64_t most_bytes)
    : job_id_(std::move(job_id)), most_bytes_(most_bytes) {
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    File file;
    file.path = RankProcesses::log_file_of(log_file, static_cast<int>(rank));
    file.stream.open(file.path, std::ios::app);
    files_.push_back(std::move(file));
  }
}

void JobLog::write(int rank, Level level, std::string_view event, const Json& data) {
  if (level < obs::log::level()) {
    return;
  }
  std::vector<std::string> texts;  // what fields refer to
  texts.reserve(data.size());
  std::vector<obs::log::Field> fields;
  for (const auto& [key, value] : data.items()) {
    fields.push_back({key, value_of(value, texts)});
  }
  if (files_.size() > 1) {
    fields.push_back({"rank", rank});
  }
  File& file = files_.at(static_cast<std::size_t>(rank));
  const std::string process = "job " + job_id_;
  file.stream << obs::log::format_record(
                     obs::log::Format::kJson,
                     {.time_ms = base::SystemClock().now_ms(),
                      .level = level,
                      .event = event,
                      .process = process,
                      .job_id = job_id_,
                      .fields = fields})
              << std::endl;
  if (!file.stream) {
    obs::log::count_not_filed();
    file.stream.clear();
    return;
  }
  if (file.stream.tellp() > static_cast<std::streamoff>(most_bytes_)) {
    try {
      rotate_log(file.path, most_bytes_, kOlderLogs);
    } catch (const base::Error& error) {
      obs::log::warning("log_not_rotated", {{"job_id", job_id_}, {"error", error.what()}});
    }
  }
}

void JobLog::event(int rank, const std::string& type, const Json& data) {
  if (type == "log") {
    const base::JsonReader reader(data);
    write(
        rank,
        level_of(reader.optional_string("level").value_or("info")),
        "message",
        {{"message", reader.optional_string("message").value_or("")}});
    return;
  }
  if (type == "sample" && obs::log::level() > Level::kDebug) {
    Json figures = data;
    figures.erase("prompt");
    figures.erase("text");
    write(rank, Level::kInfo, type, figures);
    return;
  }
  write(rank, Level::kInfo, type, data);
}

}  // namespace hub::hub
