#include "api/server/handler_pool.h"

#include <system_error>
#include <utility>

namespace hub::api {

HandlerPool::HandlerPool(std::size_t max_threads, std::size_t max_waiting)
    : max_threads_(max_threads), max_waiting_(max_waiting) {}

HandlerPool::~HandlerPool() {
  stop();
}

bool HandlerPool::try_run(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) {
      return false;
    }
    if (tasks_.size() >= idle_) {  // every idle thread is spoken for
      bool grown = false;
      if (threads_.size() < max_threads_) {
        try {
          threads_.emplace_back([this] { work(); });
          ++idle_;  // from now on: tasks for threads that still start do not count as waiting
          grown = true;
        } catch (const std::system_error&) {
          grown = false;  // the system's limit on threads is a limit like ours
        }
      }
      if (!grown && (threads_.empty() || tasks_.size() >= idle_ + max_waiting_)) {
        return false;
      }
    }
    tasks_.push_back(std::move(task));
  }
  ready_.notify_one();
  return true;
}

void HandlerPool::stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    threads.swap(threads_);
  }
  ready_.notify_all();
  for (std::thread& thread : threads) {
    thread.join();
  }
}

void HandlerPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ready_.wait(lock, [this] { return stopped_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) {
      return;
    }
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it holds dies before the thread counts as idle
    lock.lock();
    ++idle_;
  }
}

}  // namespace hub::api
