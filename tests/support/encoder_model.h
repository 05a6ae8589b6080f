#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/support/default_model.h"

// Text encoders for tests: scripts/make_embedding_goldens.py.
namespace hub::test {

inline std::filesystem::path encoder_goldens() {
  return std::filesystem::path(HUB_SOURCE_DIR) / "tests/golden/models/encoders";
}

// all-MiniLM-L6-v2. Throws, so that the test fails rather than skips, when set-up has not prepared
// it.
inline std::filesystem::path encoder_model_folder() {
  const auto folder = default_model_folder().parent_path() / "all-minilm-l6-v2";
  if (!std::filesystem::exists(folder / "config.json")) {
    throw std::runtime_error(
        "the text encoder is not in " + folder.string() + ": run scripts/setup --tests");
  }
  return folder;
}

}  // namespace hub::test
