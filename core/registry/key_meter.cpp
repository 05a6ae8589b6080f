#include "core/registry/key_meter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "core/db/statement.h"

namespace hub::registry {
namespace {

using db::Connection;
using db::Statement;

constexpr double kMsOfMinute = 60'000;
// Of sums of fractions: who waits as long as was said must not come a rounding error too early.
constexpr double kRounding = 1e-6;
constexpr std::array<std::string_view, 3> kLimitWords{"requests", "tokens", "streams"};

// Until `wanted` is there, in milliseconds.
double time_to(double level, double wanted, std::int64_t limit) {
  return std::max(0.0, (wanted - level) * kMsOfMinute / static_cast<double>(limit));
}

// Brings a bucket to now. One whose limit was not there before begins full; a change of the limit
// cuts what is above it and gives nothing.
template <typename Bucket>
void fill(Bucket& bucket, std::int64_t limit, std::int64_t now_ms) {
  const auto most = static_cast<double>(limit);
  if (bucket.limit == 0) {
    bucket.level = most;
  } else {
    // A clock that was set back fills nothing.
    const auto passed =
        static_cast<double>(std::max<std::int64_t>(0, now_ms - bucket.filled_at_ms));
    bucket.level += passed * most / kMsOfMinute;
  }
  bucket.level = std::min(bucket.level, most);
  bucket.limit = limit;
  bucket.filled_at_ms = now_ms;
}

template <typename Bucket>
KeyMeter::Window window_of(const Bucket& bucket) {
  return {
      .limit = bucket.limit,
      .remaining = std::max<std::int64_t>(
          0, static_cast<std::int64_t>(std::floor(bucket.level + kRounding))),
      .full_in_ms = static_cast<std::int64_t>(std::ceil(
          time_to(bucket.level, static_cast<double>(bucket.limit), bucket.limit) - kRounding))};
}

}  // namespace

std::string_view to_string(KeyLimit limit) {
  return kLimitWords.at(static_cast<std::size_t>(limit));
}

KeyMeter::KeyMeter(db::Pool& pool, const base::Clock& clock) : pool_(pool), clock_(clock) {
  pool_.read([this](Connection& connection) {
    Statement rows(
        connection,
        "SELECT id, requests, refused_requests, prompt_tokens, completion_tokens FROM api_keys");
    while (rows.step()) {
      entries_[rows.text(0)].use = {
          .requests = rows.integer(1),
          .refused_requests = rows.integer(2),
          .prompt_tokens = rows.integer(3),
          .completion_tokens = rows.integer(4)};
    }
  });
}

KeyMeter::Standing KeyMeter::admit(const ApiKey& key, bool generates) {
  const std::int64_t now = clock_.now_ms();
  const KeyLimits& limits = key.limits;
  Standing standing;
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key.id];
  if (limits.requests_per_minute) {
    fill(entry.requests, *limits.requests_per_minute, now);
  } else {
    entry.requests = {};
  }
  if (limits.tokens_per_minute) {
    fill(entry.tokens, *limits.tokens_per_minute, now);
  } else {
    entry.tokens = {};
  }
  if (limits.requests_per_minute && entry.requests.level < 1 - kRounding) {
    refuse(entry, standing, KeyLimit::kRequests);
  } else if (limits.tokens_per_minute && generates && entry.tokens.level < 1 - kRounding) {
    refuse(entry, standing, KeyLimit::kTokens);
  } else {
    ++entry.use.requests;
    if (limits.requests_per_minute) {
      entry.requests.level -= 1;
    }
  }
  entry.unwritten = true;
  if (limits.requests_per_minute) {
    standing.requests = window_of(entry.requests);
  }
  if (limits.tokens_per_minute) {
    standing.tokens = window_of(entry.tokens);
  }
  return standing;
}

void KeyMeter::refuse(Entry& entry, Standing& standing, KeyLimit limit) const {
  const Bucket& bucket = limit == KeyLimit::kTokens ? entry.tokens : entry.requests;
  ++entry.use.refused_requests;
  standing.exceeded = limit;
  const double seconds = std::ceil(time_to(bucket.level, 1, bucket.limit) / 1000 - kRounding);
  // Whoever owes a year's tokens may as well ask in an hour.
  standing.retry_after_s = static_cast<int>(std::clamp(seconds, 1.0, 3600.0));
}

std::shared_ptr<void> KeyMeter::begin_stream(
    const std::string& key_id, const KeyLimits& limits, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  Entry& entry = entries_[key_id];  // stays where it is: entries are never removed
  const auto taken = [&] {
    return limits.concurrent_streams && entry.streams >= *limits.concurrent_streams;
  };
  // A key that asks without end must not hold a thread with each request that will be refused.
  if (taken() && entry.waiting < *limits.concurrent_streams) {
    ++entry.waiting;
    stream_ended_.wait_for(lock, patience, [&] { return !taken(); });
    --entry.waiting;
  }
  if (taken()) {
    ++entry.use.refused_requests;
    entry.unwritten = true;
    return nullptr;
  }
  ++entry.streams;
  return {&entry, [this](Entry* left) {
            const std::lock_guard guard(mutex_);
            --left->streams;
            stream_ended_.notify_all();
          }};
}

void KeyMeter::add_tokens(const std::string& key_id, std::int64_t prompt, std::int64_t completion) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key_id];
  entry.use.prompt_tokens += prompt;
  entry.use.completion_tokens += completion;
  entry.unwritten = true;
  if (entry.tokens.limit > 0) {
    // Or the time of a long answer, in which the bucket was full already, would count afterwards.
    fill(entry.tokens, entry.tokens.limit, clock_.now_ms());
    entry.tokens.level -= static_cast<double>(prompt + completion);
  }
}

KeyUse KeyMeter::use(const std::string& key_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key_id);
  return found == entries_.end() ? KeyUse() : found->second.use;
}

void KeyMeter::flush() {
  std::vector<std::pair<std::string, KeyUse>> changed;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, entry] : entries_) {
      if (std::exchange(entry.unwritten, false)) {
        changed.emplace_back(id, entry.use);
      }
    }
  }
  if (changed.empty()) {
    return;
  }
  try {
    pool_.write([&changed](Connection& connection) {
      for (const auto& [id, use] : changed) {
        Statement(
            connection,
            "UPDATE api_keys SET requests = ?2, refused_requests = ?3, prompt_tokens = ?4, "
            "completion_tokens = ?5 WHERE id = ?1",
            id,
            use.requests,
            use.refused_requests,
            use.prompt_tokens,
            use.completion_tokens)
            .run();
      }
    });
  } catch (...) {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, use] : changed) {
      entries_[id].unwritten = true;
    }
    throw;
  }
}

}  // namespace hub::registry
