#include "core/jobs/job.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace hub::jobs {
namespace {

constexpr std::array<std::pair<JobState, std::string_view>, 5> kStates{{
    {JobState::kQueued, "QUEUED"},
    {JobState::kRunning, "RUNNING"},
    {JobState::kCompleted, "COMPLETED"},
    {JobState::kFailed, "FAILED"},
    {JobState::kCancelled, "CANCELLED"},
}};

// RUNNING may go back to QUEUED: a job that yields its memory, or tries again later. So may a job
// that failed or was cancelled, when somebody wants it to go on.
constexpr std::array<std::pair<JobState, JobState>, 8> kTransitions{{
    {JobState::kQueued, JobState::kRunning},
    {JobState::kQueued, JobState::kCancelled},
    {JobState::kRunning, JobState::kQueued},
    {JobState::kRunning, JobState::kCompleted},
    {JobState::kRunning, JobState::kFailed},
    {JobState::kRunning, JobState::kCancelled},
    {JobState::kFailed, JobState::kQueued},
    {JobState::kCancelled, JobState::kQueued},
}};

}  // namespace

std::string_view to_string(JobState state) {
  return kStates.at(static_cast<std::size_t>(state)).second;
}

std::optional<JobState> job_state_from(std::string_view word) {
  std::string upper(word);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  for (const auto& [state, name] : kStates) {
    if (name == upper) {
      return state;
    }
  }
  return std::nullopt;
}

bool may_become(JobState from, JobState to) {
  return std::find(kTransitions.begin(), kTransitions.end(), std::pair(from, to)) !=
         kTransitions.end();
}

bool is_ended(JobState state) {
  return state == JobState::kCompleted || state == JobState::kFailed ||
         state == JobState::kCancelled;
}

}  // namespace hub::jobs
