#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace hub::hub {

// A machine that runs one rank of a data-parallel job.
struct RankHost {
  std::string ssh;               // its name for ssh; 127.0.0.1, ::1 and localhost: this machine
  std::vector<std::string> ips;  // at which the other ranks reach it; at least one

  [[nodiscard]] bool is_here() const;
};

// Where the ranks of data-parallel jobs run: by default all on this machine; else as a hostfile of
// mlx.launch says (mlx/_distributed_utils/common.py › Hostfile), one rank for each entry, in order:
//   {"backend"?: "ring"|"jaccl"|"jaccl-ring"|"nccl", "envs"?: ["NAME=value", …],
//    "hosts": [{"ssh": "mac1", "ips": ["10.0.0.1"], "rdma"?: [null, "rdma_en2"]}, …]}
// or the list of hosts alone. (Its backend "mpi" starts its processes itself.) Immutable.
class RankHosts {
 public:
  RankHosts() = default;
  // Throws kInvalidArgument naming the file and the field.
  static RankHosts load(const std::filesystem::path& file);
  static RankHosts from_json(const base::Json& json);

  // Throws kInvalidArgument (`params.data_parallel`) when there are fewer hosts than ranks, or the
  // first, which writes the result, is not this machine.
  void check(int ranks) const;
  // How many of so many ranks run on this machine; at least 1 of those that check() lets pass.
  [[nodiscard]] int local_ranks(int ranks) const;

  // Of rank `rank`; on this machine where there is no hostfile.
  [[nodiscard]] RankHost host(int rank) const;
  [[nodiscard]] const std::string& backend() const { return backend_; }  // "auto": by the device
  [[nodiscard]] const std::vector<std::string>& environment() const { return environment_; }
  // JSON: for every rank the RDMA devices by which it reaches the others; "" where none are named.
  [[nodiscard]] std::string rdma(int ranks) const;
  [[nodiscard]] bool jaccl_ring() const { return jaccl_ring_; }

 private:
  std::vector<RankHost> hosts_;
  std::vector<std::string> rdma_;  // as JSON, of each host; "" none
  std::vector<std::string> environment_;
  std::string backend_ = "auto";
  bool jaccl_ring_ = false;
};

}  // namespace hub::hub
