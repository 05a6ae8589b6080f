#include "core/hub/child_process.h"

#include <chrono>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "core/base/channel.h"
#include "core/base/error.h"
#include "core/hub/process_info.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

using std::chrono::seconds;

// Starts `command` and collects its events and its end.
struct Watched {
  explicit Watched(std::vector<std::string> command, std::filesystem::path log = {}) {
    ChildOptions options;
    options.command = std::move(command);
    options.log_file = std::move(log);
    options.on_event = [this](const base::Json& event) {
      static_cast<void>(events.try_push(event.dump()));
    };
    options.on_exit = [this](const ExitStatus& status) {
      static_cast<void>(ends.try_push(status));
    };
    child.emplace(std::move(options));
  }
  base::Channel<std::string> events{100};
  base::Channel<ExitStatus> ends{1};
  std::optional<ChildProcess> child;
};

TEST(ExitStatus, SaysWhereToLookWhenAProgramDidNotStart) {
  EXPECT_EQ((ExitStatus{.code = 1, .signal = 0}).text(), "exit code 1");
  EXPECT_THAT(
      (ExitStatus{.code = 127, .signal = 0}).text(),
      testing::HasSubstr("did not start, mlx-hub doctor"));
}

TEST(ChildProcess, PassesEventsCommandsAndTheExitCode) {
  const test::TempDir folder;
  const auto script = folder.write_script(
      "worker",
      "echo '{\"v\":1,\"type\":\"ready\"}'\n"
      "echo 'not a protocol line'\n"
      "read line\n"
      "echo \"$line\"\n"
      "echo oops >&2\n"
      "exit 3\n");
  Watched watched({script.string()}, folder.path() / "log");
  EXPECT_EQ(watched.events.pop_for(seconds(10)), R"({"v":1,"type":"ready"})");
  EXPECT_TRUE(watched.child->send("attach", {{"id", "a"}}));
  EXPECT_EQ(watched.events.pop_for(seconds(10)), R"({"v":1,"type":"attach","id":"a"})");
  const auto end = watched.ends.pop_for(seconds(10));
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->code, 3);
  EXPECT_FALSE(end->success());
  EXPECT_FALSE(watched.child->running());
  EXPECT_FALSE(watched.child->send("stop", base::Json::object()));
}

TEST(ChildProcess, ReportsTheSignalThatKilledIt) {
  const test::TempDir folder;
  Watched watched({folder.write_script("worker", "read line\n").string()});
  ASSERT_TRUE(process_start_time(watched.child->pid()).has_value());
  watched.child->signal(SIGKILL);
  const auto end = watched.ends.pop_for(seconds(10));
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->signal, SIGKILL);
  EXPECT_THAT(end->text(), testing::HasSubstr("signal 9"));
}

TEST(ChildProcess, EndsTheChildByClosingItsInput) {
  const test::TempDir folder;
  Watched watched({folder.write_script("worker", "cat > /dev/null\nexit 0\n").string()});
  const pid_t pid = watched.child->pid();
  watched.child.reset();
  EXPECT_EQ(process_start_time(pid), std::nullopt);
  EXPECT_TRUE(watched.ends.try_pop()->success());
}

TEST(ChildProcess, SaysWhichProgramCannotStart) {
  try {
    const Watched watched({"/no/such/program"});
    FAIL() << "it started";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("cannot start /no/such/program"));
  }
}

}  // namespace
}  // namespace hub::hub
