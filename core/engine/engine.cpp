#include "core/engine/engine.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/engine/queue_limit.h"
#include "core/engine/sequence.h"
#include "core/engine/step_loop.h"
#include "core/engine/step_watch.h"
#include "core/engine/stream_state.h"
#include "core/model_config/memory_estimate.h"
#include "core/models/language_model.h"
#include "core/models/model_tensors.h"
#include "core/tensor/ops.h"
#include "core/text/grammar.h"

namespace hub::engine {

using base::Error;
using base::ErrorCode;

namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

// The forward and the kernels' threads have run once before the first request pays for it.
void warm_up(const models::LanguageModel& model, const StepLimits& limits) {
  StepLoop loop(model, limits);
  auto sequence = std::make_unique<Sequence>();
  sequence->tokens.assign(8, 0);
  sequence->prompt_length = 8;
  sequence->max_length = 10;
  sequence->sampling.temperature = 0.0F;
  sequence->stream = std::make_shared<StreamState>();
  const std::shared_ptr<StreamState> stream = sequence->stream;
  loop.add(std::move(sequence));
  while (!loop.idle()) {
    loop.step();
  }
  if (stream->events.back().finish == FinishReason::kError) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("model: a first forward failed: {}", stream->events.back().error));
  }
}

}  // namespace

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
  void attach(const std::string& id, const std::filesystem::path& folder);
  bool detach(const std::string& id);
  bool drain(int timeout_ms);
  EngineStats stats() const;
  void watch_step() { watch_.look(); }
  const model_config::ModelConfig& model_config() const { return model_config_; }

 private:
  void run(std::promise<void>& loaded);
  void serve(StepLoop& loop);
  void check_prompt(const GenerateRequest& request) const;
  int max_length(const GenerateRequest& request) const;
  void publish(const StepLoop& loop);

  // Constant once loaded.
  const EngineConfig config_;
  model_config::ModelConfig model_config_;
  StepLimits limits_;
  std::uint64_t weight_bytes_ = 0;
  int max_tokens_by_memory_ = 0;
  StepWatch watch_;
  std::unique_ptr<models::LanguageModel> model_;  // used by the engine's thread alone

  mutable std::mutex mutex_;
  std::condition_variable wake_;     // the engine's thread waits on it
  std::condition_variable settled_;  // drain() waits on it
  // Guarded by mutex_:
  std::deque<std::unique_ptr<Sequence>> inbox_;
  QueueLimit queue_;
  std::deque<std::packaged_task<void()>> tasks_;
  std::map<std::string, std::shared_ptr<const nn::LoraAdapter>> adapters_;
  EngineStats stats_;
  int open_ = 0;  // submitted and not ended
  bool draining_ = false;
  bool stopping_ = false;

  std::thread thread_;
};

void Engine::Impl::run(std::promise<void>& loaded) {
  try {
    tensor::set_cache_limit(config_.mlx_cache_limit_bytes);
    model_ = config_.weights_folder
                 ? models::load_finetuned_model(config_.model_folder, *config_.weights_folder)
                 : models::load_model(config_.model_folder);
    model_config_ = model_->config();
    weight_bytes_ = model_->weight_bytes();
    const std::uint64_t token_bytes = models::kv_bytes_per_token(*model_);
    limits_ = {
        .max_running = config_.max_running,
        .prefill_chunk = config_.prefill_chunk,
        .kv_budget_bytes = config_.kv_budget_bytes,
        .kv_bytes_per_token = token_bytes,
        .bytes_per_sequence = model_config::state_bytes_per_sequence(model_config_)};
    const std::uint64_t for_tokens =
        config_.kv_budget_bytes - std::min(config_.kv_budget_bytes, limits_.bytes_per_sequence);
    max_tokens_by_memory_ =
        static_cast<int>(std::min<std::uint64_t>(for_tokens / token_bytes, 1U << 30U));
    warm_up(*model_, limits_);
  } catch (...) {  // whatever it was goes to the constructor's caller
    model_.reset();
    loaded.set_exception(std::current_exception());
    return;
  }
  const auto on_end = [this] {
    const std::lock_guard lock(mutex_);
    --open_;
    queue_.ended(base::steady_seconds());
    settled_.notify_all();
  };
  StepLoop loop(*model_, limits_, on_end, config_.keeps_prefixes, &watch_);
  publish(loop);
  loaded.set_value();
  serve(loop);
  loop.cancel_all();
  const std::lock_guard lock(mutex_);
  adapters_.clear();
  model_.reset();  // its arrays end on the thread that made them
}

