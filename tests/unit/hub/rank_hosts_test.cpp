#include "core/hub/rank_hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

using base::Json;
using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.param() + ": " + error.what();
  }
  return "no error";
}

std::string refusal(const Json& hostfile) {
  return error_of([&] { RankHosts::from_json(hostfile); });
}

// mlx/_distributed_utils/common.py › Hostfile.from_file has this one.
const Json kExample = Json::parse(R"({
  "backend": "jaccl", "envs": ["MLX_METAL_FAST_SYNCH=1"],
  "hosts": [
    {"ssh": "127.0.0.1", "ips": ["123.123.123.1"], "rdma": [null, "rdma_en2", "rdma_en3"]},
    {"ssh": "hostname2", "ips": ["123.123.123.2"], "rdma": ["rdma_en2", null, "rdma_en3"]},
    {"ssh": "hostname3", "ips": ["123.123.123.3"], "rdma": ["rdma_en2", "rdma_en3", null]}]})");

TEST(RankHosts, WithoutAFileAllRanksAreHere) {
  const RankHosts hosts;
  hosts.check(64);
  EXPECT_EQ(hosts.local_ranks(3), 3);
  EXPECT_TRUE(hosts.host(2).is_here());
  EXPECT_EQ(hosts.backend(), "auto");
  EXPECT_EQ(hosts.rdma(3), "");
}

TEST(RankHosts, ReadsWhatMlxLaunchReads) {
  const RankHosts hosts = RankHosts::from_json(kExample);
  EXPECT_EQ(hosts.backend(), "jaccl");
  EXPECT_FALSE(hosts.jaccl_ring());
  EXPECT_THAT(hosts.environment(), ElementsAre("MLX_METAL_FAST_SYNCH=1"));
  EXPECT_EQ(hosts.host(1).ssh, "hostname2");
  EXPECT_THAT(hosts.host(1).ips, ElementsAre("123.123.123.2"));
  EXPECT_FALSE(hosts.host(1).is_here());
  EXPECT_EQ(hosts.local_ranks(3), 1);
  EXPECT_EQ(hosts.local_ranks(1), 1);
  EXPECT_EQ(hosts.rdma(2), R"([[null,"rdma_en2","rdma_en3"],["rdma_en2",null,"rdma_en3"]])");
}

TEST(RankHosts, AListOfHostsAloneIsAHostfileToo) {
  Json list = kExample.at("hosts");
  list[1].erase("rdma");
  const RankHosts hosts = RankHosts::from_json(list);
  EXPECT_EQ(hosts.backend(), "auto");
  EXPECT_EQ(hosts.rdma(2), "");
  EXPECT_TRUE(RankHosts::from_json({{"backend", "jaccl-ring"}, {"hosts", list}}).jaccl_ring());
}

TEST(RankHosts, RefusesMoreRanksThanHostsAndAnAbsentFirst) {
  const RankHosts hosts = RankHosts::from_json(kExample);
  hosts.check(3);
  EXPECT_THAT(
      error_of([&] { hosts.check(4); }),
      HasSubstr("params.data_parallel: 'params.data_parallel' must be at most 3"));
  Json elsewhere = kExample;
  elsewhere["hosts"][0]["ssh"] = "mac1";
  const RankHosts others = RankHosts::from_json(elsewhere);
  others.check(1);
  EXPECT_THAT(error_of([&] { others.check(2); }), HasSubstr("it is mac1"));
}

TEST(RankHosts, RefusesWhatIsNoHostfileByField) {
  EXPECT_THAT(refusal(Json::array()), HasSubstr("hosts: 'hosts' must be a list"));
  EXPECT_THAT(refusal({{"hosts", 3}}), HasSubstr("hosts: "));
  EXPECT_THAT(refusal({{"host", Json::array()}}), HasSubstr("host"));
  Json wrong = kExample;
  wrong["backend"] = "gloo";
  EXPECT_THAT(refusal(wrong), HasSubstr("backend: 'backend' must be ring, jaccl"));
  wrong = kExample;
  wrong["envs"] = {"FINE=1", "NOT FINE=$(reboot)"};
  EXPECT_THAT(refusal(wrong), HasSubstr("envs: "));
  wrong = kExample;
  wrong["hosts"][1]["ssh"] = "-oProxyCommand=reboot";
  EXPECT_THAT(refusal(wrong), HasSubstr("hosts[1].ssh: "));
  wrong = kExample;
  wrong["hosts"][2]["ips"] = Json::array();
  EXPECT_THAT(refusal(wrong), HasSubstr("hosts[2].ips: "));
}

TEST(RankHosts, AFileThatCannotBeReadIsNamed) {
  const test::TempDir folder;
  const auto file = folder.write("hosts.json", "{]");
  EXPECT_THAT(error_of([&] { RankHosts::load(file); }), HasSubstr(file.string()));
  EXPECT_THAT(
      error_of([&] { RankHosts::load(folder.path() / "none.json"); }), HasSubstr("hostfile: "));
}

}  // namespace
}  // namespace hub::hub
