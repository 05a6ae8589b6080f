#include "core/train/process_group.h"

#include <cmath>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "tests/support/temp_dir.h"

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): POSIX declares it so
extern char** environ;

namespace hub::train {
namespace {

using base::Json;

// Equal training in one and in several processes: float32 sums in another order, five steps.
constexpr double kTolerance = 1e-5;

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  const bool found = ::bind(socket, any, size) == 0 && ::getsockname(socket, any, &size) == 0;
  ::close(socket);
  return found ? ntohs(address.sin_port) : 0;
}

// Trainings by tests/support/train_rank.cpp, each rank a process of its own.
class RanksTest : public testing::Test {
 protected:
  // What each rank saw.
  std::vector<Json> train(const Json& settings, int ranks) {
    const auto file = folder_.write("settings.json", settings.dump());
    Json hosts = Json::array();
    for (int rank = 0; rank < ranks; ++rank) {
      hosts.push_back(Json::array({fmt::format("127.0.0.1:{}", free_port())}));
    }
    const auto hostfile = folder_.write("hosts.json", hosts.dump());
    std::vector<pid_t> pids;
    for (int rank = 0; rank < ranks; ++rank) {
      std::vector<std::string> environment;
      for (char** entry = environ; *entry != nullptr; ++entry) {
        environment.emplace_back(*entry);
      }
      if (ranks > 1) {
        environment.push_back(fmt::format("MLX_RANK={}", rank));
        environment.push_back("MLX_HOSTFILE=" + hostfile.string());
      }
      pids.push_back(start({HUB_TRAIN_RANK, file.string(), result_file(rank)}, environment));
    }
    std::vector<Json> seen;
    for (int rank = 0; rank < ranks; ++rank) {
      int status = 0;
      ::waitpid(pids[static_cast<std::size_t>(rank)], &status, 0);
      EXPECT_EQ(status, 0) << "rank " << rank;
      seen.push_back(base::parse_json(base::read_file(result_file(rank)), "result"));
      EXPECT_EQ(seen.back().at("rank"), rank);
      EXPECT_EQ(seen.back().at("size"), ranks);
    }
    return seen;
  }

  static double largest_difference(const Json& a, const Json& b) {
    EXPECT_EQ(a.size(), b.size());
    double largest = 0.0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      largest = std::max(largest, std::abs(a[i].get<double>() - b[i].get<double>()));
    }
    return largest;
  }

  // N ranks of batch B are one process of batch N B.
  void expect_equal_to_one_process(Json settings, int ranks = 2) {
    const auto seen = train(settings, ranks);
    settings["batch_size"] = settings.at("batch_size").get<int>() * ranks;
    const Json alone = train(settings, 1).front();
    EXPECT_GT(largest_difference(alone["before"], alone["after"]), 100 * kTolerance);
    EXPECT_LT(largest_difference(seen[0]["after"], alone["after"]), kTolerance);
    EXPECT_LT(largest_difference(seen[0]["losses"], alone["losses"]), kTolerance);
    EXPECT_LT(largest_difference(seen[0]["norms"], alone["norms"]), 1e-4);
    if (alone.contains("evaluations")) {
      EXPECT_LT(largest_difference(seen[0]["evaluations"], alone["evaluations"]), kTolerance);
      EXPECT_EQ(seen[0]["evaluated_rows"], alone["evaluated_rows"]);
    }
    EXPECT_EQ(seen[0]["steps"], alone["steps"]);
    EXPECT_EQ(seen[0]["trained_tokens"], alone["trained_tokens"]);
    EXPECT_EQ(seen[0]["ranks"], ranks);
    EXPECT_NEAR(
        seen[0]["input_tokens_per_trained"].get<double>(),
        alone["input_tokens_per_trained"].get<double>(),
        1e-9);
    expect_equal_ranks(seen);
  }

  // To the bit: else they would drift apart.
  static void expect_equal_ranks(const std::vector<Json>& seen) {
    for (const Json& rank : seen) {
      for (const char* key : {"after", "losses", "norms", "evaluations", "skipped", "error"}) {
        EXPECT_EQ(rank.value(key, Json()), seen.front().value(key, Json())) << key;
      }
    }
  }

  test::TempDir folder_;

