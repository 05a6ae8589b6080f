#pragma once

#include <filesystem>

#include "core/engine/engine.h"

namespace hub::engine {

// A disk tier that keeps and reads what tests with short prompts have.
inline PrefixDiskConfig prefix_disk_config(const std::filesystem::path& folder) {
  return {
      .root = folder / "prefixes",
      .model_digest = "model1",
      .computed_by = "this program",
      .budget_bytes = 1U << 30U,
      .least_tokens = 64,
      .least_saving = 16,
      .save_seconds = 30.0};
}

}  // namespace hub::engine
