#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hub::api {

// Threads that run handlers: grown on demand up to a limit, then a bounded queue, then no.
class HandlerPool {
 public:
  HandlerPool(std::size_t max_threads, std::size_t max_waiting);
  ~HandlerPool();  // stop()
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  // False when all threads work and the queue is full, or after stop(). Tasks must not throw.
  bool try_run(std::function<void()> task);

  // Runs what is queued and waits until every task has returned.
  void stop();

 private:
  void work();

  const std::size_t max_threads_;
  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_, as the rest
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;  // threads that wait for a task, or will once they have started
  bool stopped_ = false;
};

}  // namespace hub::api
