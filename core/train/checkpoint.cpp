#include "core/train/checkpoint.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"

namespace hub::train {
namespace {

constexpr const char* kTensorFile = "adapters.safetensors";

[[noreturn]] void refuse(const std::filesystem::path& path, const std::error_code& error) {
  throw base::Error(
      base::ErrorCode::kUnavailable,
      fmt::format("cannot write {}: {}", path.string(), error.message()));
}

}  // namespace

void save_result(
    const std::filesystem::path& folder,
    const Trainable& trained,
    const models::LanguageModel& model,
    const base::Json& extra) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    refuse(folder, error);
  }
  trained.save(folder, model, extra);
}

Checkpoints::Checkpoints(
    std::filesystem::path folder,
    const models::LanguageModel& model,
    const base::Json& extra,
    std::optional<int> keep)
    : folder_(std::move(folder)), model_(model), extra_(extra.dump()), keep_(keep) {}

void Checkpoints::save_best(const Trainable& trained) const {
  save_result(folder_ / "best", trained, model_, base::parse_json(extra_, "adapter configuration"));
}

void Checkpoints::remove_old() const {
  if (!keep_) {
    return;
  }
  std::vector<std::filesystem::path> numbered;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (entry.path().filename().string().ends_with(std::string("_") + kTensorFile)) {
      numbered.push_back(entry.path());
    }
  }
  std::sort(numbered.begin(), numbered.end());  // seven digits: by step
  const auto keep = static_cast<std::size_t>(*keep_);
  for (std::size_t i = 0; i + keep < numbered.size(); ++i) {
    std::error_code ignored;  // a file too many does no harm
    std::filesystem::remove(numbered[i], ignored);
  }
}

void Checkpoints::save(int step, const Trainable& trained) const {
  save_result(folder_, trained, model_, base::parse_json(extra_, "adapter configuration"));
  // The latest is replaced by a rename at the next save, so a hard link keeps this one.
  const auto numbered = folder_ / fmt::format("{:07d}_{}", step, kTensorFile);
  std::error_code error;
  std::filesystem::remove(numbered, error);
  std::filesystem::create_hard_link(folder_ / kTensorFile, numbered, error);
  if (error) {  // a file system without hard links
    std::filesystem::copy_file(folder_ / kTensorFile, numbered, error);
  }
  if (error) {
    refuse(numbered, error);
  }
  remove_old();
  base::sync_path(folder_);
}

}  // namespace hub::train
