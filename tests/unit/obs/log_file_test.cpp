#include "core/obs/log_file.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/file.h"
#include "tests/support/temp_dir.h"

namespace hub::obs {
namespace {

// Lines from many threads stay whole while files become full; the newest are there.
TEST(LogFile, RotatesUnderLoad) {
  const test::TempDir folder;
  constexpr int writers = 8;
  constexpr int lines = 2000;
  constexpr std::uint64_t most_bytes = 50'000;
  {
    LogFile log(folder.path() / "server.log", most_bytes, 3);
    std::vector<std::thread> threads;
    threads.reserve(writers);
    for (int writer = 0; writer < writers; ++writer) {
      threads.emplace_back([&log, writer] {
        for (int i = 0; i < lines; ++i) {
          EXPECT_TRUE(log.write(fmt::format("<{} {} {}>", writer, i, std::string(20, 'x'))));
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  std::set<std::string> files;
  std::size_t whole = 0;
  std::vector<int> last(writers, -1);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    files.insert(entry.path().filename().string());
    EXPECT_LE(entry.file_size(), most_bytes);
    std::istringstream stream(base::read_file(entry.path()));
    for (std::string line; std::getline(stream, line); ++whole) {
      ASSERT_TRUE(line.starts_with('<') && line.ends_with(">")) << line;
      int writer = 0;
      int number = 0;
      ASSERT_EQ(std::sscanf(line.c_str(), "<%d %d", &writer, &number), 2);
      last.at(static_cast<std::size_t>(writer)) =
          std::max(last.at(static_cast<std::size_t>(writer)), number);
    }
  }
  const std::set<std::string> wanted{"server.log", "server.1.log", "server.2.log", "server.3.log"};
  EXPECT_EQ(files, wanted);
  EXPECT_GT(whole, 3000U) << "three full files of about 1,600 lines and the last";
  EXPECT_EQ(*std::max_element(last.begin(), last.end()), lines - 1);
}

TEST(LogFile, GoesOnInAFileThatIsThere) {
  const test::TempDir folder;
  const auto file = folder.path() / "server.log";
  EXPECT_TRUE(LogFile(file, 1000, 3).write("one"));
  EXPECT_TRUE(LogFile(file, 1000, 3).write("two"));
  EXPECT_EQ(base::read_file(file), "one\ntwo\n");
}

}  // namespace
}  // namespace hub::obs
