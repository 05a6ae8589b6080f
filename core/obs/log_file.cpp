#include "core/obs/log_file.h"

#include <exception>
#include <utility>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>

#include "core/base/clock.h"

namespace hub::obs {

namespace {

// Opening what cannot be opened takes spdlog 50 ms.
constexpr double kOpenAgainSeconds = 5.0;

}  // namespace

LogFile::LogFile(std::filesystem::path file, std::uint64_t most_bytes, std::size_t older)
    : file_(std::move(file)), most_bytes_(most_bytes), older_(older) {}

LogFile::~LogFile() = default;

bool LogFile::open() {
  if (sink_) {
    return true;
  }
  if (base::steady_seconds() < next_open_seconds_) {
    return false;
  }
  sink_ = std::make_unique<Sink>(file_.string(), most_bytes_, older_);
  sink_->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v"));
  return true;
}

bool LogFile::write(std::string_view line) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    if (!open()) {
      return false;
    }
    sink_->log(
        spdlog::details::log_msg(
            spdlog::string_view_t(), spdlog::level::info, spdlog::string_view_t(line)));
    sink_->flush();
    return true;
  } catch (const std::exception&) {  // a full disk must not end a request
    sink_.reset();                   // one that could not reopen its file must not be used
    next_open_seconds_ = base::steady_seconds() + kOpenAgainSeconds;
    return false;
  }
}

}  // namespace hub::obs
