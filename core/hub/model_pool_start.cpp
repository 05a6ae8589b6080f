// How the pool starts an engine: what it needs, whether it may, with which arguments.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/hub/model_pool.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/text_part.h"
#include "core/obs/log.h"

namespace hub::hub {

using base::Error;
using base::ErrorCode;

namespace {

using model_config::ModelConfig;

// Arrays of a model that keeps so many tokens, of so many bits a value (0: floats).
std::uint64_t array_bytes(
    const std::filesystem::path& folder,
    const ModelConfig& config,
    std::uint64_t kv_tokens,
    int kv_bits,
    int activation_bits) {
  const auto files = model_config::read_text_weights(folder, config);
  std::uint64_t weight_bytes = model_config::loaded_bytes(files);
  if (activation_bits == 8 && config.tie_word_embeddings && !config.encoder) {
    // Its head has a copy of its own, if it is packed; a float one counts in vain.
    weight_bytes += model_config::loaded_bytes(files, config.path("model.embed_tokens") + ".");
  }
  return model_config::serving_bytes(config, weight_bytes, kv_tokens, kv_bits);
}

}  // namespace

ModelPool::Needs ModelPool::needs_of(const ServedModel& model) const {
  const auto config = ModelConfig::load(model.base_folder);
  const std::uint64_t kv_tokens =
      options_.kv_budget_bytes /
      std::max<std::uint64_t>(1, model_config::kv_bytes_per_token(config, 4, options_.kv_bits));
  std::uint64_t bytes =
      array_bytes(model.base_folder, config, kv_tokens, options_.kv_bits, options_.activation_bits);
  Needs needs;
  if (options_.draft_for && options_.speculative_tokens > 0) {
    needs.draft = options_.draft_for(model);
  }
  if (needs.draft && needs.draft->is_for_all &&
      (config.encoder || needs.draft->version_id == model.engine_id())) {
    needs.draft.reset();
  }
  if (needs.draft) {
    if (options_.check_files && !needs.draft->version_id.empty()) {
      options_.check_files(needs.draft->version_id);
    }
    // Its caches are among those of kv_budget_bytes.
    bytes += array_bytes(needs.draft->folder, ModelConfig::load(needs.draft->folder), 0, 0, 32);
  }
  needs.bytes = model_config::worker_bytes(bytes);
  return needs;
}

std::shared_ptr<EngineProcess> ModelPool::find_or_start(
    const ServedModel& model, const Needs& needs) {
  std::shared_ptr<EngineProcess>
      ended;  // destroyed outside the lock: its destructor waits for a thread
  const std::lock_guard lock(mutex_);
  if (closed_) {
    throw Error(ErrorCode::kUnavailable, "the hub is shutting down");
  }
  if (const auto found = engines_.find(model.engine_id()); found != engines_.end()) {
    if (found->second->alive()) {
      return found->second;
    }
    note_end(*found->second);
    ended = std::move(found->second);
    engines_.erase(found);
  }
  refuse_crash_loop(model);
  auto memory = reserve_evicting("engine " + model.base_name, needs.bytes, 0);
  if (!memory) {
    return nullptr;
  }
  auto engine = std::make_shared<EngineProcess>(engine_options(model, needs, std::move(memory)));
  engines_[model.engine_id()] = engine;
  return engine;
}

void ModelPool::note_end(const EngineProcess& engine) {
  if (const auto crash = engine.crash()) {
    crashes_.crashed(
        engine.base_version_id(),
        base::steady_seconds(),
        base::steady_seconds() - engine.started_seconds(),
        *crash);
  }
}

void ModelPool::refuse_crash_loop(const ServedModel& model) const {
  const auto verdict = crashes_.may_start(model.engine_id(), base::steady_seconds());
  if (verdict.wait_seconds > 0) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format(
            "the engine of '{}' crashed {} times in a row (last: {}); it starts again in {:.0f} s, "
            "or at once by POST /engines/{}/load",
            model.base_name,
            verdict.crashes,
            verdict.why,
            std::ceil(verdict.wait_seconds),
            model.base_name),
        "model",
        "engine_crash_loop");
  }
}

EngineProcess::Options ModelPool::engine_options(
    const ServedModel& model,
    const Needs& needs,
    std::unique_ptr<MemoryLedger::Reservation> memory) const {
  EngineProcess::Options engine;
  engine.model = model.base_name;
  engine.base_version_id = model.engine_id();
  engine.socket = options_.runtime_folder / fmt::format("e-{}.sock", base::new_id().substr(28));
  engine.log_file = log_file(model.base_name);
  engine.log_level = obs::log::level();
  engine.record_folder = options_.record_folder;
  engine.memory = std::move(memory);
  engine.metrics = options_.metrics;
  engine.on_usage = options_.on_usage;
  engine.command = {
      options_.worker_executable.string(),
      "engine",
      "--model",
      model.base_folder.string(),
      "--name",
      model.base_name,
      "--socket",
      engine.socket.string(),
      "--kv-budget-bytes",
      std::to_string(options_.kv_budget_bytes),
      "--kv-bits",
      std::to_string(options_.kv_bits),
      "--kv-window",
      std::to_string(options_.kv_window),
      "--kv-sinks",
      std::to_string(options_.kv_sinks),
      "--activation-bits",
      std::to_string(options_.activation_bits),
      "--max-running",
      std::to_string(options_.max_running),
      "--speculative-tokens",
      std::to_string(options_.speculative_tokens),
      "--max-waiting",
      std::to_string(options_.max_waiting),
      "--slow-step-seconds",
      fmt::format("{}", options_.slow_step_seconds),
      "--log-format",
      "json",
      "--log-level",
      std::string(obs::log::to_string(engine.log_level))};
  if (options_.batch_invariant) {
    engine.command.emplace_back("--batch-invariant");
  }
  if (model.weights) {
    engine.command.insert(engine.command.end(), {"--weights", model.weights->folder.string()});
  }
  if (needs.draft) {
    engine.command.insert(engine.command.end(), {"--draft-model", needs.draft->folder.string()});
  }
  if (options_.prefix_disk_bytes > 0 && !model.engine_digest().empty()) {
    engine.command.insert(
        engine.command.end(),
        {"--prefix-folder",
         options_.prefix_folder.string(),
         "--prefix-disk-bytes",
         std::to_string(options_.prefix_disk_bytes),
         "--model-digest",
         model.engine_digest()});
  }
  if (options_.threads > 0) {
    engine.command.insert(engine.command.end(), {"--threads", std::to_string(options_.threads)});
  }
  return engine;
}

}  // namespace hub::hub
