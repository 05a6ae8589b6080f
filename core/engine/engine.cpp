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

#include "core/base/error.h"
#include "core/engine/embedder.h"
#include "core/engine/request_check.h"
#include "core/engine/sequence.h"
#include "core/engine/step_loop.h"
#include "core/engine/stream_state.h"
#include "core/engine/warm_up.h"
#include "core/model_config/memory_estimate.h"
#include "core/models/language_model.h"
#include "core/models/model_tensors.h"
#include "core/models/text_encoder.h"
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

}  // namespace

class Engine::Impl {
 public:
  explicit Impl(EngineConfig config) : config_(std::move(config)) {
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
  void attach(const std::string& id, const std::filesystem::path& folder);
  bool detach(const std::string& id);
  bool drain(int timeout_ms);
  EngineStats stats() const;
  const model_config::ModelConfig& model_config() const { return model_config_; }

 private:
  void run(std::promise<void>& loaded);
  void load();
  void load_decoder();
  // `loop`: null for an encoder.
  void serve(StepLoop* loop, Embedder& embedder);
  // Under the lock: refuses what comes too late or to a full queue, and finds the adapter.
  std::shared_ptr<const nn::LoraAdapter> take_in(
      const std::optional<std::string>& adapter, int waiting) const;
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

  mutable std::mutex mutex_;
  std::condition_variable wake_;     // the engine's thread waits on it
  std::condition_variable settled_;  // drain() waits on it
  // Guarded by mutex_:
  std::deque<std::unique_ptr<Sequence>> inbox_;
  std::deque<std::unique_ptr<EmbedTask>> texts_inbox_;
  int embedding_ = 0;  // requests for embeddings that the engine's thread has
  std::deque<std::packaged_task<void()>> tasks_;
  std::map<std::string, std::shared_ptr<const nn::LoraAdapter>> adapters_;
  EngineStats stats_;
  int open_ = 0;  // submitted and not ended
  bool draining_ = false;
  bool stopping_ = false;

  std::thread thread_;
};

void Engine::Impl::load() {
  tensor::set_cache_limit(config_.mlx_cache_limit_bytes);
  model_config_ = model_config::ModelConfig::load(config_.model_folder);
  request_limits_ = {.tokens_by_memory = 1 << 30, .kv_budget_bytes = config_.kv_budget_bytes};
  if (!model_config_.encoder) {
    load_decoder();
    return;
  }
  encoder_ = models::load_text_encoder(config_.model_folder);
  weight_bytes_ = encoder_->weight_bytes();
  warm_up(*encoder_, config_.prefill_chunk);
}

void Engine::Impl::load_decoder() {
  model_ = config_.weights_folder
               ? models::load_finetuned_model(config_.model_folder, *config_.weights_folder)
               : models::load_model(config_.model_folder);
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
  request_limits_.tokens_by_memory =
      static_cast<int>(std::min<std::uint64_t>(for_tokens / token_bytes, 1U << 30U));
  warm_up(*model_, limits_);
}

void Engine::Impl::run(std::promise<void>& loaded) {
  try {
    load();
  } catch (...) {  // whatever it was goes to the constructor's caller
    model_.reset();
    encoder_.reset();
    loaded.set_exception(std::current_exception());
    return;
  }
  const auto on_end = [this] {
    const std::lock_guard lock(mutex_);
    --open_;
    settled_.notify_all();
  };
  std::optional<StepLoop> loop;
  if (model_ != nullptr) {
    loop.emplace(*model_, limits_, on_end, config_.keeps_prefixes);
  }
  Embedder embedder = model_ != nullptr ? Embedder(*model_, config_.prefill_chunk, on_end)
                                        : Embedder(*encoder_, config_.prefill_chunk, on_end);
  publish(loop ? &*loop : nullptr, embedder);
  loaded.set_value();
  serve(loop ? &*loop : nullptr, embedder);
  if (loop) {
    loop->cancel_all();
  }
  embedder.cancel_all();
  const std::lock_guard lock(mutex_);
  adapters_.clear();
  model_.reset();  // its arrays end on the thread that made them
  encoder_.reset();
}

void Engine::Impl::serve(StepLoop* loop, Embedder& embedder) {
  while (true) {
    std::deque<std::unique_ptr<Sequence>> arrived;
    std::deque<std::unique_ptr<EmbedTask>> texts;
    std::deque<std::packaged_task<void()>> tasks;
    bool stopping = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] {
        return stopping_ || !inbox_.empty() || !texts_inbox_.empty() || !tasks_.empty() ||
               !embedder.idle() || (loop != nullptr && !loop->idle());
      });
      arrived.swap(inbox_);
      texts.swap(texts_inbox_);
      tasks.swap(tasks_);
      stats_.waiting += static_cast<int>(arrived.size());
      stopping = stopping_;
    }
    for (auto& sequence : arrived) {
      loop->add(std::move(sequence));
    }
    for (auto& task : texts) {
      embedder.add(std::move(task));
    }
    for (auto& task : tasks) {
      task();
    }
    if (stopping) {
      return;
    }
    const bool decodes = loop != nullptr && !loop->idle();
    if (decodes) {
      loop->leave_room(embedder.cache_bytes());
      loop->step();
    }
    embedder.step(
        std::min(config_.prefill_chunk, decodes ? kRowsBesideDecoding : config_.prefill_chunk));
    publish(loop, embedder);
  }
}

