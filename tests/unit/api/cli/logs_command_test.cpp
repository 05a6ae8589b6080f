#include <atomic>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "api/server/http_error.h"
#include "api/server/sse.h"
#include "tests/unit/api/cli/commands_fixture.h"

namespace hub::api {
namespace {

using test::Commands;
using test::route;
using ::testing::HasSubstr;

constexpr const char* kOld =
    R"({"time":"2026-11-23T10:15:30.123Z","level":"info","event":"old","process":"engine m","n":1})";
constexpr const char* kNew =
    R"({"time":"2026-11-23T10:15:31.123Z","level":"error","event":"new","process":"server"})";

class LogsCommand : public Commands {
 protected:
  void serve_page(bool stopped_early) {
    serve({route("GET", "/logs", [this, stopped_early](const Request& request) {
      query_ = request.query;
      return json_response(
          200,
          std::string(R"({"data":[)") + kNew + "," + kOld + R"(],"next_cursor":null,)" +
              R"("stopped_early":)" + (stopped_early ? "true}" : "false}"));
    })});
  }
  std::map<std::string, std::string> query_;
};

TEST_F(LogsCommand, PrintsTheOldestFirst) {
  serve_page(false);
  EXPECT_EQ(run({"logs"}), 0);
  EXPECT_EQ(
      out_.str(),
      "2026-11-23T10:15:30.123Z info old process=\"engine m\" n=1\n"
      "2026-11-23T10:15:31.123Z error new process=server\n");
  EXPECT_EQ(err_.str(), "");
  EXPECT_EQ(query_["limit"], "100");
}

TEST_F(LogsCommand, FiltersGoIntoTheQuery) {
  serve_page(true);
  EXPECT_EQ(
      run({"logs",     "--level", "error", "--job",   "j1",  "--request", "r/1", "--process",
           "engine m", "--trace", "t",     "--text",  "a&b", "--event",   "e",   "--since",
           "15m",      "--until", "1m",    "--limit", "7",   "--json"}),
      0);
  EXPECT_EQ(out_.str(), std::string(kOld) + "\n" + kNew + "\n");
  EXPECT_THAT(err_.str(), HasSubstr("stopped early"));
  const std::map<std::string, std::string> wanted{
      {"follow", "false"},
      {"level", "error"},
      {"job_id", "j1"},
      {"request_id", "r/1"},
      {"process", "engine m"},
      {"trace_id", "t"},
      {"q", "a&b"},
      {"event", "e"},
      {"since", "15m"},
      {"until", "1m"},
      {"limit", "7"}};
  EXPECT_EQ(query_, wanted);
}

TEST_F(LogsCommand, FollowsOverALostConnection) {
  std::atomic<int> calls = 0;
  std::string resumed;
  serve({route("GET", "/logs", [&](const Request& request) {
    if (++calls > 2) {  // what ends it
      throw base::Error(base::ErrorCode::kPermissionDenied, "no more");
    }
    resumed = request.header("Last-Event-ID");
    return sse_response([&](SseWriter& writer) {
      writer.send({.data = calls == 1 ? kOld : kNew, .event = "log", .id = "5-1", .retry_ms = {}});
    });
  })});
  EXPECT_THAT(error_of({"logs", "--follow"}), HasSubstr("no more"));
  EXPECT_THAT(out_.str(), HasSubstr("info old"));
  EXPECT_THAT(out_.str(), HasSubstr("error new"));
  EXPECT_EQ(resumed, "5-1");
}

}  // namespace
}  // namespace hub::api
