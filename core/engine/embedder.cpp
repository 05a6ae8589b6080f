#include "core/engine/embedder.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <numeric>
#include <utility>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/nn/adapter_spans.h"
#include "core/obs/log.h"
#include "core/tensor/ops.h"

namespace hub::engine {

namespace mx = mlx::core;
using base::Error;
using base::ErrorCode;

namespace {

mx::array token_array(const std::vector<int>& tokens) {
  return mx::array(tokens.data(), {static_cast<int>(tokens.size())}, mx::int32);
}

// `hidden` [rows, width], evaluated as the float32 that pools add up.
mx::array evaluated(const mx::array& hidden, std::vector<mx::array> along = {}) {
  along.push_back(mx::contiguous(tensor::astype(hidden, mx::float32)));
  mx::eval(along);
  return along.back();
}

std::span<const float> row_of(const mx::array& rows, int row) {
  const auto width = static_cast<std::size_t>(rows.shape(1));
  return {rows.data<float>() + static_cast<std::size_t>(row) * width, width};
}

void begin(EmbedTask& task) {
  if (task.state->began.load(std::memory_order_relaxed) == 0.0) {
    task.state->began.store(base::steady_seconds(), std::memory_order_relaxed);
  }
}

}  // namespace

Embedder::Embedder(const models::LanguageModel& model, int max_rows, std::function<void()> on_end)
    : Embedder(&model, nullptr, max_rows, std::move(on_end)) {}

Embedder::Embedder(const models::TextEncoder& encoder, int max_rows, std::function<void()> on_end)
    : Embedder(nullptr, &encoder, max_rows, std::move(on_end)) {}

Embedder::Embedder(
    const models::LanguageModel* model,
    const models::TextEncoder* encoder,
    int max_rows,
    std::function<void()> on_end)
    : model_(model), encoder_(encoder), max_rows_(max_rows), on_end_(std::move(on_end)) {}

void Embedder::add(std::unique_ptr<EmbedTask> task) {
  tasks_.push_back(std::move(task));
}

void Embedder::step(int rows) {
  for (const auto& task : tasks_) {
    if (task->state->cancelled) {
      end(*task, std::make_exception_ptr(Error(ErrorCode::kCancelled, "the request was ended")));
    }
  }
  std::erase_if(tasks_, [](const auto& task) { return task->ended; });
  if (tasks_.empty()) {
    return;
  }
  std::vector<EmbedTask*> chosen;
  try {
    if (is_read_in_parts(tasks_.front()->next())) {
      // One such text at a time, so that only one cache is held.
      const auto begun =
          std::ranges::find_if(tasks_, [](const auto& task) { return task->part.has_value(); });
      chosen = {begun == tasks_.end() ? tasks_.front().get() : begun->get()};
      run_part(*chosen.front(), rows);
    } else {
      chosen = choose_texts(rows);
      run_texts(chosen);
    }
  } catch (const std::exception& error) {
    obs::log::error("embedding_failed", {{"texts", chosen.size()}, {"error", error.what()}});
    for (EmbedTask* task : chosen) {
      end(*task, std::current_exception());
    }
  }
  std::ranges::rotate(tasks_, std::next(tasks_.begin()));
  std::erase_if(tasks_, [](const auto& task) { return task->ended; });
}

bool Embedder::is_read_in_parts(const std::vector<int>& text) const {
  return model_ != nullptr && static_cast<int>(text.size()) > max_rows_;
}

// The next texts of the requests in turn, as long as they fit. A request may be named several
// times, its texts then follow each other.
std::vector<EmbedTask*> Embedder::choose_texts(int rows) const {
  std::vector<EmbedTask*> chosen;
  std::vector<std::size_t> taken(tasks_.size(), 0);
  std::size_t taken_rows = 0;
  for (bool goes_on = true; goes_on;) {
    goes_on = false;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      EmbedTask& task = *tasks_[i];
      const std::size_t text = task.vectors.size() + taken[i];
      if (text == task.request.inputs.size()) {
        continue;
      }
      const std::size_t length = task.request.inputs[text].size();
      const bool fits = taken_rows + length <= static_cast<std::size_t>(rows);
      if (is_read_in_parts(task.request.inputs[text]) || (!fits && !chosen.empty())) {
        continue;
      }
      chosen.push_back(&task);
      taken_rows += length;
      ++taken[i];
      goes_on = true;
    }
  }
  // Requests with one adapter side by side, so that each adapter is one span.
  std::ranges::stable_sort(
      chosen, std::less<>(), [](const EmbedTask* task) { return task->adapter.get(); });
  return chosen;
}

