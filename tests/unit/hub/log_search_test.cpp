#include "core/hub/log_search.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/time.h>

#include "core/base/clock.h"
#include "core/hub/backward_lines.h"
#include "core/hub/log_follower.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kBegin = 1'700'000'000'000;  // 2023-11-14T22:13:20Z

class LogSearchTest : public testing::Test {
 protected:
  LogSearchTest() {
    std::filesystem::create_directories(folder_.path() / "logs");
    std::filesystem::create_directories(folder_.path() / "jobs" / "j1");
  }

  // Appends a record of `seconds` after the beginning.
  void add(
      const std::string& file,
      double seconds,
      std::string_view event,
      obs::log::Fields fields = {},
      obs::log::Level level = obs::log::Level::kInfo,
      std::string_view process = "server") {
    const auto time_ms = kBegin + static_cast<std::int64_t>(seconds * 1000);
    add_text(
        file,
        obs::log::format_record(
            obs::log::Format::kJson,
            {.time_ms = time_ms,
             .level = level,
             .event = event,
             .process = process,
             .fields = {fields.begin(), fields.size()}}) +
            "\n",
        time_ms);
  }

  void add_text(const std::string& file, const std::string& text, std::int64_t time_ms = kBegin) {
    const auto path = folder_.path() / file;
    std::ofstream(path, std::ios::app) << text;
    const timeval time{.tv_sec = time_ms / 1000, .tv_usec = 0};
    const timeval times[2] = {time, time};
    ::utimes(path.c_str(), times);
  }

  LogPage search(
      const LogFilter& filter = {},
      std::size_t limit = 100,
      std::optional<LogPosition> before = std::nullopt,
      std::uint64_t most_bytes = kMostSearchedBytes) {
    return search_logs(log_sources(folder_.path(), filter), filter, limit, before, most_bytes);
  }

  static std::vector<std::string> events(const std::vector<base::Json>& records) {
    std::vector<std::string> names;
    names.reserve(records.size());
    for (const base::Json& record : records) {
      names.push_back(record["event"].get<std::string>());
    }
    return names;
  }
  std::vector<std::string> found(const LogFilter& filter) { return events(search(filter).records); }

  test::TempDir folder_;
};

TEST_F(LogSearchTest, MergesAllFilesNewestFirst) {
  add("logs/server.2.log", 1, "a");
  add("logs/server.1.log", 2, "b");
  add("logs/engine-m.log.1", 3, "c", {}, obs::log::Level::kInfo, "engine m");
  add("logs/server.log", 4, "d");
  add("jobs/j1/log.txt", 5, "e");
  add("logs/engine-m.log", 6, "f");
  add("jobs/j1/log.rank1.txt", 7, "g");
  add("logs/server.log", 8, "h");
  add("logs/other.txt", 9, "none of ours");
  add("jobs/j1/notes.txt", 9, "none of ours");
  const LogPage page = search();
  EXPECT_THAT(events(page.records), ElementsAre("h", "g", "f", "e", "d", "c", "b", "a"));
  EXPECT_FALSE(page.next);
  EXPECT_FALSE(page.stopped_early);
}

TEST_F(LogSearchTest, FiltersByWhatRecordsSay) {
  add("logs/server.log", 1, "debugged", {}, obs::log::Level::kDebug);
  add("logs/server.log", 2, "asked", {{"request_id", "r1"}, {"trace_id", "t1"}});
  add("logs/server.log", 3, "asked", {{"request_id", "r2"}, {"path", "/r1"}});
  add("logs/engine-m.log",
      4,
      "said",
      {{"request_id", "r1"}},
      obs::log::Level::kWarning,
      "engine m");
  add("jobs/j1/log.txt", 5, "trained", {{"job_id", "j1"}}, obs::log::Level::kError, "job j1");
  add("logs/server.log", 6, "job_started", {{"job_id", "j1"}});
  EXPECT_THAT(found({.level = obs::log::Level::kWarning}), ElementsAre("trained", "said"));
  EXPECT_THAT(found({.level = obs::log::Level::kInfo}).size(), 5U);
  EXPECT_THAT(found({.event = "asked"}).size(), 2U);
  EXPECT_THAT(
      found({.without = "asked"}), ElementsAre("job_started", "trained", "said", "debugged"));
  EXPECT_THAT(found({.process = "engine m"}), ElementsAre("said"));
  EXPECT_THAT(found({.process = "server", .request_id = "r1"}), ElementsAre("asked"));
  EXPECT_THAT(found({.request_id = "r1"}), ElementsAre("said", "asked"));
  EXPECT_THAT(found({.job_id = "j1"}), ElementsAre("job_started", "trained"));
  EXPECT_THAT(found({.trace_id = "t1"}), ElementsAre("asked"));
  EXPECT_THAT(found({.text = "/r1"}), ElementsAre("asked"));
  EXPECT_THAT(found({.text = "nowhere"}), IsEmpty());
  EXPECT_THAT(
      found({.since_ms = kBegin + 4000, .until_ms = kBegin + 5000}),
      ElementsAre("trained", "said"));
}

