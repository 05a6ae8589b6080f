#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/train/best_result.h"
#include "core/train/divergence_guard.h"
#include "core/train/train_report.h"
#include "core/train/train_result.h"

namespace hub::train {

namespace mx = mlx::core;

// All that a training needs to go on as if it had never stopped, besides the base, the data and the
// params: a training that is stopped and goes on gives the same adapter, bit for bit. The place in
// the data follows from `step`, since each epoch's order follows from the seed.
struct TrainState {
  std::string fingerprint;  // of base, data and params: a state goes with no others
  int batch_size = 0;
  int step = 0;           // updates done
  int dropout_draws = 0;  // keys drawn
  int rows_at_once = 0;   // of a batch: fewer than batch_size once memory ran out
  std::string optimizer;  // its name
  int updates = 0;        // of the optimizer
  double learning_rate = 0.0;
  double grad_norm = 0.0;
  ReportWindow window;
  TrainResult result;  // as far as it is known
  int evaluated_step = -1;
  BestResult::State best;
  DivergenceGuard::State guard;
  std::uint64_t tokens_since_clear = 0;  // of clear_cache_tokens
  std::vector<mx::array> parameters;
  std::vector<mx::array> moments;  // Optimizer::state()
  // Objective::references() of the rows to train on and of those held out, where there are any.
  std::vector<mx::array> references;
};

// Writes it into one safetensors file, replacing the one before or leaving it as it was. Throws
// kUnavailable when the disk refuses. On the thread that owns MLX.
void save_state(const std::filesystem::path& file, const TrainState& state);

// nullopt when there is no such file; throws kUnprocessable when it is not one of save_state()'s,
// or one of another version.
std::optional<TrainState> load_state(const std::filesystem::path& file);

}  // namespace hub::train