void Embedder::run_texts(const std::vector<EmbedTask*>& texts) {
  std::vector<int> tokens;
  std::vector<int> lengths;
  std::vector<nn::AdapterSpan> spans;
  std::map<const EmbedTask*, std::size_t> next;  // of each request's texts
  for (EmbedTask* task : texts) {
    begin(*task);
    const auto [place, is_first] = next.try_emplace(task, task->vectors.size());
    const std::vector<int>& text = task->request.inputs[place->second++];
    const auto row = static_cast<int>(tokens.size());
    tokens.insert(tokens.end(), text.begin(), text.end());
    lengths.push_back(static_cast<int>(text.size()));
    nn::add_span(spans, task->adapter.get(), row, row + lengths.back());
  }
  ++steps_;
  step_texts_ += texts.size();
  tokens_ += tokens.size();
  const mx::array ids = token_array(tokens);
  const mx::array rows = evaluated(
      model_ != nullptr ? model_->hidden(ids, models::causal_attend(*model_, lengths), spans)
                        : encoder_->hidden(ids, lengths));
  int row = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Pool pool(texts[i]->request.pooling);
    for (int k = 0; k < lengths[i]; ++k) {
      pool.add(row_of(rows, row++));
    }
    finish_text(*texts[i], pool);
  }
}

void Embedder::run_part(EmbedTask& task, int rows) {
  begin(task);
  if (!task.part) {
    task.part.emplace(
        EmbedTask::Part{models::KvCache(model_->config()), Pool(task.request.pooling)});
  }
  models::KvCache& cache = task.part->cache;
  const std::vector<int>& text = task.next();
  const int count = std::min(rows, static_cast<int>(text.size()) - cache.length());
  const auto from = text.begin() + cache.length();
  std::vector<nn::AdapterSpan> spans;
  nn::add_span(spans, task.adapter.get(), 0, count);
  const std::vector<models::SequenceRows> sequence{{&cache, count}};
  cache.reserve(count);
  ++steps_;
  ++step_texts_;
  tokens_ += static_cast<std::uint64_t>(count);
  const mx::array hidden = model_->hidden(
      token_array({from, from + count}), models::cached_attend(*model_, sequence), spans);
  const mx::array states = evaluated(hidden, cache.arrays());
  cache.advance(count);
  for (int row = 0; row < count; ++row) {
    task.part->pool.add(row_of(states, row));
  }
  if (cache.length() == static_cast<int>(text.size())) {
    const Pool pool = std::move(task.part->pool);
    task.part.reset();
    finish_text(task, pool);
  }
}

// An ended request's other texts of the step are dropped.
void Embedder::finish_text(EmbedTask& task, const Pool& pool) {
  if (task.ended) {
    return;
  }
  std::vector<float> vector = pool.vector(task.request.dimensions, task.request.normalize);
  if (!std::ranges::all_of(vector, [](float value) { return std::isfinite(value); })) {
    end(task,
        std::make_exception_ptr(
            Error(ErrorCode::kInternal, "the model's hidden states are not finite numbers")));
    return;
  }
  task.vectors.push_back(std::move(vector));
  if (task.vectors.size() == task.request.inputs.size()) {
    end(task, nullptr);
  }
}

// Without an error: its vectors are whole.
void Embedder::end(EmbedTask& task, const std::exception_ptr& error) {
  if (task.ended) {
    return;
  }
  task.ended = true;
  task.part.reset();
  if (error) {
    task.state->vectors.set_exception(error);
  } else {
    task.state->vectors.set_value(std::move(task.vectors));
  }
  if (on_end_) {
    on_end_();
  }
}

void Embedder::cancel_all() {
  const auto ending =
      std::make_exception_ptr(Error(ErrorCode::kUnavailable, "the engine is ending"));
  for (const auto& task : tasks_) {
    end(*task, ending);
  }
  tasks_.clear();
}

std::uint64_t Embedder::cache_bytes() const {
  return std::accumulate(
      tasks_.begin(), tasks_.end(), std::uint64_t{0}, [](std::uint64_t sum, const auto& task) {
        return sum + (task->part ? task->part->cache.bytes() : 0);
      });
}

}  // namespace hub::engine