void Engine::Impl::serve(StepLoop& loop) {
  while (true) {
    std::deque<std::unique_ptr<Sequence>> arrived;
    std::deque<std::packaged_task<void()>> tasks;
    bool stopping = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(
          lock, [&] { return stopping_ || !inbox_.empty() || !tasks_.empty() || !loop.idle(); });
      arrived.swap(inbox_);
      tasks.swap(tasks_);
      stopping = stopping_;
    }
    for (auto& sequence : arrived) {
      loop.add(std::move(sequence));
    }
    for (auto& task : tasks) {
      task();
    }
    if (stopping) {
      return;
    }
    loop.step();
    publish(loop);
  }
}

void Engine::Impl::publish(const StepLoop& loop) {
  const std::lock_guard lock(mutex_);
  stats_.running = loop.running();
  std::map<std::string, int> waiting;
  loop.count_waiting(waiting);
  for (const auto& sequence : inbox_) {
    ++waiting[sequence->owner.scope];
  }
  queue_.set_waiting(std::move(waiting));
  stats_.prompt_tokens = loop.prompt_tokens();
  stats_.generated_tokens = loop.generated_tokens();
  stats_.steps = loop.steps();
  stats_.step_sequences = loop.step_sequences();
  stats_.preemptions = loop.preemptions();
  stats_.kv_bytes = loop.kv_bytes();
  stats_.cached_prompt_tokens = loop.cached_prompt_tokens();
  stats_.prefix_bytes = loop.prefixes().bytes();
  stats_.prefix_entries = loop.prefixes().entries();
}

void Engine::Impl::check_prompt(const GenerateRequest& request) const {
  const auto length = static_cast<std::int64_t>(request.prompt.size());
  if (length == 0) {
    throw Error(ErrorCode::kInvalidArgument, "prompt: at least one token was wanted, got none");
  }
  for (const int token : request.prompt) {
    if (token < 0 || token >= model_config_.vocab_size) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "prompt: token ids from 0 to {} were wanted, got {}",
              model_config_.vocab_size - 1,
              token),
          "prompt");
    }
  }
  if (request.max_tokens < 1) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("max_tokens: at least 1 was wanted, got {}", request.max_tokens),
        "max_tokens");
  }
  if (length >= model_config_.max_position_embeddings) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "This model's maximum context length is {} tokens, and the prompt alone has {}",
            model_config_.max_position_embeddings,
            length),
        {},
        "context_length_exceeded");
  }
  if (length >= max_tokens_by_memory_) {
    throw Error(
        ErrorCode::kInsufficientMemory,
        fmt::format(
            "the cache of a prompt of {} tokens would not fit: its budget of {} bytes holds {} "
            "tokens",
            length,
            config_.kv_budget_bytes,
            max_tokens_by_memory_));
  }
}

int Engine::Impl::max_length(const GenerateRequest& request) const {
  const auto wanted = static_cast<std::int64_t>(request.prompt.size()) + request.max_tokens;
  const std::int64_t limit = std::min(model_config_.max_position_embeddings, max_tokens_by_memory_);
  return static_cast<int>(std::min(wanted, limit));
}

