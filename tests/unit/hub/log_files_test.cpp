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

TEST(LogFiles, OnlyWhatWorkersWriteIsEmptiedWhenFull) {
  const test::TempDir folder;
  for (const char* name : {"engine-a.log", "server.log", "engine-b.txt"}) {
    std::ofstream(folder.path() / name) << "twelve bytes";
  }
  rotate_logs(folder.path(), 100);
  EXPECT_EQ(std::filesystem::file_size(folder.path() / "engine-a.log"), 12U);
  rotate_logs(folder.path(), 4);
  EXPECT_EQ(std::filesystem::file_size(folder.path() / "engine-a.log"), 0U);
  EXPECT_EQ(base::read_file(folder.path() / "engine-a.log.1"), "twelve bytes");
  EXPECT_EQ(base::read_file(folder.path() / "server.log"), "twelve bytes");
  EXPECT_EQ(base::read_file(folder.path() / "engine-b.txt"), "twelve bytes");
}

TEST(LogFiles, ReadableTurnsRecordsOnly) {
  EXPECT_EQ(
      readable(
          "old line\n"
          R"({"time":"2026-11-23T10:15:30.123Z","level":"info","event":"e","process":"p","n":1})"
          "\n\n{broken"),
      "old line\n2026-11-23T10:15:30.123Z info e n=1\n\n{broken");
  EXPECT_EQ(readable(""), "");
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
