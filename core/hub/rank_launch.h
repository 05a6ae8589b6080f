#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/hub/rank_hosts.h"
#include "core/obs/log_record.h"

namespace hub::hub {

// How the worker of one rank is started.
struct RankLaunch {
  std::vector<std::string> command;      // program and arguments
  std::vector<std::string> environment;  // "NAME=value", beside what this process has
  // On another machine: the specification goes to its standard input, its memory is not ours.
  bool elsewhere = false;
};

struct RankLaunchOptions {
  std::filesystem::path worker_executable;  // at the same path on every host
  int threads = 0;                          // of this machine's cores for the job; 0: all
  std::string ssh = "ssh";
  obs::log::Level log_level = obs::log::Level::kInfo;
};

// The commands for `ranks` workers of one job, rank 0 first, whose specification is
// `job_folder`/spec.json; the folder's name is the job's id, for log lines. More than one find each
// other by the environment that MLX's backends read (mlx/_distributed_utils/launch.py): ring by
// MLX_HOSTFILE and MLX_RANK, jaccl by MLX_IBV_DEVICES and MLX_JACCL_COORDINATOR, nccl by
// NCCL_HOST_IP, NCCL_PORT, MLX_WORLD_SIZE and a GPU for each rank of a host. Writes the files that
// these name into `job_folder`; on other hosts into temporary ones. On this machine ports are free
// ones, and the threads are shared out among its ranks. Throws kInvalidArgument as
// RankHosts::check(), kUnavailable when no port or no disk is to be had.
std::vector<RankLaunch> launch_ranks(
    const RankLaunchOptions& options,
    const RankHosts& hosts,
    int ranks,
    const std::filesystem::path& job_folder);

}  // namespace hub::hub
