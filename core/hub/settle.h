#pragma once

#include <atomic>
#include <functional>
#include <string>

namespace hub::hub {

// Writes down how a job ended. A disk that is full, or a database that cannot be used, takes no
// word of it: then it is said again once a second, as soon as there is room. Without the word the
// job would be RUNNING for ever. Gives up when `stopping` becomes true: the next server finds the
// job RUNNING and takes it up. Any other error than kUnavailable passes through.
void settle_when_possible(
    const std::string& job_id,
    const std::atomic<bool>& stopping,
    const std::function<void()>& change);

}  // namespace hub::hub
