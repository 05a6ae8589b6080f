#include "api/worker/running_requests.h"

#include <utility>

#include "core/base/clock.h"

namespace hub::api {

RunningRequests::Place::Place(RunningRequests& all, std::string request_id, int prompt_tokens)
    : all_(all),
      request_id_(std::move(request_id)),
      prompt_tokens_(prompt_tokens),
      began_(base::steady_seconds()) {
  const std::scoped_lock lock(all_.mutex_);
  number_ = all_.next_++;
  all_.places_.emplace(number_, this);
}

RunningRequests::Place::~Place() {
  const std::scoped_lock lock(all_.mutex_);
  all_.places_.erase(number_);
}

std::vector<RunningRequests::Entry> RunningRequests::entries() const {
  const double now = base::steady_seconds();
  const std::scoped_lock lock(mutex_);
  std::vector<Entry> entries;
  entries.reserve(places_.size());
  for (const auto& [number, place] : places_) {
    entries.push_back(
        {.request_id = place->request_id_,
         .prompt_tokens = place->prompt_tokens_,
         .completion_tokens = place->completion_tokens_.load(),
         .seconds = now - place->began_});
  }
  return entries;
}

}  // namespace hub::api
