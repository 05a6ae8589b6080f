// Loads the model and serves it on the thread that owns MLX.
#include <algorithm>
#include <exception>
#include <utility>

#include "core/base/clock.h"
#include "core/engine/draft_match.h"
#include "core/engine/draft_model.h"
#include "core/engine/engine_impl.h"
#include "core/engine/mtp_drafter.h"
#include "core/engine/warm_up.h"
#include "core/model_config/kv_bits.h"
#include "core/model_config/kv_window.h"
#include "core/model_config/memory_estimate.h"
#include "core/models/model_tensors.h"
#include "core/nn/linear.h"
#include "core/obs/log.h"
#include "core/tensor/ops.h"

namespace hub::engine {

namespace {

constexpr int kMostTokens = 1 << 30;

models::KvCacheOptions cache_options(const EngineConfig& config) {
  return {.bits = config.kv_bits, .window = config.kv_window, .sinks = config.kv_sinks};
}

}  // namespace

void Engine::Impl::load() {
  tensor::set_cache_limit(config_.mlx_cache_limit_bytes);
  nn::set_batch_invariant(config_.batch_invariant);
  tensor::avoid_planned_attention();
  model_config_ = model_config::ModelConfig::load(config_.model_folder);
  if (!model_config_.encoder) {
    model_config::check_kv_bits(model_config_, config_.kv_bits);
    model_config::check_kv_window(config_.kv_window, config_.kv_sinks);
  }
  request_limits_ = {
      .tokens_by_memory = kMostTokens,
      .text_tokens_by_memory = kMostTokens,
      .kv_budget_bytes = config_.kv_budget_bytes};
  if (!model_config_.encoder) {
    load_decoder();
    return;
  }
  if (config_.draft_folder) {
    check_draft_fits(
        *config_.draft_folder,
        model_config::ModelConfig::load(*config_.draft_folder),
        config_.model_folder,
        model_config_);
  }
  encoder_ = models::load_text_encoder(config_.model_folder);
  weight_bytes_ = encoder_->weight_bytes();
  warm_up(*encoder_, config_.prefill_chunk);
}

void Engine::Impl::load_decoder() {
  const bool speculates = config_.speculative_tokens > 0;
  const models::LoadOptions options{
      .mtp_head = speculates && !config_.draft_folder, .activation_bits = config_.activation_bits};
  model_ = config_.weights_folder ? models::load_finetuned_model(
                                        config_.model_folder, *config_.weights_folder, options)
                                  : models::load_model(config_.model_folder, options);
  weight_bytes_ = model_->weight_bytes();
  const models::KvCacheOptions cache = cache_options(config_);
  std::uint64_t token_bytes = models::kv_bytes_per_token(*model_, cache);
  if (config_.draft_folder && speculates) {
    auto draft_model = load_draft_model(*config_.draft_folder, *model_, config_.model_folder);
    weight_bytes_ += draft_model->weight_bytes();
    draft_maker_ = std::move(draft_model);
  } else if (model_->mtp_head() != nullptr) {
    draft_maker_ = std::make_unique<MtpDrafter>(*model_);
  }
  token_bytes += draft_maker_ ? draft_maker_->kv_bytes_per_token() : 0;
  limits_ = {
      .max_running = config_.max_running,
      .prefill_chunk = config_.prefill_chunk,
      .kv_budget_bytes = config_.kv_budget_bytes,
      .kv_bytes_per_token = token_bytes,
      // A step with guesses keeps the states before it until it is known which of them came.
      .bytes_per_sequence =
          model_config::state_bytes_per_sequence(model_config_) * (speculates ? 2 : 1),
      .most_rows = model_config::most_kv_rows(config_.kv_window, config_.prefill_chunk)};
  const std::uint64_t for_tokens =
      config_.kv_budget_bytes - std::min(config_.kv_budget_bytes, limits_.bytes_per_sequence);
  const auto tokens_of = [for_tokens](std::uint64_t one_bytes) {
    return static_cast<int>(std::min<std::uint64_t>(for_tokens / one_bytes, kMostTokens));
  };
  const int rows = tokens_of(limits_.kv_bytes_per_token);
  const bool rolls = limits_.most_rows > 0 && limits_.most_rows <= rows;
  request_limits_.tokens_by_memory = rolls ? kMostTokens : rows;
  request_limits_.rolls = rolls;
  request_limits_.text_tokens_by_memory = tokens_of(models::kv_bytes_per_token(*model_));
  warm_up(*model_, limits_, cache);
}

void Engine::Impl::run(std::promise<void>& loaded) {
  try {
    load();
  } catch (...) {  // whatever it was goes to the constructor's caller
    draft_maker_.reset();
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
  const auto on_answer = [this, on_end] {
    {
      const std::lock_guard lock(mutex_);
      queue_.ended(base::steady_seconds());
    }
    on_end();
  };
  std::optional<StepLoop> loop;
  if (model_ != nullptr) {
    loop.emplace(
        *model_,
        limits_,
        on_answer,
        StepLoopOptions{
            .keeps_prefixes = config_.keeps_prefixes,
            .speculative_tokens = config_.speculative_tokens,
            .cache = cache_options(config_),
            .draft_maker = draft_maker_.get(),
            .runs_ahead = tensor::default_device_is_gpu(),
            .watch = &watch_});
    open_prefix_disk(*loop);
  }
  Embedder embedder = model_ != nullptr ? Embedder(*model_, config_.prefill_chunk, on_end)
                                        : Embedder(*encoder_, config_.prefill_chunk, on_end);
  publish(loop ? &*loop : nullptr, embedder);
  loaded.set_value();
  serve(loop ? &*loop : nullptr, embedder);
  if (disk_) {
    disk_->stop_reading();
  }
  if (loop) {
    loop->cancel_all();
  }
  embedder.cancel_all();
  if (disk_) {
    disk_->save_all();
    disk_.reset();
  }
  const std::lock_guard lock(mutex_);
  adapters_.clear();
  draft_maker_.reset();  // arrays end on the thread that made them
  model_.reset();
  encoder_.reset();
}

// A disk that cannot be used costs time, not answers.
void Engine::Impl::open_prefix_disk(StepLoop& loop) {
  if (!config_.prefix_disk || !config_.keeps_prefixes) {
    return;
  }
  try {
    disk_ = std::make_unique<PrefixDisk>(
        *config_.prefix_disk, model_config_, config_.kv_budget_bytes, loop, [this] {
          post([this] { disk_->take_ready(); });
        });
  } catch (const std::exception& error) {
    obs::log::warning("prefix_disk_unusable", {{"error", std::string(error.what())}});
  }
}

void Engine::Impl::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.emplace_back(std::move(task));
  }
  wake_.notify_one();
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
      stopping = stopping_;
    }
    for (auto& sequence : arrived) {
      if (disk_) {
        disk_->add(std::move(sequence));
      } else {
        loop->add(std::move(sequence));
      }
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
  std::map<std::string, int> waiting;
  loop->count_waiting(waiting);
  if (disk_) {
    disk_->count_waiting(waiting);
  }
  for (const auto& sequence : inbox_) {
    ++waiting[sequence->owner.scope];
  }
  queue_.set_waiting(std::move(waiting));
  stats_.prompt_tokens = loop->prompt_tokens();
  stats_.generated_tokens = loop->generated_tokens();
  stats_.steps += loop->steps();
  stats_.step_sequences += loop->step_sequences();
  stats_.preemptions = loop->preemptions();
  stats_.kv_bytes += loop->kv_bytes();
  stats_.cached_prompt_tokens = loop->cached_prompt_tokens();
  stats_.drafts = loop->drafts();
  stats_.prefix_bytes = loop->prefixes().bytes();
  stats_.prefix_entries = loop->prefixes().entries();
  stats_.prefix_disk = disk_ ? disk_->stats() : PrefixDiskStats();
}

}  // namespace hub::engine