 private:
  static pid_t start(std::vector<std::string> command, std::vector<std::string> environment) {
    const auto pointers = [](std::vector<std::string>& strings) {
      std::vector<char*> result;
      result.reserve(strings.size() + 1);
      for (std::string& text : strings) {
        result.push_back(text.data());
      }
      result.push_back(nullptr);
      return result;
    };
    pid_t pid = -1;
    EXPECT_EQ(
        ::posix_spawn(
            &pid,
            command.front().c_str(),
            nullptr,
            nullptr,
            pointers(command).data(),
            pointers(environment).data()),
        0);
    return pid;
  }
  [[nodiscard]] std::string result_file(int rank) const {
    return (folder_.path() / fmt::format("result{}.json", rank)).string();
  }
};

TEST(ProcessGroupTest, AloneItIsTheFirstOfOne) {
  const ProcessGroup group;
  EXPECT_EQ(group.rank(), 0);
  EXPECT_EQ(group.size(), 1);
  EXPECT_TRUE(group.leads());
  const std::vector<std::size_t> rows = {4, 2, 7};
  EXPECT_EQ(group.own_rows(rows), rows);
  EXPECT_EQ(group.sum(std::vector<std::int64_t>{3, -1}), (std::vector<std::int64_t>{3, -1}));
  EXPECT_EQ(group.sum(1.5), 1.5);
  EXPECT_EQ(group.first({2.5, -1.0}), (std::vector<double>{2.5, -1.0}));
  group.need_equal({1, 2}, "numbers");
}

TEST(ProcessGroupTest, JoiningNobodySaysOverWhat) {
  try {
    static_cast<void>(ProcessGroup::join("ring"));  // no MLX_HOSTFILE is set
    FAIL() << "joined";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.reason(), "ranks_not_connected");
    EXPECT_NE(std::string(error.what()).find("over ring"), std::string::npos);
  }
}

TEST_F(RanksTest, SumsEveryArrayWhateverTheBuckets) {
  for (const auto& [bytes, later] :
       {std::pair{1, false}, {1, true}, {60, false}, {1 << 20, true}}) {
    const auto seen = train({{"bucket_bytes", bytes}, {"later", later}}, 3);
    for (const Json& rank : seen) {
      const Json& sums = rank.at("sums");
      EXPECT_EQ(sums[0]["values"], Json(std::vector<double>(12, 6.0)));
      EXPECT_EQ(sums[0]["shape"], Json::array({3, 4}));
      EXPECT_EQ(sums[1]["values"], Json(std::vector<double>(5, 7.5)));
      EXPECT_EQ(sums[2]["values"], Json(std::vector<double>(8, 6.0)));
      EXPECT_TRUE(sums[2]["is_half"].get<bool>());
      EXPECT_EQ(sums[3]["values"], Json::array({600.0}));
      EXPECT_EQ(sums[3]["shape"], Json::array());
      EXPECT_EQ(rank["first"], std::nextafter(1.0, 2.0));
      EXPECT_EQ(rank["added"], (0.1 * 1 + 0.1 * 2) + 0.1 * 3);
    }
  }
}

TEST_F(RanksTest, TwoRanksTrainAsOneWithTwiceTheBatch) {
  expect_equal_to_one_process(
      {{"batch_size", 2}, {"rows", 20}, {"held_out", 7}, {"eval_every", 2}});
}

// As on a GPU: gradients are summed within the graph of the whole step.
TEST_F(RanksTest, BuildingAheadGivesTheSameBits) {
  Json settings = {
      {"batch_size", 1}, {"rows", 21}, {"epochs", 2}, {"held_out", 3}, {"eval_every", 4}};
  const auto at_once = train(settings, 2);
  settings["builds_ahead"] = true;
  const auto ahead = train(settings, 2);
  EXPECT_EQ(ahead[0]["after"], at_once[0]["after"]);
  EXPECT_EQ(ahead[0]["losses"], at_once[0]["losses"]);
  expect_equal_ranks(ahead);
}

TEST_F(RanksTest, AlsoWithClippingAccumulationAndMomentumAlone) {
  expect_equal_to_one_process(
      {{"batch_size", 1},
       {"rows", 20},
       {"grad_accumulation_steps", 2},
       {"max_grad_norm", 0.05},
       {"optimizer", "sgd"},
       {"learning_rate", 0.5}});
}

