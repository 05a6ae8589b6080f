#include "core/engine/engine.h"

#include <chrono>
#include <random>

#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/engine/engine_impl.h"
#include "core/engine/stream_state.h"
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
  sequence->hint = std::move(request.hint);
  sequence->tells_prompt = request.prompt_logprobs;
  sequence->owner.scope = std::move(request.cache_scope);
  sequence->priority = request.priority;
  sequence->stream = std::make_shared<StreamState>();
  TokenStream stream(sequence->stream);
  {
    const std::lock_guard lock(mutex_);
    sequence->owner.adapter = take_in(request.adapter);
    queue_.enter(sequence->owner.scope, base::steady_seconds());
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
    task->adapter = take_in(task->request.adapter);
    const int waiting = embedding_ + static_cast<int>(texts_inbox_.size());
    if (waiting >= config_.max_waiting) {
      throw Error(
          ErrorCode::kUnavailable,
          fmt::format("the engine is busy: {} requests are waiting already", waiting),
          {},
          "engine_busy");
    }
    texts_inbox_.push_back(std::move(task));
    ++open_;
  }
  wake_.notify_one();
  return vectors;
}

std::shared_ptr<const nn::LoraAdapter> Engine::Impl::take_in(
    const std::optional<std::string>& adapter) const {
  if (draining_ || stopping_) {
    throw Error(ErrorCode::kUnavailable, "the engine is ending and takes no new requests");
  }
  const auto found = adapter ? adapters_.find(*adapter) : adapters_.end();
  if (adapter && found == adapters_.end()) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("adapter \"{}\" is not attached to this engine", *adapter));
  }
  return adapter ? found->second : nullptr;
}

void Engine::Impl::attach(
    const std::string& id, const std::filesystem::path& folder, const std::string& digest) {
  if (model_config_.encoder) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("a text encoder ({}) takes no adapters", model_config_.model_type));
  }
  std::packaged_task<void()> task([this, &id, &folder, &digest] {
    {
      const std::lock_guard lock(mutex_);
      if (adapters_.contains(id)) {
        return;
      }
    }
    auto adapter = std::make_shared<nn::LoraAdapter>(models::load_adapter(folder, *model_));
    adapter->digest = digest;
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
    result.waiting = queue_.waiting() + static_cast<int>(texts_inbox_.size());
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
  result.kv_bits = config_.kv_bits;
  result.kv_window = config_.kv_window;
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

void Engine::attach(
    const std::string& id, const std::filesystem::path& folder, const std::string& digest) {
  impl_->attach(id, folder, digest);
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

void Engine::watch_step() {
  impl_->watch_step();
}

int Engine::context_length() const {
  return impl_->context_length();
}

EngineStats Engine::stats() const {
  return impl_->stats();
}

}  // namespace hub::engine
