#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/hub/model_pool.h"
#include "tests/support/temp_dir.h"

// A pool whose workers are shell scripts, for the tests of it.
namespace hub::hub {

inline constexpr std::string_view kConfig =
    R"({"model_type":"llama","hidden_size":64,"intermediate_size":128,
  "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"vocab_size":100,
  "max_position_embeddings":256,"rms_norm_eps":1e-5,"rope_theta":10000.0,"tie_word_embeddings":true})";

// Says ready, answers attach (refusing the folder "bad"), ends when its input closes or it is told
// to drain.
inline constexpr std::string_view kWorker = R"sh(
echo '{"v":1,"type":"ready"}'
while read -r line; do
  id=$(echo "$line" | sed 's/.*"id":"\([^"]*\)".*/\1/')
  case "$line" in
    *'"attach"'*bad*) echo "{\"v\":1,\"type\":\"attached\",\"id\":\"$id\",\"error\":{\"code\":\"unprocessable\",\"message\":\"no such tensor\"}}" ;;
    *'"attach"'*) echo "{\"v\":1,\"type\":\"attached\",\"id\":\"$id\"}" ;;
    *'"drain"'*) exit 0 ;;
  esac
done
)sh";

class ModelPoolTest : public testing::Test {
 protected:
  ModelPoolTest() { use_worker(kWorker); }

  void use_worker(std::string_view script) {
    options_.worker_executable = folder_.write_script("worker", script);
    pool_ = std::make_unique<ModelPool>(options_, ledger_);
  }

  // A folder whose weights have this many bytes by their header; the file has a hole instead.
  [[nodiscard]] std::filesystem::path write_model(
      const std::string& name, std::uint64_t bytes, const std::string& tensor = "w") const {
    static_cast<void>(folder_.write(name + "/config.json", kConfig));
    std::string header = fmt::format(
        R"({{"{1}":{{"dtype":"U8","shape":[{0}],"data_offsets":[0,{0}]}}}})", bytes, tensor);
    std::string length(8, '\0');
    length[0] = static_cast<char>(header.size());
    const auto file = folder_.write(name + "/model.safetensors", length + header);
    std::filesystem::resize_file(file, length.size() + header.size() + bytes);
    return folder_.path() / name;
  }

  [[nodiscard]] ServedModel model(
      const std::string& name, std::uint64_t bytes = 1000, const std::string& tensor = "w") const {
    return {
        .base_version_id = "id-" + name,
        .base_name = name,
        .base_folder = write_model(name, bytes, tensor),
        .adapter = std::nullopt};
  }

  std::vector<std::string> checked_;
  std::string broken_;  // the version whose files are not what was recorded
  test::TempDir folder_;
  ModelPool::Options options_{
      .worker_executable = {},
      .runtime_folder = folder_.path(),
      .log_folder = folder_.path(),
      .kv_budget_bytes = 1U << 20U,
      .max_running = 4,
      .threads = 0,
      .load_timeout_seconds = 10,
      .job_patience_seconds = 0,
      .check_files = [this](const std::string& id) {
        checked_.push_back(id);
        if (id == broken_) {
          throw base::Error(
              base::ErrorCode::kUnprocessable, "bits fell over", "model", "model_corrupt");
        }
      }};
  MemoryLedger ledger_{1ULL << 30U};
  std::unique_ptr<ModelPool> pool_;
};

}  // namespace hub::hub
