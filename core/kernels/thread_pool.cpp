#include "core/kernels/thread_pool.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

#include "core/base/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hub::kernels {

namespace {

constexpr int kFieldBits = 20;
constexpr std::uint64_t kFieldMask = (std::uint64_t{1} << kFieldBits) - 1;
constexpr int kGenerationShift = 2 * kFieldBits;
// About 50 microseconds of looking, then as many tries that give the core away, then sleep.
constexpr int kSpins = 2000;
constexpr int kYields = 50;

std::uint64_t generation(std::uint64_t state) {
  return state >> kGenerationShift;
}
std::uint64_t chunk_count(std::uint64_t state) {
  return (state >> kFieldBits) & kFieldMask;
}
std::uint64_t next_chunk(std::uint64_t state) {
  return state & kFieldMask;
}
bool has_chunks(std::uint64_t state) {
  return next_chunk(state) < chunk_count(state);
}

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  start(threads);
}

ThreadPool::~ThreadPool() {
  stop();
}

ThreadPool& ThreadPool::shared() {
  const char* text = std::getenv("MLX_HUB_THREADS");
  // Never destroyed: at exit MLX's own thread may still be computing.
  static auto* const pool = new ThreadPool(threads_from(text == nullptr ? "" : text));
  return *pool;
}

int ThreadPool::threads_from(std::string_view text) {
  if (text.empty()) {
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || value < 1 || value > 1024) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("MLX_HUB_THREADS must be a number from 1 to 1024, got '{}'", text));
  }
  return value;
}

void ThreadPool::set_threads(int threads) {
  stop();
  start(threads);
}

void ThreadPool::start(int threads) {
  if (threads < 1) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("a thread pool needs at least 1 thread, got {}", threads));
  }
  stopping_.store(false);
  for (int i = 1; i < threads; ++i) {
    workers_.emplace_back([this] { work(); });
  }
}

void ThreadPool::stop() {
  stopping_.store(true);
  // A new generation without chunks wakes the sleepers.
  state_.store((generation(state_.load()) + 1) << kGenerationShift);
  state_.notify_all();
  for (auto& worker : workers_) {
    worker.join();
  }
  workers_.clear();
}

bool ThreadPool::run_one(std::uint64_t& seen) {
  seen = state_.load(std::memory_order_acquire);
  while (has_chunks(seen)) {
    // seq_cst on success: body_ was stored before this generation was published, and the caller
    // keeps it alive until this chunk is counted in done_.
    if (state_.compare_exchange_weak(seen, seen + 1)) {
      (*body_.load(std::memory_order_relaxed))(static_cast<int>(next_chunk(seen)));
      done_.fetch_add(1, std::memory_order_release);
      return true;
    }
  }
  return false;
}

void ThreadPool::wait_for_work(std::uint64_t seen) {
  for (int i = 0; i < kSpins + kYields; ++i) {
    if (state_.load(std::memory_order_acquire) != seen) {
      return;
    }
    if (i < kSpins) {
      pause_briefly();
    } else {
      std::this_thread::yield();
    }
  }
  sleepers_.fetch_add(1);
  state_.wait(seen);
  sleepers_.fetch_sub(1);
}

void ThreadPool::work() {
  std::uint64_t seen = 0;
  for (;;) {
    if (run_one(seen)) {
      continue;
    }
    // After `seen` was loaded: if that is stop()'s last state, what was stored before is visible;
    // looked at earlier, a stop in between would be slept through.
    if (stopping_.load(std::memory_order_relaxed)) {
      return;
    }
    wait_for_work(seen);
  }
}

void ThreadPool::for_each(int chunks, const std::function<void(int)>& body) {
  if (chunks <= 1 || workers_.empty() || static_cast<std::uint64_t>(chunks) > kFieldMask ||
      busy_.exchange(true)) {
    for (int i = 0; i < chunks; ++i) {
      body(i);
    }
    return;
  }
  done_.store(0, std::memory_order_relaxed);
  body_.store(&body, std::memory_order_relaxed);
  const std::uint64_t next_generation = generation(state_.load(std::memory_order_relaxed)) + 1;
  // Sequentially consistent with sleepers_: either a worker is seen sleeping, or it sees this
  // state.
  state_.store(
      (next_generation << kGenerationShift) | (static_cast<std::uint64_t>(chunks) << kFieldBits));
  if (sleepers_.load() > 0) {
    state_.notify_all();
  }
  std::uint64_t seen = 0;
  while (run_one(seen)) {
  }
  for (int tries = 0; done_.load(std::memory_order_acquire) != chunks; ++tries) {
    if (tries < kSpins) {
      pause_briefly();
    } else {
      std::this_thread::yield();
    }
  }
  busy_.store(false);
}

}  // namespace hub::kernels