void Engine::Impl::publish(const StepLoop* loop, const Embedder& embedder) {
  const std::lock_guard lock(mutex_);
  embedding_ = embedder.requests();
  stats_.running = embedding_;
  stats_.embedded_tokens = embedder.tokens();
  stats_.steps = embedder.steps();
  stats_.step_sequences = embedder.step_texts();
  stats_.kv_bytes = embedder.cache_bytes();
  if (loop == nullptr) {
    return;
  }
  stats_.running += loop->running();
  stats_.waiting = loop->waiting();
  stats_.prompt_tokens = loop->prompt_tokens();
  stats_.generated_tokens = loop->generated_tokens();
  stats_.steps += loop->steps();
  stats_.step_sequences += loop->step_sequences();
  stats_.preemptions = loop->preemptions();
  stats_.kv_bytes += loop->kv_bytes();
  stats_.cached_prompt_tokens = loop->cached_prompt_tokens();
  stats_.prefix_bytes = loop->prefixes().bytes();
  stats_.prefix_entries = loop->prefixes().entries();
}

TokenStream Engine::Impl::submit(GenerateRequest request) {
  check_request(request, model_config_, request_limits_);
  auto sequence = std::make_unique<Sequence>();
  sequence->max_length = max_length(request, model_config_, request_limits_);
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
  sequence->stream = std::make_shared<StreamState>();
  TokenStream stream(sequence->stream);
  {
    const std::lock_guard lock(mutex_);
    sequence->owner.adapter =
        take_in(request.adapter, stats_.waiting + static_cast<int>(inbox_.size()));
    inbox_.push_back(std::move(sequence));
    ++open_;
  }
  wake_.notify_one();
  return stream;
}

PendingVectors Engine::Impl::embed(EmbedRequest request) {
  check_request(request, model_config_, request_limits_);
  auto task = std::make_unique<EmbedTask>();
  task->request = std::move(request);
  task->state = std::make_shared<EmbedState>();
  PendingVectors vectors(task->state);
  {
    const std::lock_guard lock(mutex_);
    task->adapter =
        take_in(task->request.adapter, embedding_ + static_cast<int>(texts_inbox_.size()));
    texts_inbox_.push_back(std::move(task));
    ++open_;
  }
  wake_.notify_one();
  return vectors;
}

std::shared_ptr<const nn::LoraAdapter> Engine::Impl::take_in(
    const std::optional<std::string>& adapter, int waiting) const {
  if (draining_ || stopping_) {
    throw Error(ErrorCode::kUnavailable, "the engine is ending and takes no new requests");
  }
  const auto found = adapter ? adapters_.find(*adapter) : adapters_.end();
  if (adapter && found == adapters_.end()) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("adapter \"{}\" is not attached to this engine", *adapter));
  }
  if (waiting >= config_.max_waiting) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("the engine is busy: {} requests are waiting already", waiting),
        {},
        "engine_busy");
  }
  return adapter ? found->second : nullptr;
}

void Engine::Impl::attach(const std::string& id, const std::filesystem::path& folder) {
  if (model_config_.encoder) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("a text encoder ({}) takes no adapters", model_config_.model_type));
  }
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
    result.waiting += static_cast<int>(inbox_.size() + texts_inbox_.size());
    for (const auto& [id, adapter] : adapters_) {
      result.adapters.push_back(id);
    }
  }
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

PendingVectors Engine::embed(EmbedRequest request) {
  return impl_->embed(std::move(request));
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

const model_config::ModelConfig& Engine::model_config() const {
  return impl_->model_config();
}

EngineStats Engine::stats() const {
  return impl_->stats();
}

}  // namespace hub::engine
