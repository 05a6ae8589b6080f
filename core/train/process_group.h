#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <mlx/distributed/distributed.h>

namespace hub::train {

namespace mx = mlx::core;

// The ranks that train one model together, each in a process of its own (data parallelism), over
// MLX's distributed communication; as default constructed this process alone. A collective must be
// called by every rank, in the same order. It waits for all of them; when one is gone MLX throws,
// or waits for ever: who supervises the ranks ends them all. Belongs to the thread that owns MLX.
class ProcessGroup {
 public:
  ProcessGroup() = default;
  // Joins the ranks that the environment names, as mlx.launch and core/hub/rank_launch.h set it:
  // waits until all are there. `backend` is a name of MLX's ("ring", "jaccl", "nccl") or
  // "auto": nccl on a CUDA GPU, else ring. With nccl, where the environment has MLX_HOSTFILE, too,
  // the collectives below go over a ring: numbers of the host's, they would wait in the GPU's
  // queue. Throws kUnavailable (`ranks_not_connected`).
  static ProcessGroup join(const std::string& backend);

  [[nodiscard]] int rank() const { return group_ ? group_->rank() : 0; }
  [[nodiscard]] int size() const { return group_ ? group_->size() : 1; }
  // The one rank that reports, writes files and takes commands.
  [[nodiscard]] bool leads() const { return rank() == 0; }

  // This rank's of the rows of all ranks' batch: every size()-th, as mlx_lm/tuner/trainer.py ›
  // iterate_batches deals them. Of rows in order of length everyone gets long and short ones. Empty
  // for the last ranks where there are fewer rows than ranks.
  [[nodiscard]] std::vector<std::size_t> own_rows(std::span<const std::size_t> rows) const;

  // Collectives; of a process alone, what it gave.
  // Element by element over the ranks, exact; equally many values on all.
  [[nodiscard]] std::vector<std::int64_t> sum(std::vector<std::int64_t> values) const;
  // Added in the order of the ranks, so that the last bit is equal on all.
  [[nodiscard]] double sum(double value) const;
  // Rank 0's, to the bit; equally many values on all.
  [[nodiscard]] std::vector<double> first(std::vector<double> values) const;
  // Throws kConflict (`ranks_differ`) on every rank when one gave something else than rank 0;
  // `what` names the values.
  void need_equal(const std::vector<std::int64_t>& values, const std::string& what) const;

  // MLX's own, for arrays of the device; nullopt: this process alone.
  [[nodiscard]] const std::optional<mx::distributed::Group>& group() const { return group_; }

 private:
  // Every rank's value, in their order.
  [[nodiscard]] std::vector<double> gather(double value) const;

  std::optional<mx::distributed::Group> group_;
  std::optional<mx::distributed::Group> of_host_;  // for numbers of the host's
};

}  // namespace hub::train