// 7 rows in batches of 6: the last has one row, so two of three ranks have none in it.
TEST_F(RanksTest, ARankWithoutRowsInABatchStillTakesPart) {
  expect_equal_to_one_process(
      {{"batch_size", 2},
       {"rows", 7},
       {"epochs", 3},
       {"held_out", 1},
       {"eval_every", 3},
       {"optimizer", "sgd"},
       {"learning_rate", 0.02}},  // with much more it diverges, and with it the last bits
      3);
}

TEST_F(RanksTest, PreferencesTrainAsInOneProcess) {
  for (const auto& [objective, rate] : {std::pair{"dpo", 0.1}, {"orpo", 0.02}}) {
    SCOPED_TRACE(objective);
    expect_equal_to_one_process(
        {{"objective", objective},
         {"batch_size", 2},
         {"rows", 11},
         {"epochs", 2},
         {"held_out", 3},
         {"eval_every", 2},
         {"optimizer", "sgd"},
         {"learning_rate", rate}});
  }
}

// In every epoch other ranks get the rows: what one of them learned of a row is all of theirs.
TEST_F(RanksTest, DpoGoesOnWithTheSameBits) {
  Json settings = {
      {"objective", "dpo"},
      {"batch_size", 1},
      {"rows", 9},
      {"epochs", 3},
      {"held_out", 3},
      {"eval_every", 2},
      {"learning_rate", 1e-2}};
  const auto whole = train(settings, 2);
  settings["state_file"] = (folder_.path() / "state.safetensors").string();
  for (const int step : {3, 7}) {
    settings["resume_at"] = step;
    const auto parts = train(settings, 2);
    expect_equal_ranks(parts);
    EXPECT_EQ(parts[0]["steps"], whole[0]["steps"]);
    EXPECT_EQ(parts[0]["after"], whole[0]["after"]) << "stopped after step " << step;
  }
}

TEST_F(RanksTest, ABadBatchOfOneRankSkipsTheStepOnAll) {
  const auto seen =
      train({{"batch_size", 2}, {"rows", 20}, {"poisoned_rank", 1}, {"poisoned_batch", 2}}, 2);
  EXPECT_EQ(seen[0]["skipped"], Json::array({3}));
  EXPECT_EQ(seen[0]["losses"].size(), 4U);
  EXPECT_EQ(seen[0]["steps"], 5);
  expect_equal_ranks(seen);
  const auto ahead = train(
      {{"batch_size", 2},
       {"rows", 20},
       {"poisoned_rank", 1},
       {"poisoned_batch", 2},
       {"builds_ahead", true}},
      2);
  EXPECT_EQ(ahead[0]["skipped"], Json::array({3}));
  expect_equal_ranks(ahead);
}

TEST_F(RanksTest, EachRankHasADropoutOfItsOwn) {
  const Json settings = {{"batch_size", 2}, {"rows", 20}, {"dropout", 0.3}};
  const auto seen = train(settings, 2);
  expect_equal_ranks(seen);
  EXPECT_EQ(train(settings, 2).front()["after"], seen.front()["after"]);
  Json twice = settings;
  twice["batch_size"] = 4;
  EXPECT_GT(largest_difference(train(twice, 1).front()["after"], seen[0]["after"]), kTolerance);
}

TEST_F(RanksTest, AStopReachesAll) {
  const auto seen = train({{"batch_size", 1}, {"rows", 20}, {"stop_at", 3}}, 2);
  EXPECT_NE(seen[0]["error"].get<std::string>().find("after step 3 of 10"), std::string::npos);
  expect_equal_ranks(seen);
}

TEST_F(RanksTest, RanksOfDifferentSettingsDoNotStart) {
  const auto seen = train({{"batch_size", 1}, {"batch_size_of_rank_1", 2}, {"rows", 20}}, 2);
  for (const Json& rank : seen) {
    EXPECT_EQ(rank["error"].get<std::string>().find("ranks_differ: "), 0U) << rank["error"];
    EXPECT_EQ(rank["after"], rank["before"]);
  }
}

}  // namespace
}  // namespace hub::train