TokenStream Engine::Impl::submit(GenerateRequest request) {
  check_prompt(request);
  auto sequence = std::make_unique<Sequence>();
  sequence->max_length = max_length(request);
  sequence->prompt_length = static_cast<int>(request.prompt.size());
  sequence->request_id = std::move(request.request_id);
  sequence->tokens = std::move(request.prompt);
  sequence->min_length = sequence->prompt_length + request.min_tokens;
  sequence->sampling = std::move(request.sampling);
  sequence->seed = sequence->sampling.seed ? *sequence->sampling.seed : random_seed();
  sequence->stop_ids = std::move(request.stop_ids);
  if (request.grammar != nullptr) {
    sequence->grammar.emplace(*request.grammar);
  }
  sequence->owner.scope = std::move(request.cache_scope);
  sequence->priority = request.priority;
  sequence->stream = std::make_shared<StreamState>();
  TokenStream stream(sequence->stream);
  {
    const std::lock_guard lock(mutex_);
    if (draining_ || stopping_) {
      throw Error(ErrorCode::kUnavailable, "the engine is ending and takes no new requests");
    }
    if (request.adapter) {
      const auto found = adapters_.find(*request.adapter);
      if (found == adapters_.end()) {
        throw Error(
            ErrorCode::kNotFound,
            fmt::format("adapter \"{}\" is not attached to this engine", *request.adapter));
      }
      sequence->owner.adapter = found->second;
    }
    queue_.enter(sequence->owner.scope, base::steady_seconds());
    inbox_.push_back(std::move(sequence));
    ++open_;
  }
  wake_.notify_one();
  return stream;
}

void Engine::Impl::attach(const std::string& id, const std::filesystem::path& folder) {
  std::packaged_task<void()> task([this, &id, &folder] {
    {
      const std::lock_guard lock(mutex_);
      if (adapters_.contains(id)) {
        return;
      }
    }
    auto adapter = std::make_shared<const nn::LoraAdapter>(models::load_adapter(folder, *model_));
    const std::lock_guard lock(mutex_);
    adapters_.emplace(id, std::move(adapter));
  });
  std::future<void> done = task.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      throw Error(ErrorCode::kUnavailable, "the engine is ending and attaches no adapter");
    }
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
  done.get();
}

bool Engine::Impl::detach(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return adapters_.erase(id) > 0;
}

bool Engine::Impl::drain(int timeout_ms) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  return settled_.wait_for(
      lock, std::chrono::milliseconds(timeout_ms), [this] { return open_ == 0; });
}

EngineStats Engine::Impl::stats() const {
  EngineStats result;
  {
    const std::lock_guard lock(mutex_);
    result = stats_;
    result.waiting = queue_.waiting();
    result.waiting_keys = queue_.waiting_keys();
    result.refused = queue_.refused();
    result.refused_for_key = queue_.refused_for_key();
    for (const auto& [id, adapter] : adapters_) {
      result.adapters.push_back(id);
    }
  }
  result.slow_steps = watch_.slow_steps();
  result.step_seconds = watch_.seconds();
  result.weight_bytes = weight_bytes_;
  result.kv_limit_bytes = config_.kv_budget_bytes;
  const tensor::Memory memory = tensor::memory();
  result.active_bytes = memory.active;
  result.cache_bytes = memory.cache;
  result.peak_bytes = memory.peak;
  return result;
}

Engine::Engine(EngineConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}
Engine::~Engine() = default;

TokenStream Engine::submit(GenerateRequest request) {
  return impl_->submit(std::move(request));
}

void Engine::attach(const std::string& id, const std::filesystem::path& folder) {
  impl_->attach(id, folder);
}

bool Engine::detach(const std::string& id) {
  return impl_->detach(id);
}

bool Engine::drain(int timeout_ms) {
  return impl_->drain(timeout_ms);
}

void Engine::watch_step() {
  impl_->watch_step();
}

const model_config::ModelConfig& Engine::model_config() const {
  return impl_->model_config();
}

EngineStats Engine::stats() const {
  return impl_->stats();
}

}  // namespace hub::engine