TEST_F(LogSearchTest, PagesTellEachRecordOnceThoughTimesAreEqual) {
  for (int i = 0; i < 30; ++i) {
    const int second = i / 10;
    add(i % 2 == 0 ? "logs/server.log" : "logs/engine-m.log", second, fmt::format("e{}", i));
  }
  std::multiset<std::string> all;
  std::optional<LogPosition> before;
  int pages = 0;
  do {
    const LogPage page = search({}, 7, before);
    for (const std::string& event : events(page.records)) {
      all.insert(event);
    }
    before = page.next ? LogPosition::from(page.next->text()) : std::nullopt;
    add("logs/server.log", 100, "new");  // what comes meanwhile is on no later page
  } while (before && ++pages < 10);
  EXPECT_EQ(all.size(), 30U);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 30U);
  EXPECT_EQ(all.count("new"), 0U);
}

TEST_F(LogSearchTest, LinesOutOfOrderAreNotLost) {
  add("logs/server.log", 1.0, "a");
  add("logs/server.log", 1.2, "later");
  add("logs/server.log", 1.1, "earlier");
  add("logs/engine-m.log", 1.15, "between");
  std::vector<std::string> all;
  std::optional<LogPosition> before;
  do {
    const LogPage page = search({}, 1, before);
    for (const std::string& event : events(page.records)) {
      all.push_back(event);
    }
    before = page.next;
  } while (before && all.size() < 10);
  EXPECT_THAT(all, testing::UnorderedElementsAre("a", "later", "earlier", "between"));
}

TEST_F(LogSearchTest, DamagedLinesAreToldAsWarnings) {
  add("logs/engine-m.log", 1, "whole");
  add_text("logs/engine-m.log", "terminate called: \x1b[31m\xff\n");
  add_text(
      "logs/engine-m.log",
      R"({"time":"2023-11-14T22:13:22.000Z","level":"info","ev)"
      "\n");
  add_text("logs/engine-m.log", "\n\n{}\n[1]\n");
  add("logs/engine-m.log", 3, "last");
  add_text("logs/engine-m.log", R"({"time":"being wri)", kBegin + 3000);
  const LogPage page = search();
  EXPECT_THAT(
      events(page.records), ElementsAre("last", "output", "output", "output", "output", "whole"));
  EXPECT_EQ(page.records[3]["time"], "2023-11-14T22:13:22.000Z");
  const base::Json& raw = page.records[4];
  EXPECT_EQ(raw["level"], "warning");
  EXPECT_EQ(raw["process"], "engine m");
  EXPECT_EQ(raw["message"], "terminate called: \x1b[31m\xff");
  EXPECT_THAT(found({.level = obs::log::Level::kError}), IsEmpty());
  EXPECT_THAT(found({.level = obs::log::Level::kWarning}).size(), 4U);
}

