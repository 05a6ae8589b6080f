#include "api/cli/import_watch.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "tests/unit/api/cli/commands_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using test::route;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// A hub whose imports last until they were asked for `polls` times.
class ImportWatchTest : public test::Commands {
 protected:
  void serve_imports(int polls) {
    serve({
        route(
            "POST",
            "/models",
            [this, polls](const Request& request) { return take(request, polls); }),
        route(
            "POST",
            "/models/import",
            [this, polls](const Request& request) { return take(request, polls); },
            true),
        route("GET", "/imports", [this](const Request&) { return list(); }),
    });
  }

  Response take(const Request& request, int polls) {
    std::unique_lock lock(mutex_);
    request_id_ = request.request_id;
    EXPECT_TRUE(polled_.wait_for(lock, std::chrono::seconds(30), [&] { return polls_ >= polls; }));
    return json_response(
        201,
        R"({"name":"mine","size_bytes":2000,"state":"ready","versions":[{}],"notes":["a note"]})");
  }

  virtual Response list() {
    const std::lock_guard lock(mutex_);
    polls_ += request_id_.empty() ? 0 : 1;  // the call itself may come later than a poll
    polled_.notify_all();
    const auto row = [](const std::string& id, const char* stage, int done) {
      return Json{
          {"request_id", id},
          {"name", "mine"},
          {"source", "mine.gguf"},
          {"stage", stage},
          {"done_bytes", done},
          {"total_bytes", 4'000'000},
          {"started_at", "2026-11-23T10:15:30.123Z"}};
    };
    return json_response(
        200,
        Json{
            {"data",
             {row("another", "copying", 3'000'000), row(request_id_, "converting", 1'000'000)}},
            {"next_cursor", nullptr}}
            .dump());
  }

  std::mutex mutex_;
  std::condition_variable polled_;
  int polls_ = 0;           // guarded by mutex_
  std::string request_id_;  // guarded by mutex_
};

TEST_F(ImportWatchTest, PrintsLines) {
  serve_imports(2);
  EXPECT_EQ(run({"import", "/models/mine.gguf", "--name", "mine"}), 0);
  EXPECT_EQ(out_.str(), "mine\n");
  EXPECT_THAT(err_.str(), StartsWith("1.0 MB of 4.0 MB, converting\nregistered, 2.0 kB"));
  EXPECT_THAT(err_.str(), HasSubstr("note: a note\n"));
}

TEST_F(ImportWatchTest, DrawsABarInATerminal) {
  terminal_ = true;
  serve_imports(2);
  EXPECT_EQ(run({"import", "/models/mine.gguf", "--name", "mine"}), 0);
  EXPECT_THAT(
      err_.str(),
      HasSubstr("\r 25% [#######.......................] 1.0 MB of 4.0 MB  converting"));
  EXPECT_THAT(err_.str(), HasSubstr("\nregistered, 2.0 kB")) << "the bar's line is ended";
}

TEST_F(ImportWatchTest, FollowsAnArchive) {
  serve_imports(2);  // the first one's answer is shown before the second is asked
  base::write_file_atomically(folder_.path() / "in.tar", "bytes");
  EXPECT_EQ(run({"import", (folder_.path() / "in.tar").string()}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("converting"));
  EXPECT_THAT(out_.str(), HasSubstr("mine: 1 versions, ready"));
}

TEST_F(ImportWatchTest, IsQuietForScripts) {
  serve_imports(0);
  EXPECT_EQ(run({"import", "/models/mine.gguf", "--name", "mine", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["name"], "mine");
  EXPECT_THAT(err_.str(), IsEmpty());
  EXPECT_EQ(polls_, 0);
}

TEST_F(ImportWatchTest, IsQuietForWhatIsDoneAtOnce) {
  serve_imports(0);
  EXPECT_EQ(run({"import", "/models/mine.gguf", "--name", "mine"}), 0);
  EXPECT_THAT(err_.str(), Not(HasSubstr("converting")));
}

TEST_F(ImportWatchTest, TellsWhatTheHubRefuses) {
  serve({route("POST", "/models", [](const Request&) -> Response {
    throw base::Error(base::ErrorCode::kConflict, "that name is taken");
  })});
  EXPECT_EQ(error_of({"import", "/models/mine", "--name", "mine"}), "that name is taken");
}

// An older hub has no such list: nothing is shown, the import goes on.
class OlderHub : public ImportWatchTest {
 protected:
  Response list() override {
    static_cast<void>(ImportWatchTest::list());
    throw base::Error(base::ErrorCode::kNotFound, "no route");
  }
};

TEST_F(OlderHub, IsFineToo) {
  serve_imports(2);
  EXPECT_EQ(run({"import", "/models/mine.gguf", "--name", "mine"}), 0);
  EXPECT_THAT(err_.str(), StartsWith("registered"));
}

}  // namespace
}  // namespace hub::api
