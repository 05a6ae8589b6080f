#include <atomic>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "api/server/http_error.h"
#include "api/server/sse.h"
#include "tests/unit/api/cli/commands_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using test::Commands;
using test::route;
using ::testing::HasSubstr;

std::string job_json(const std::string& state, const std::string& reason = "") {
  return Json({{"id", "j1"},
               {"type", "finetune"},
               {"state", state},
               {"reason", reason},
               {"model", "m"},
               {"created_at", "2026-11-23T10:15:30.123Z"},
               {"progress", {{"step", 5}, {"total", 10}}},
               {"result", {{"model", "facts"}, {"version", 1}}}})
      .dump();
}

// A job that queues, runs, loses its connection once, and ends.
class WatchCommand : public Commands {
 protected:
  void serve_job(const std::string& end_state, const std::string& reason) {
    serve(
        {route(
             "GET",
             "/jobs/{id}",
             [this, end_state, reason](const Request&) {
               return json_response(
                   200, ended_ ? job_json(end_state, reason) : job_json("RUNNING"));
             }),
         route(
             "GET",
             "/jobs",
             [](const Request& request) {
               EXPECT_EQ(request.query_value("limit"), "20");
               return json_response(
                   200,
                   R"({"data":[)" + job_json("COMPLETED") + "," +
                       job_json("FAILED", "out of disk") + R"(],"next_cursor":null})");
             }),
         route(
             "POST",
             "/jobs/{id}/cancel",
             [](const Request&) { return json_response(202, job_json("RUNNING")); }),
         route("GET", "/jobs/{id}/events", [this](const Request& request) {
           const std::lock_guard lock(mutex_);
           last_ids_.push_back(request.header("Last-Event-ID"));
           const bool first = last_ids_.size() == 1;
           return sse_response([this, first](SseWriter& out) {
             const auto send = [&out](const std::string& id, const std::string& type, Json data) {
               const std::string text = Json({{"type", type}, {"data", std::move(data)}}).dump();
               out.send({.data = text, .event = type, .id = id, .retry_ms = {}});
             };
             if (first) {
               send("1", "job.progress", {{"step", 1}, {"total", 2}, {"eta_seconds", 65}});
               send(
                   "2", "job.metric", {{"step", 1}, {"train_loss", 1.5}, {"tokens_per_second", 9}});
               throw std::runtime_error("connection lost");
             }
             send("3", "job.metric", {{"step", 2}, {"train_loss", 1.25}});
             send("4", "job.sample", {{"step", 2}, {"prompt", "Who?"}, {"text", "Me."}});
             ended_ = true;
             send("5", "job.completed", Json::object());
           });
         })});
  }

  std::atomic<bool> ended_{false};
  std::mutex mutex_;
  std::vector<std::string> last_ids_;
};

TEST_F(WatchCommand, PrintsALineAReportAndGoesOnAfterALostConnection) {
  serve_job("COMPLETED", "");
  EXPECT_EQ(run({"jobs", "watch", "j1"}), 0);
  EXPECT_EQ(
      err_.str(),
      "step 1  train_loss 1.5000  9 tok/s\nstep 2  train_loss 1.2500\nstep 2  \"Who?\" → "
      "\"Me.\"\n");
  EXPECT_THAT(out_.str(), HasSubstr("completed: model facts version 1"));
  EXPECT_EQ(last_ids_, (std::vector<std::string>{"", "2"}));
}

TEST_F(WatchCommand, DrawsABarInATerminal) {
  terminal_ = true;
  serve_job("FAILED", "out of disk");
  EXPECT_EQ(run({"jobs", "watch", "j1"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("\r 50% [###############...............] 1/2  1:05 left"));
  EXPECT_THAT(err_.str(), HasSubstr("train_loss 1.2500"));
  EXPECT_THAT(err_.str(), HasSubstr("\njob failed: out of disk\n"));
}

TEST_F(WatchCommand, PrintsEventsAndTheJobAsJsonLines) {
  serve_job("CANCELLED", "asked for");
  EXPECT_EQ(run({"jobs", "watch", "--json", "j1"}), 1);
  std::istringstream lines(out_.str());
  std::vector<Json> parsed;
  for (std::string line; std::getline(lines, line);) {
    parsed.push_back(Json::parse(line));
  }
  ASSERT_EQ(parsed.size(), 6U);
  EXPECT_EQ(parsed[1]["data"]["train_loss"], 1.5);
  EXPECT_EQ(parsed[5]["state"], "CANCELLED");
}

TEST_F(WatchCommand, ListsAndCancels) {
  serve_job("COMPLETED", "");
  EXPECT_EQ(run({"jobs"}), 0);
  EXPECT_EQ(
      out_.str(),
      "ID  TYPE      STATE      STEP  MODEL  RESULT       CREATED\n"
      "j1  finetune  COMPLETED  5/10  m      facts        2026-11-23T10:15:30\n"
      "j1  finetune  FAILED     5/10  m      out of disk  2026-11-23T10:15:30\n");
  out_.str("");
  EXPECT_EQ(run({"jobs", "cancel", "j1"}), 0);
  EXPECT_EQ(out_.str(), "cancelling\n");
}

}  // namespace
}  // namespace hub::api
