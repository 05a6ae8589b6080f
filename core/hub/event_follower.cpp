#include "core/hub/event_follower.h"

#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include "core/obs/log.h"

namespace hub::hub {
namespace {

constexpr std::chrono::milliseconds kWait{1000};
constexpr std::chrono::milliseconds kClosedWait{100};
constexpr int kPage = 500;

}  // namespace

EventFollower::EventFollower(
    jobs::EventLog& events,
    std::string name,
    std::function<void(const jobs::Event&)> follow,
    std::function<void()> after_look)
    : events_(events),
      name_(std::move(name)),
      follow_(std::move(follow)),
      after_look_(std::move(after_look)) {}

EventFollower::~EventFollower() {
  stop();
}

void EventFollower::start() {
  after_ = events_.last();
  thread_ = std::thread([this] { work(); });
}

void EventFollower::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool EventFollower::wait(std::uint64_t seen) {
  if (!events_.closed()) {
    events_.wait(seen, kWait);
  }
  // A closed log no longer waits, but jobs that end at shutdown still write to it.
  std::unique_lock lock(mutex_);
  return wake_.wait_for(
      lock, events_.closed() ? kClosedWait : std::chrono::milliseconds(0), [this] {
        return stopping_;
      });
}

bool EventFollower::take_page() {
  std::vector<jobs::Event> page;
  try {
    page = events_.after(after_, std::nullopt, kPage);
  } catch (const std::exception& error) {  // a locked database: look again
    obs::log::warning("event_follower_failed", {{"follower", name_}, {"error", error.what()}});
    return true;
  }
  for (const jobs::Event& event : page) {
    after_ = event.seq;
    try {
      follow_(event);
    } catch (const std::exception& error) {
      obs::log::warning(
          "event_not_followed", {{"follower", name_}, {"seq", event.seq}, {"error", error.what()}});
    }
  }
  return page.size() < static_cast<std::size_t>(kPage);
}

void EventFollower::work() {
  bool last_look = false;
  while (true) {
    const std::uint64_t seen = events_.commits();
    if (!take_page()) {
      continue;
    }
    try {
      if (after_look_) {
        after_look_();
      }
    } catch (const std::exception& error) {
      obs::log::warning("event_follower_failed", {{"follower", name_}, {"error", error.what()}});
    }
    if (last_look) {
      return;
    }
    last_look = wait(seen);
  }
}

}  // namespace hub::hub
