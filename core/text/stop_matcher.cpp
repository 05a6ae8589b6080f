#include "core/text/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace hub::text {
namespace {

// Length of the longest end of `text` that some stop string begins with, the whole stop excluded.
std::size_t pending_length(std::string_view text, const std::vector<std::string>& stops) {
  std::size_t pending = 0;
  for (const std::string& stop : stops) {
    for (std::size_t length = std::min(stop.size() - 1, text.size()); length > pending; --length) {
      if (text.ends_with(std::string_view(stop).substr(0, length))) {
        pending = length;
        break;
      }
    }
  }
  return pending;
}

}  // namespace

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopMatcher::push(std::string_view piece) {
  if (stopped_) {
    return {};
  }
  held_ += piece;
  std::size_t begin = 0;
  std::size_t end = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t at = held_.find(stop);
    if (at == std::string::npos) {
      continue;
    }
    stopped_ = true;
    if (at + stop.size() < end || (at + stop.size() == end && at < begin)) {
      begin = at;
      end = at + stop.size();
      found_ = stop;
    }
  }
  const std::size_t keep = stopped_ ? begin : held_.size() - pending_length(held_, stops_);
  std::string shown = held_.substr(0, keep);
  held_.erase(0, stopped_ ? std::string::npos : keep);
  return shown;
}

std::string StopMatcher::flush() {
  return std::exchange(held_, {});
}

}  // namespace hub::text
