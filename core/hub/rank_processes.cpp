#include "core/hub/rank_processes.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "core/base/clock.h"
#include "core/base/json_reader.h"

namespace hub::hub {
namespace {

// All ranks fail for the same reason within one step, and each may say so.
constexpr double kFailureGraceSeconds = 2.0;
// Rank 0 is the last to write; the others have nothing left to do.
constexpr double kSuccessGraceSeconds = 10.0;

}  // namespace

std::filesystem::path RankProcesses::log_file_of(const std::filesystem::path& log_file, int rank) {
  if (rank == 0 || log_file.empty()) {
    return log_file;
  }
  std::filesystem::path own = log_file;
  return own.replace_filename(
      fmt::format("{}.rank{}{}", log_file.stem().string(), rank, log_file.extension().string()));
}

RankProcesses::RankProcesses(Options options) : options_(std::move(options)) {
  std::unique_lock lock(mutex_);  // a rank that ends at once waits until all are there
  try {
    for (std::size_t rank = 0; rank < options_.launches.size(); ++rank) {
      start(static_cast<int>(rank));
      ++running_;
    }
  } catch (...) {
    aborted_ = true;
    signal(SIGKILL);
    lock.unlock();
    children_.clear();
    throw;
  }
}

RankProcesses::~RankProcesses() {
  signal(SIGKILL);
  const std::lock_guard lock(mutex_);
  aborted_ = true;  // from here on no rank's end looks at the others
}

void RankProcesses::start(int rank) {
  const RankLaunch& launch = options_.launches.at(static_cast<std::size_t>(rank));
  ChildOptions child;
  child.command = launch.command;
  child.environment = launch.environment;
  child.log_file = log_file_of(options_.log_file, rank);
  child.record_folder = options_.record_folder;
  child.on_event = [this, rank](const base::Json& event) { options_.on_event(rank, event); };
  child.on_exit = [this, rank](const ExitStatus& status) { ended(rank, status); };
  children_.push_back(std::make_unique<ChildProcess>(std::move(child)));
  if (launch.elsewhere) {
    children_.back()->send("specification", base::parse_json(options_.spec, "specification"));
  }
}

void RankProcesses::ended(int rank, const ExitStatus& status) {
  std::optional<RanksEnd> end;
  {
    const std::lock_guard lock(mutex_);
    if (aborted_) {
      return;
    }
    --running_;
    if (rank == 0) {
      leaders_ = status;
    }
    if (!status.success() && (!failure_ || is_cause(status))) {
      failure_ = RanksEnd{rank, status};
    }
    if (!deadline_ && (rank == 0 || !status.success())) {
      deadline_ =
          base::steady_seconds() + (status.success() ? kSuccessGraceSeconds : kFailureGraceSeconds);
    }
    if (status.signal != 0) {  // it told nobody anything
      deadline_ = 0.0;
    }
    if (running_ == 0) {
      end = leaders_->success() ? RanksEnd{0, *leaders_} : *failure_;
    } else {
      end_late_locked();
    }
  }
  if (end) {
    options_.on_end(*end);
  }
}

bool RankProcesses::send(std::string_view type, const base::Json& data) {
  return children_.front()->send(type, data);
}

void RankProcesses::tell_all(std::string_view type, const base::Json& data) {
  for (const auto& child : children_) {
    child->send(type, data);
  }
}

void RankProcesses::signal(int number) {
  for (const auto& child : children_) {
    child->signal(number);
  }
}

void RankProcesses::end_late() {
  const std::lock_guard lock(mutex_);
  end_late_locked();
}

// Whether an end explains the failure that was seen before it.
bool RankProcesses::is_cause(const ExitStatus& status) const {
  return status.signal != 0 && !killed_ && failure_->status.signal == 0;
}

void RankProcesses::end_late_locked() {
  if (deadline_ && base::steady_seconds() >= *deadline_) {
    killed_ = true;
    signal(SIGKILL);
  }
}

}  // namespace hub::hub
