#pragma once

#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "core/base/json.h"

namespace hub::engine::test {

// What scripts/make_sampling_goldens.py recorded.
inline base::Json sampling_golden() {
  const std::filesystem::path folder(HUB_SOURCE_DIR "/tests/golden/engine");
  return base::Json::parse(std::ifstream(folder / "sampling_golden.json"));
}

}  // namespace hub::engine::test
