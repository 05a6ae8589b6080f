#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "core/engine/draft_maker.h"
#include "core/engine/embedder.h"
#include "core/engine/engine.h"
#include "core/engine/prefix_disk.h"
#include "core/engine/queue_limit.h"
#include "core/engine/request_check.h"
#include "core/engine/sequence.h"
#include "core/engine/step_loop.h"
#include "core/engine/step_watch.h"
#include "core/models/language_model.h"
#include "core/models/text_encoder.h"

namespace hub::engine {

// The engine's state, for engine.cpp (what callers' threads do) and engine_thread.cpp (what the
// thread that owns MLX does).
class Engine::Impl {
 public:
  explicit Impl(EngineConfig config)
      : config_(std::move(config)), watch_(config_.slow_step_seconds), queue_(config_.max_waiting) {
    std::promise<void> loaded;
    std::future<void> result = loaded.get_future();
    thread_ = std::thread([this, &loaded] { run(loaded); });
    try {
      result.get();
    } catch (...) {  // the thread has ended by itself
      thread_.join();
      throw;
    }
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  TokenStream submit(GenerateRequest request);
  PendingVectors embed(EmbedRequest request);
  void attach(
      const std::string& id, const std::filesystem::path& folder, const std::string& digest);
  bool detach(const std::string& id);
  bool drain(int timeout_ms);
  EngineStats stats() const;
  void watch_step() { watch_.look(); }
  const model_config::ModelConfig& model_config() const { return model_config_; }
  int context_length() const { return engine::context_length(model_config_, request_limits_); }

 private:
  void run(std::promise<void>& loaded);
  void load();
  void load_decoder();
  void open_prefix_disk(StepLoop& loop);
  // Runs `task` on the engine's thread, before its next step.
  void post(std::function<void()> task);
  // `loop`: null for an encoder.
  void serve(StepLoop* loop, Embedder& embedder);
  // Under the lock: refuses what comes too late, and finds the adapter.
  std::shared_ptr<const nn::LoraAdapter> take_in(const std::optional<std::string>& adapter) const;
  void publish(const StepLoop* loop, const Embedder& embedder);

  // Constant once loaded.
  const EngineConfig config_;
  model_config::ModelConfig model_config_;
  StepLimits limits_;
  std::uint64_t weight_bytes_ = 0;
  RequestLimits request_limits_;
  // One of the two, used by the engine's thread alone.
  std::unique_ptr<models::LanguageModel> model_;
  std::unique_ptr<models::TextEncoder> encoder_;
  std::unique_ptr<DraftMaker> draft_maker_;  // likewise, of model_; null: there is none
  std::unique_ptr<PrefixDisk> disk_;         // likewise; null: nothing goes to the disk

  StepWatch watch_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;     // the engine's thread waits on it
  std::condition_variable settled_;  // drain() waits on it
  // Guarded by mutex_:
  std::deque<std::unique_ptr<Sequence>> inbox_;
  std::deque<std::unique_ptr<EmbedTask>> texts_inbox_;
  QueueLimit queue_;   // of those that are to be answered
  int embedding_ = 0;  // requests for embeddings that the engine's thread has
  std::deque<std::packaged_task<void()>> tasks_;
  std::map<std::string, std::shared_ptr<const nn::LoraAdapter>> adapters_;
  EngineStats stats_;
  int open_ = 0;  // submitted and not ended
  bool draining_ = false;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace hub::engine
