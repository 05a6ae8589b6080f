#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/base/json.h"
#include "core/models/language_model.h"
#include "core/train/trainable.h"

namespace hub::train {

// Writes adapters.safetensors and adapter_config.json as mlx-lm does, each file atomically, into
// `folder`, which is made when absent. `extra` (an object) goes into the configuration. Throws
// kUnavailable when the disk refuses.
void save_result(
    const std::filesystem::path& folder,
    const Trainable& trained,
    const models::LanguageModel& model,
    const base::Json& extra);

// A folder in mlx-lm's layout while a job trains: save_result() for the latest, every saved step as
// <step, 7 digits>_adapters.safetensors beside it, of which the last `keep` stay (absent: all), and
// the best in a folder "best" of its own.
class Checkpoints {
 public:
  // `model` must outlive this.
  Checkpoints(
      std::filesystem::path folder,
      const models::LanguageModel& model,
      const base::Json& extra,
      std::optional<int> keep = std::nullopt);

  void save(int step, const Trainable& trained) const;
  void save_best(const Trainable& trained) const;

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  void remove_old() const;

  std::filesystem::path folder_;
  const models::LanguageModel& model_;
  std::string extra_;  // JSON text
  std::optional<int> keep_;
};

}  // namespace hub::train
