#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace hub::test {

// The folder of the default model. Throws, so that the test fails rather than skips, when set-up
// has not prepared it.
inline std::filesystem::path default_model_folder() {
  const auto from_environment = [](const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): tests set nothing
    return std::string(value == nullptr ? "" : value);
  };
  std::filesystem::path models = from_environment("MLX_HUB_MODELS");
  if (models.empty()) {
    const std::string cache = from_environment("XDG_CACHE_HOME");
    models = (cache.empty() ? std::filesystem::path(from_environment("HOME")) / ".cache"
                            : std::filesystem::path(cache)) /
             "mlx-hub" / "models";
  }
  const auto folder = models / "smollm2-135m-instruct";
  if (!std::filesystem::exists(folder / "config.json")) {
    throw std::runtime_error(
        "the default model is not in " + folder.string() + ": run scripts/setup");
  }
  return folder;
}

}  // namespace hub::test
