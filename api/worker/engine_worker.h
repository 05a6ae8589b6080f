#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace hub::api {

struct EngineArguments {
  std::filesystem::path model_folder;
  std::optional<std::filesystem::path> weights_folder{};  // engine::EngineConfig
  std::string name;                                       // the model's name, echoed in answers
  std::filesystem::path socket;                           // a Unix socket
  std::optional<std::uint64_t> kv_budget_bytes;           // absent: engine::EngineConfig's defaults
  std::optional<int> max_running;
  int kv_bits = 0;  // engine::EngineConfig
  int kv_window = 0;
  int kv_sinks = 4;
  int activation_bits = 32;
  bool batch_invariant = false;
  std::optional<int> speculative_tokens = std::nullopt;
  std::optional<std::filesystem::path> draft_folder{};  // engine::EngineConfig
  std::optional<int> max_waiting{};
  std::optional<double> slow_step_seconds{};
  // Kept prefixes go to the disk where all three are given (engine::PrefixDiskConfig).
  std::filesystem::path prefix_folder{};
  std::uint64_t prefix_disk_bytes = 0;
  std::string model_digest{};
  std::string build{};  // of this program: other ones may compute other last bits
};

// `mlx-hub-worker engine`: loads the model, serves POST /v1/chat/completions, POST /v1/completions,
// POST /v1/embeddings and GET /stats on the socket, and speaks the protocol of
// core/base/worker_protocol.h on standard input and output until told to stop or standard input
// closes. Returns the process's exit code: 0, or 1 after an event "error". Never throws.
//
// "drain" may carry "timeout_seconds" (default 30); the worker ends after it. What arrives on
// standard input meanwhile ends the waiting.
int run_engine(const EngineArguments& arguments);

}  // namespace hub::api
