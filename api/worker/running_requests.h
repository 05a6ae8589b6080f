#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace hub::api {

// The requests for text whose answers are being made or wait to be. Any thread.
class RunningRequests {
 public:
  // `slots`: how many answers are made side by side at most.
  explicit RunningRequests(int slots) : slots_(slots) {}

  // Holds one request's place for as long as it lives; count() may be called by one thread.
  class Place {
   public:
    Place(RunningRequests& all, std::string request_id, int prompt_tokens);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    // So many tokens of the answer are there.
    void count(int completion_tokens) { completion_tokens_.store(completion_tokens); }

   private:
    friend class RunningRequests;
    RunningRequests& all_;
    const std::string request_id_;
    const int prompt_tokens_;
    const double began_;
    std::atomic<int> completion_tokens_{0};
    std::uint64_t number_ = 0;
  };

  struct Entry {
    std::string request_id;
    int prompt_tokens = 0;
    int completion_tokens = 0;
    double seconds = 0.0;  // since it came
  };
  // The oldest first.
  [[nodiscard]] std::vector<Entry> entries() const;
  [[nodiscard]] int slots() const { return slots_; }

 private:
  const int slots_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, const Place*> places_;  // guarded by mutex_; in order of arrival
  std::uint64_t next_ = 0;                        // guarded by mutex_
};

}  // namespace hub::api
