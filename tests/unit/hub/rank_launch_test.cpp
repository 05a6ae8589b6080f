#include "core/hub/rank_launch.h"

#include <cstdlib>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

using base::Json;
using testing::ElementsAre;
using testing::HasSubstr;

std::map<std::string, std::string> environment_of(const RankLaunch& launch) {
  std::map<std::string, std::string> result;
  for (const std::string& entry : launch.environment) {
    const std::size_t equals = entry.find('=');
    result[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return result;
}

class RankLaunchTest : public testing::Test {
 protected:
  std::vector<RankLaunch> launch(int ranks, const RankHosts& hosts = {}, int threads = 0) {
    return launch_ranks(
        {.worker_executable = "/opt/worker", .threads = threads, .ssh = "my-ssh"},
        hosts,
        ranks,
        folder_.path());
  }
  // The words of a worker here, and what follows.
  [[nodiscard]] std::vector<std::string> command(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {
        "/opt/worker",
        "job",
        "--spec",
        (folder_.path() / "spec.json").string(),
        "--job-id",
        folder_.path().filename().string(),
        "--log-format",
        "json",
        "--log-level",
        "info"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  test::TempDir folder_;
};

TEST_F(RankLaunchTest, OneRankIsAWorkerAsEver) {
  const auto launches = launch(1);
  ASSERT_EQ(launches.size(), 1U);
  EXPECT_EQ(launches[0].command, command());
  EXPECT_TRUE(launches[0].environment.empty());
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "hosts.json"));
  EXPECT_EQ(launch(1, {}, 3)[0].command, command({"--threads", "3"}));
}

TEST_F(RankLaunchTest, RanksHereMeetAtFreePortsAndShareTheThreads) {
  const auto launches = launch(3, {}, 7);
  ASSERT_EQ(launches.size(), 3U);
  const Json hosts = base::parse_json(base::read_file(folder_.path() / "hosts.json"), "hosts.json");
  ASSERT_EQ(hosts.size(), 3U);
  std::set<std::string> addresses;
  for (std::size_t rank = 0; rank < 3; ++rank) {
    ASSERT_EQ(hosts[rank].size(), 1U);
    addresses.insert(hosts[rank][0].get<std::string>());
    EXPECT_THAT(hosts[rank][0].get<std::string>(), HasSubstr("127.0.0.1:"));
    auto environment = environment_of(launches[rank]);
    EXPECT_EQ(environment["MLX_RANK"], std::to_string(rank));
    EXPECT_EQ(environment["MLX_WORLD_SIZE"], "3");
    EXPECT_EQ(environment["MLX_HOSTFILE"], (folder_.path() / "hosts.json").string());
    EXPECT_EQ(environment["NCCL_HOST_IP"], "127.0.0.1");
    EXPECT_EQ(environment["NCCL_PORT"], environment_of(launches[0])["NCCL_PORT"]);
    EXPECT_EQ(environment["NCCL_SOCKET_IFNAME"], "lo");
    EXPECT_EQ(environment.count("MLX_IBV_DEVICES"), 0U);
    EXPECT_EQ(launches[rank].command, command({"--threads", "2"}));
  }
  EXPECT_EQ(addresses.size(), 3U);
  EXPECT_THAT(launch(64)[63].command, testing::Contains("--threads"));
  EXPECT_EQ(launch(64, {}, 2)[0].command.back(), "1");
}

TEST_F(RankLaunchTest, GpusAreThoseThatThisProcessMayUse) {
  ASSERT_EQ(::unsetenv("CUDA_VISIBLE_DEVICES"), 0);
  EXPECT_EQ(environment_of(launch(2)[1])["CUDA_VISIBLE_DEVICES"], "1");
  ASSERT_EQ(::setenv("CUDA_VISIBLE_DEVICES", "4,6", 1), 0);
  EXPECT_EQ(environment_of(launch(2)[1])["CUDA_VISIBLE_DEVICES"], "6");
  ASSERT_EQ(::unsetenv("CUDA_VISIBLE_DEVICES"), 0);
}

RankHosts two_macs() {
  return RankHosts::from_json(
      Json::parse(R"({"backend": "jaccl-ring", "envs": ["A=it's"], "hosts": [
        {"ssh": "localhost", "ips": ["10.0.0.1"], "rdma": [null, "rdma_en2"]},
        {"ssh": "user@mac2", "ips": ["10.0.0.2", "10.0.1.2"], "rdma": ["rdma_en2", null]}]})"));
}

TEST_F(RankLaunchTest, OtherHostsAreReachedBySsh) {
  const auto launches = launch(2, two_macs());
  EXPECT_FALSE(launches[0].elsewhere);
  auto here = environment_of(launches[0]);
  EXPECT_EQ(
      base::read_file(here["MLX_HOSTFILE"]),
      R"([["10.0.0.1:32323"],["10.0.0.2:32324","10.0.1.2:32325"]])");
  EXPECT_EQ(base::read_file(here["MLX_IBV_DEVICES"]), R"([[null,"rdma_en2"],["rdma_en2",null]])");
  EXPECT_EQ(here["MLX_JACCL_COORDINATOR"], "10.0.0.1:32323");
  EXPECT_EQ(here["MLX_JACCL_RING"], "1");
  EXPECT_EQ(here["A"], "it's");
  EXPECT_EQ(here.count("NCCL_SOCKET_IFNAME"), 0U);

  EXPECT_TRUE(launches[1].elsewhere);
  EXPECT_TRUE(launches[1].environment.empty());
  const auto& command = launches[1].command;
  ASSERT_GE(command.size(), 4U);
  EXPECT_EQ(command[0], "/usr/bin/env");
  EXPECT_EQ(command[1], "my-ssh");
  EXPECT_EQ(command[command.size() - 3], "--");
  EXPECT_EQ(command[command.size() - 2], "user@mac2");
}

// The remote side's script, run here with a worker that tells what it got.
TEST_F(RankLaunchTest, TheRemoteScriptGivesTheWorkerItsPlace) {
  const auto worker = folder_.write_script(
      "it's a worker",
      "echo \"$MLX_RANK $A $*\"; cat \"$MLX_HOSTFILE\" \"$MLX_IBV_DEVICES\"; echo; "
      "echo \"$MLX_HOSTFILE\"; cat\n");
  const auto launches = launch_ranks(
      {.worker_executable = worker, .threads = 4, .log_level = obs::log::Level::kDebug},
      two_macs(),
      2,
      folder_.path());
  const auto script = folder_.write_script("remote", launches[1].command.back());
  const auto output = folder_.path() / "output";
  ASSERT_EQ(
      std::system(fmt::format("echo spec | {} > {}", script.string(), output.string()).c_str()), 0);
  std::istringstream lines(base::read_file(output));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(
      line,
      "1 it's job --spec - --job-id " + folder_.path().filename().string() +
          " --log-format json --log-level debug --threads 4");
  std::getline(lines, line);
  EXPECT_EQ(
      line,
      R"([["10.0.0.1:32323"],["10.0.0.2:32324","10.0.1.2:32325"]])"
      R"([[null,"rdma_en2"],["rdma_en2",null]])");
  std::getline(lines, line);
  EXPECT_FALSE(std::filesystem::exists(line)) << "left behind";
  std::getline(lines, line);
  EXPECT_EQ(line, "spec");
}

TEST_F(RankLaunchTest, MoreRanksThanHostsAreRefused) {
  EXPECT_THROW(launch(3, two_macs()), base::Error);
}

}  // namespace
}  // namespace hub::hub
