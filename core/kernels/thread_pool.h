#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

namespace hub::kernels {

// Runs the chunks of one loop on several threads. The caller works too, and waits only for chunks
// that a worker has claimed: a worker that the system has not scheduled costs nothing. Workers spin
// for some microseconds after a loop (the next operation usually follows at once), then sleep.
// Which thread runs a chunk is unspecified, so a chunk must not depend on it.
class ThreadPool {
 public:
  // `threads` counts the caller; at least 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // The process's pool: MLX_HUB_THREADS threads, or one a core. Started at first use.
  static ThreadPool& shared();

  // The number of threads that MLX_HUB_THREADS = `text` asks for: 1 to 1024, or one a core if it is
  // empty. Throws base::Error kInvalidArgument for anything else.
  static int threads_from(std::string_view text);

  // For tests and benchmarks: must not be called while a loop runs.
  void set_threads(int threads);
  [[nodiscard]] int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(i) for every i in [0, chunks), and returns when all are done. `body` must not throw.
  // A second caller at the same time, or a call from within a body, runs its loop alone.
  void for_each(int chunks, const std::function<void(int)>& body);

 private:
  void start(int threads);
  void stop();
  void work();
  bool run_one(std::uint64_t& seen);
  void wait_for_work(std::uint64_t seen);

  // One word so that a claim is one compare-and-swap: generation (24 bits), chunks (20), next (20).
  std::atomic<std::uint64_t> state_{0};
  std::atomic<const std::function<void(int)>*> body_{nullptr};
  std::atomic<int> done_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> busy_{false};
  std::vector<std::thread> workers_;
};

}  // namespace hub::kernels
