#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json_reader.h"

namespace hub::text {

inline std::filesystem::path golden_folder() {
  return std::filesystem::path(HUB_SOURCE_DIR) / "tests" / "golden" / "text";
}

inline base::Json read_golden(const std::string& name) {
  return base::parse_json(base::read_file(golden_folder() / name), name);
}

// The default model's folder; a test that needs it fails without.
inline std::filesystem::path default_model() {
  std::filesystem::path models;
  if (const char* set = std::getenv("MLX_HUB_MODELS")) {
    models = set;
  } else if (const char* cache = std::getenv("XDG_CACHE_HOME")) {
    models = std::filesystem::path(cache) / "mlx-hub" / "models";
  } else if (const char* home = std::getenv("HOME")) {
    models = std::filesystem::path(home) / ".cache" / "mlx-hub" / "models";
  }
  const std::filesystem::path folder = models / "smollm2-135m-instruct";
  if (!std::filesystem::exists(folder / "tokenizer.json")) {
    throw std::runtime_error("the default model is missing: run scripts/setup");
  }
  return folder;
}

// The folder of a tokenizer in the goldens: "default_model" or one beside them.
inline std::filesystem::path tokenizer_folder(const std::string& name) {
  return name == "default_model" ? default_model() : golden_folder() / "tokenizers" / name;
}

// A folder that goes away with the test.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hub-text-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, const std::string& bytes) const {
    base::write_file_atomically(path_ / name, bytes);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace hub::text
