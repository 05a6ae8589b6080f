#include "core/hub/machine_facts.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

void run(const std::filesystem::path& folder, const std::string& command) {
  const std::string line = "cd '" + folder.string() + "' && " + command + " >/dev/null 2>&1";
  ASSERT_EQ(std::system(line.c_str()), 0) << line;
}

TEST(MachineFacts, NameTheProcessorAndTheSystem) {
  const base::Json hardware = hardware_facts();
  EXPECT_TRUE(hardware["architecture"].is_string());
  EXPECT_GT(hardware["memory_bytes"], 0);
  const base::Json system = system_facts();
  for (const char* name : {"name", "release", "build"}) {
    EXPECT_TRUE(system[name].is_string()) << name;
  }
  EXPECT_EQ(system.dump().find("\\\""), std::string::npos) << "os-release quotes its values";
#ifndef __APPLE__
  EXPECT_EQ(wired_limit_bytes(), std::nullopt);
#endif
}

TEST(GitState, IsOfTheFileInItsWorkTree) {
  const test::TempDir folder;
  const auto file = folder.write("it's here/config.toml", "threads = 2\n");
  EXPECT_FALSE(git_state(file)) << "no repository";
  EXPECT_FALSE(git_state({}));
  run(folder.path(), "git init");
  EXPECT_FALSE(git_state(file)) << "no commit";
  const std::string commit =
      "git -c user.name=t -c user.email=t@example.org -c commit.gpgsign=false commit -m one";
  static_cast<void>(folder.write("other", "x"));
  run(folder.path(), "git add other && " + commit);
  ASSERT_TRUE(git_state(file));
  EXPECT_TRUE(git_state(file)->dirty) << "not in the commit";
  run(folder.path(), "git add . && " + commit);
  auto state = git_state(file);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->commit.size(), 40U);
  EXPECT_FALSE(state->dirty);
  static_cast<void>(folder.write("other", "changed"));
  EXPECT_FALSE(git_state(file)->dirty) << "another file's change";
  std::ofstream(file, std::ios::app) << "port = 1\n";
  EXPECT_TRUE(git_state(file)->dirty);
  EXPECT_EQ(git_state(file)->commit, state->commit);
  run(folder.path(), "git rm -r --cached . && echo '*' > .gitignore && " + commit);
  EXPECT_TRUE(git_state(file)->dirty) << "ignored";
}

}  // namespace
}  // namespace hub::hub