TEST_F(LogSearchTest, NeverReadsMoreThanItMay) {
  for (int i = 0; i < 8000; ++i) {
    add("logs/server.log", i, "e", {{"n", i}, {"text", std::string(100, 'x')}});
  }
  LogPage page = search({.text = "\"n\":5,"}, 10, std::nullopt, 300'000);
  EXPECT_TRUE(page.stopped_early);
  EXPECT_THAT(page.records, IsEmpty());
  int calls = 1;
  while (page.next && page.records.empty() && calls < 100) {
    page = search({.text = "\"n\":5,"}, 10, page.next, 300'000);
    ++calls;
  }
  ASSERT_EQ(page.records.size(), 1U) << "going on finds it";
  EXPECT_GT(calls, 3);
}

TEST_F(LogSearchTest, FindsAnOldTimeWithoutReadingWhatIsLater) {
  for (int i = 0; i < 8000; ++i) {
    add("logs/server.log", i, "e", {{"n", i}, {"text", std::string(200, 'x')}});
  }
  for (const int n : {0, 1, 17, 3000, 7999}) {
    const LogPage page = search({.until_ms = kBegin + n * 1000}, 1, std::nullopt, 700'000);
    ASSERT_EQ(page.records.size(), 1U) << n;
    EXPECT_EQ(page.records[0]["n"], n);
    EXPECT_FALSE(page.stopped_early) << "of 2.5 MB";
  }
}

TEST_F(LogSearchTest, LongLinesAreCutAndTheOthersStay) {
  add("logs/engine-m.log", 1, "first");
  add_text("logs/engine-m.log", std::string(1'000'000, 'y') + "\n");
  add("logs/engine-m.log", 2, "second");
  const LogPage page = search();
  EXPECT_THAT(events(page.records), ElementsAre("second", "output", "first"));
  EXPECT_LE(page.records[1]["message"].get<std::string>().size(), 128U << 10U);
}

TEST_F(LogSearchTest, NoFilesNoRecords) {
  std::filesystem::remove_all(folder_.path() / "logs");
  std::filesystem::remove_all(folder_.path() / "jobs");
  EXPECT_THAT(search().records, IsEmpty());
  EXPECT_FALSE(search().next);
}

TEST_F(LogSearchTest, APositionIsReadBackOrRefused) {
  EXPECT_EQ(LogPosition::from("5-7")->time_ms, 5);
  EXPECT_EQ(LogPosition::from("5-7")->seen, 7U);
  for (const char* text : {"", "5", "5-", "-7", "5-7x", "x-7", "-5-7", "5--7"}) {
    EXPECT_FALSE(LogPosition::from(text)) << text;
  }
}

TEST_F(LogSearchTest, AFollowerTellsWhatIsNewOverARotation) {
  add("logs/server.log", 1, "before");
  add("logs/engine-m.log", 1, "before");
  LogFollower follower(folder_.path(), {.text = "new"});
  EXPECT_EQ(follower.sources().size(), 2U);
  EXPECT_THAT(follower.poll(), IsEmpty());
  add("logs/server.log", 3, "new2");
  add("logs/engine-m.log", 2, "new1");
  add("logs/engine-m.log", 2, "other");
  add_text("logs/server.log", R"({"time":"half of a new)");
  EXPECT_THAT(events(follower.poll()), ElementsAre("new1", "new2"));
  EXPECT_THAT(follower.poll(), IsEmpty());
  add_text("logs/server.log", " line\"}\n");
  EXPECT_THAT(events(follower.poll()), ElementsAre("output"));

  // As the server's own log is rotated, and as those of engines are.
  add("logs/server.log", 4, "new3");
  std::filesystem::rename(folder_.path() / "logs/server.log", folder_.path() / "logs/server.1.log");
  add("logs/server.log", 5, "new4");
  add("logs/engine-m.log", 6, "new5");
  std::filesystem::copy_file(
      folder_.path() / "logs/engine-m.log", folder_.path() / "logs/engine-m.log.1");
  std::filesystem::resize_file(folder_.path() / "logs/engine-m.log", 0);
  add("logs/engine-m.log", 7, "new6");
  add("jobs/j1/log.txt", 8, "new7");
  EXPECT_THAT(events(follower.poll()), ElementsAre("new3", "new4", "new5", "new6", "new7"));
  EXPECT_THAT(follower.poll(), IsEmpty());
}

TEST_F(LogSearchTest, AFollowerSinceATimeTellsNoOlderFileAsNew) {
  add("logs/engine-m.log", 1, "old");
  add("logs/server.log", 10, "late");
  LogFollower follower(folder_.path(), {.since_ms = kBegin + 5000});
  EXPECT_EQ(follower.sources().size(), 1U);
  EXPECT_THAT(follower.poll(), IsEmpty());
  add("logs/engine-m.log", 11, "new");
  EXPECT_THAT(events(follower.poll()), ElementsAre("new"));
}

}  // namespace
}  // namespace hub::hub
