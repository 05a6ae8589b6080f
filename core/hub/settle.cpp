#include "core/hub/settle.h"

#include <chrono>
#include <thread>

#include "core/base/error.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

constexpr int kLooks = 20;  // at `stopping`, between two tries
constexpr std::chrono::milliseconds kLookInterval{50};

}  // namespace

void settle_when_possible(
    const std::string& job_id,
    const std::atomic<bool>& stopping,
    const std::function<void()>& change) {
  while (true) {
    try {
      change();
      return;
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kUnavailable) {
        throw;
      }
      obs::log::error("job_not_settled", {{"job_id", job_id}, {"error", error.what()}});
    }
    for (int look = 0; look < kLooks; ++look) {
      if (stopping) {
        return;
      }
      std::this_thread::sleep_for(kLookInterval);
    }
  }
}

}  // namespace hub::hub
