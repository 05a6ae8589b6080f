#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json_reader.h"

namespace hub::train {

// What scripts/make_train_goldens.py recorded.
inline std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(HUB_SOURCE_DIR) / "tests/golden/train" / name;
}

inline base::Json golden(const std::string& name) {
  return base::parse_json(base::read_file(golden_path(name)), name);
}

}  // namespace hub::train
