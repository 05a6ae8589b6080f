#include "api/cli/import_watch.h"

#include <atomic>
#include <chrono>
#include <future>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/json_reader.h"
#include "core/hub/rate.h"

namespace hub::api {
namespace {

using base::Json;

constexpr auto kPollInterval = std::chrono::milliseconds(500);
constexpr auto kReportInterval = std::chrono::seconds(5);

// What a person sees of one import.
class ImportView {
 public:
  explicit ImportView(Console& console) : console_(console), line_(console) {}

  void show(const base::JsonReader& state) {
    const std::string stage = state.string("stage");
    const auto bytes = [&state](const char* key) {
      return state.optional_int(key, 0, INT64_MAX).value_or(0);
    };
    const std::int64_t done = bytes("done_bytes");
    const std::int64_t total = bytes("total_bytes");
    if (stage != stage_) {
      stage_ = stage;
      rate_ = hub::Rate();
    }
    std::string text = stage;
    if (const auto speed = rate_.update(done); speed && total > 0 && *speed >= 1) {
      text += fmt::format(", {}/s", size_text(static_cast<std::uint64_t>(*speed)));
    }
    if (console_.terminal) {
      line_.progress(done, total, -1, ProgressLine::Unit::kBytes);
      line_.report(text);
      return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now < next_report_) {
      return;
    }
    next_report_ = now + kReportInterval;
    if (total > 0) {
      text = fmt::format(
          "{} of {}, {}",
          size_text(static_cast<std::uint64_t>(done)),
          size_text(static_cast<std::uint64_t>(total)),
          text);
    }
    line_.report(text);
  }

 private:
  Console& console_;
  ProgressLine line_;
  std::string stage_;
  hub::Rate rate_;  // of the stage
  std::chrono::steady_clock::time_point next_report_;
};

// The row of GET /imports; nullopt when there is none (any more).
std::optional<Json> find_import(HubClient& client, const std::string& request_id) {
  const Json answer = client.get("/imports");
  for (const Json& row : base::JsonReader(answer).value("data")) {
    if (base::JsonReader(row).string("request_id") == request_id) {
      return row;
    }
  }
  return std::nullopt;
}

}  // namespace

Json watch_import(
    const HubClient& client,
    Console& console,
    bool quiet,
    const std::function<Json(const std::string& request_id)>& call) {
  const std::string request_id = base::new_id();
  if (quiet) {
    return call(request_id);
  }
  std::atomic<bool> ended{false};
  HubClient poller = client.another();
  poller.cancel_with(ended);
  std::future<Json> answer = std::async(std::launch::async, [&] {
    try {
      Json made = call(request_id);
      ended = true;
      return made;
    } catch (...) {
      ended = true;
      throw;
    }
  });
  ImportView view(console);
  while (answer.wait_for(kPollInterval) != std::future_status::ready) {
    try {
      if (const auto state = find_import(poller, request_id)) {
        view.show(base::JsonReader(*state));
      }
    } catch (const base::Error&) {
      // The call itself says what is wrong, if anything is.
    }
  }
  return answer.get();
}

}  // namespace hub::api
