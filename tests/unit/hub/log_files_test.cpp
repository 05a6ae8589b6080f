#include "core/hub/log_files.h"

#include <fstream>

#include <gtest/gtest.h>

#include "core/base/file.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

TEST(LogFiles, RotateAndKeepTheNewest) {
  const test::TempDir folder;
  const auto file = folder.path() / "engine-a.log";
  rotate_log(file, 4, 2);  // nothing there
  for (const char* text : {"first", "second", "third"}) {
    std::ofstream(file, std::ios::app) << text;
    rotate_log(file, 4, 2);
    EXPECT_EQ(std::filesystem::file_size(file), 0U);
  }
  EXPECT_EQ(base::read_file(file.string() + ".1"), "third");
  EXPECT_EQ(base::read_file(file.string() + ".2"), "second");
  EXPECT_FALSE(std::filesystem::exists(file.string() + ".3"));
  std::ofstream(file, std::ios::app) << "four";
  rotate_log(file, 4, 2);
  EXPECT_EQ(base::read_file(file), "four") << "not beyond the limit";
}

TEST(LogFiles, TailTellsWholeLines) {
  const test::TempDir folder;
  const auto file = folder.path() / "x.log";
  EXPECT_EQ(tail(file, 10, 100), "");
  std::ofstream(file) << "one\ntwo\nthree\n";
  EXPECT_EQ(tail(file, 10, 100), "one\ntwo\nthree\n");
  EXPECT_EQ(tail(file, 2, 100), "two\nthree\n");
  EXPECT_EQ(tail(file, 1, 100), "three\n");
  EXPECT_EQ(tail(file, 10, 8), "three\n") << "a cut line is left out";
}

}  // namespace
}  // namespace hub::hub
