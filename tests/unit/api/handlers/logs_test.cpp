#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/base/clock.h"
#include "core/obs/log.h"
#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;
using testing::Not;

class LogRoutes : public test::HandlerFixture {
 protected:
  void TearDown() override { obs::log::configure({}); }

  void add(std::int64_t seconds_ago, std::string_view event, const std::string& job_id = {}) {
    const auto file = hub.config.data_dir / "logs" / "server.log";
    std::ofstream(file, std::ios::app) << obs::log::format_record(
                                              obs::log::Format::kJson,
                                              {.time_ms = hub.clock.now_ms() - seconds_ago * 1000,
                                               .event = event,
                                               .process = "server",
                                               .job_id = job_id})
                                       << '\n';
  }
};

TEST_F(LogRoutes, AListOfRecordsNewestFirst) {
  add(3000, "old");
  add(100, "first", "j1");
  add(50, "second");
  const Json all = get("/logs").json;
  ASSERT_EQ(all["data"].size(), 3U);
  EXPECT_EQ(all["data"][0]["event"], "second");
  EXPECT_EQ(all["data"][1]["job_id"], "j1");
  EXPECT_EQ(all["next_cursor"], nullptr);
  EXPECT_EQ(all["stopped_early"], false);
  EXPECT_EQ(get("/logs?since=15m").json["data"].size(), 2U);
  EXPECT_EQ(get("/logs?since=1m").json["data"].size(), 1U);
  EXPECT_EQ(get("/logs?until=75s").json["data"][0]["event"], "first");
  EXPECT_EQ(get("/logs?since=2000-01-01T00:00:00Z").json["data"].size(), 3U);
  EXPECT_EQ(get("/logs?job_id=j1").json["data"].size(), 1U);
  const Json page = get("/logs?limit=1").json;
  const Json next = get("/logs?limit=1&cursor=" + page["next_cursor"].get<std::string>()).json;
  EXPECT_EQ(next["data"][0]["event"], "first");
}

TEST_F(LogRoutes, WhatIsNoFilterIsRefused) {
  for (const auto& [query, field] : std::vector<std::pair<std::string, std::string>>{
           {"level=loud", "level"},
           {"since=yesterday", "since"},
           {"since=15", "since"},
           {"since=-15m", "since"},
           {"until=15x", "until"},
           {"limit=0", "limit"},
           {"limit=1001", "limit"},
           {"cursor=abc", "cursor"},
           {"follow=maybe", "follow"},
           {"lines=5", "lines"}}) {
    const Answer answer = get("/logs?" + query);
    EXPECT_EQ(answer.status, 400) << query;
    EXPECT_EQ(answer.param(), field);
  }
  Request made = request("GET", "/logs?follow=true");
  made.headers["Last-Event-ID"] = "abc";
  EXPECT_EQ(send(made).param(), "Last-Event-ID");
}

TEST_F(LogRoutes, AFollowerGetsWhatWasAndGoesOnWhereItWas) {
  add(100, "old");
  add(10, "one");
  add(10, "two");
  test::Recorder first(4);  // the greeting, and three records
  get("/logs?follow=true&since=1h").response.stream(first);
  EXPECT_THAT(first.text, HasSubstr("event: log\n"));
  const std::string text = first.text;
  EXPECT_LT(text.find("\"old\""), text.find("\"one\""));
  EXPECT_LT(text.find("\"one\""), text.find("\"two\""));
  const std::size_t id = text.find("id: ", text.find("\"old\""));
  Request again = request("GET", "/logs?follow=true");
  again.headers["Last-Event-ID"] = text.substr(id + 4, text.find('\n', id) - id - 4);
  test::Recorder rest(2);
  send(again).response.stream(rest);
  EXPECT_THAT(rest.text, Not(HasSubstr("\"old\"")));
}

TEST_F(LogRoutes, TheLevelChangesUntilTheNextStart) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(get("/logs/level").json, Json({{"level", "info"}, {"configured", "info"}}));
  const Answer changed = with_body("PUT", "/logs/level", Json({{"level", "debug"}}).dump());
  EXPECT_EQ(changed.json, Json({{"level", "debug"}, {"configured", "info"}}));
  EXPECT_EQ(obs::log::level(), obs::log::Level::kDebug);
  EXPECT_EQ(with_body("PUT", "/logs/level", Json({{"level", "loud"}}).dump()).param(), "level");
  EXPECT_EQ(with_body("PUT", "/logs/level", Json(Json::object()).dump()).status, 400);
  EXPECT_EQ(
      with_body("PUT", "/logs/level", Json({{"level", "info"}, {"for", "1h"}}).dump()).code(),
      "unknown_field");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("log_level_changed"));
}

}  // namespace
}  // namespace hub::api
