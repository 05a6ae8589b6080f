// The engine worker as a process: each case runs it in a child whose standard input is a file of
// commands, so that it ends when they do, and whose events are read from standard error.
#include "api/worker/engine_worker.h"

#include <cstdlib>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/default_model.h"
#include "tests/support/temp_dir.h"

namespace hub::api {
namespace {

[[noreturn]] void run_in_child(
    const std::filesystem::path& commands, const EngineArguments& arguments) {
  const int input = ::open(commands.c_str(), O_RDONLY);
  ::dup2(input, STDIN_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  std::exit(run_engine(arguments));
}

class EngineWorkerTest : public testing::Test {
 protected:
  // Death tests start the whole program again for the child: no threads are carried over.
  EngineWorkerTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  EngineArguments arguments() const {
    return {
        .model_folder = test::default_model_folder(),
        .name = "smol",
        .socket = folder_.path() / "s",
        .kv_budget_bytes = {},
        .max_running = {}};
  }
  test::TempDir folder_;
};

TEST_F(EngineWorkerTest, IsReadyAndEndsWithItsInput) {
  const auto commands = folder_.write("commands", "");
  EXPECT_EXIT(
      run_in_child(commands, arguments()),
      testing::ExitedWithCode(0),
      R"("type":"ready","socket":".*","weight_bytes":[1-9][0-9]*,"pid":[0-9]+)");
}

TEST_F(EngineWorkerTest, AnswersCommandsAndSurvivesWrongOnes) {
  const auto commands = folder_.write(
      "commands",
      "no json\n"
      R"({"v":1,"type":"attach","id":"a","folder":"/nowhere"})"
      "\n"
      R"({"v":1,"type":"dance"})"
      "\n"
      R"({"v":1,"type":"detach","id":"a"})"
      "\n"
      R"({"v":1,"type":"stop"})"
      "\n"
      R"({"v":1,"type":"detach","id":"after stop"})"
      "\n");
  EXPECT_EXIT(
      run_in_child(commands, arguments()),
      testing::ExitedWithCode(0),
      testing::AllOf(
          testing::ContainsRegex(R"("type":"log","level":"warning","message":"protocol line)"),
          testing::ContainsRegex(R"("type":"attached","id":"a","error":\{"code":")"),
          testing::ContainsRegex(
              R"("message":"command: attach, detach, drain, log_level or stop was wanted)"),
          testing::ContainsRegex(R"("type":"detached","id":"a")"),
          testing::Not(testing::ContainsRegex("after stop"))));
}

TEST_F(EngineWorkerTest, DrainEndsIt) {
  const auto commands = folder_.write(
      "commands",
      R"({"v":1,"type":"drain"})"
      "\n");
  EXPECT_EXIT(run_in_child(commands, arguments()), testing::ExitedWithCode(0), "ready");
}

TEST_F(EngineWorkerTest, FolderWithoutAModelIsAnErrorEvent) {
  EngineArguments wrong = arguments();
  wrong.model_folder = folder_.path();
  const auto commands = folder_.write("commands", "");
  EXPECT_EXIT(
      run_in_child(commands, wrong),
      testing::ExitedWithCode(1),
      R"("type":"error","code":"[a-z_]+","message":".*config.json)");
}

}  // namespace
}  // namespace hub::api
