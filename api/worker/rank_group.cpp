#include "api/worker/rank_group.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hub::api {
namespace {

constexpr std::chrono::milliseconds kPausedSleep{100};
constexpr std::int64_t kPaused = -1;  // besides the commands' own numbers
// What MLX's communication begins its errors with.
constexpr std::array<std::string_view, 3> kBackends{"[ring]", "[jaccl]", "[nccl]"};

}  // namespace

train::ProcessGroup join_ranks(const std::string& backend, int ranks, const EmitEvent& emit) {
  train::ProcessGroup group;
  if (!backend.empty()) {
    group = train::ProcessGroup::join(backend);
    emit(
        "log",
        {{"level", "info"},
         {"message", fmt::format("rank {} of {} over {}", group.rank(), group.size(), backend)}});
  }
  if (group.size() != ranks) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("params.data_parallel is {}, but {} ranks were started", ranks, group.size()),
        "params.data_parallel");
  }
  return group;
}

train::Command next_command(const train::ProcessGroup& group, JobControl& control) {
  if (group.size() == 1) {
    return control.next();
  }
  while (true) {
    std::int64_t said = 0;
    if (group.leads()) {
      const std::optional<train::Command> command = control.look();
      said = command ? static_cast<std::int64_t>(*command) : kPaused;
    }
    said = group.sum(std::vector<std::int64_t>{said}).front();  // the others add nothing
    if (said != kPaused) {
      return static_cast<train::Command>(said);
    }
    std::this_thread::sleep_for(kPausedSleep);
  }
}

base::Error failure_of(const std::exception& error) {
  const std::string_view text = error.what();
  const bool of_ranks = std::ranges::any_of(
      kBackends, [text](std::string_view name) { return text.starts_with(name); });
  if (!of_ranks) {
    return {base::ErrorCode::kInternal, error.what()};
  }
  return {
      base::ErrorCode::kUnavailable,
      fmt::format("the ranks lost each other: {}", text),
      {},
      "ranks_not_connected"};
}

void follow(train::TrainHooks& hooks) {
  hooks.reported = nullptr;
  hooks.evaluated = nullptr;
  hooks.checkpoint = nullptr;
  hooks.best = nullptr;
  hooks.skipped = nullptr;
  hooks.finished = nullptr;
}

}  // namespace hub::api
