#include "core/registry/lineage.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/registry_fixture.h"

namespace hub::registry {
namespace {

using testing::UnorderedElementsAre;

class LineageTest : public test::RegistryFixture {
 protected:
  Version version_of(const std::string& model) {
    return models.newest_ready(models.get_model(model).id).value();
  }
  // "from -relation-> to" with models' names for versions.
  static std::vector<std::string> edges(const LineageGraph& graph) {
    const auto name = [&](const std::string& id) {
      const auto node = std::find_if(
          graph.nodes.begin(), graph.nodes.end(), [&](const auto& one) { return one.id == id; });
      return node == graph.nodes.end() ? "nowhere" : node->name.empty() ? node->id : node->name;
    };
    std::vector<std::string> lines;
    lines.reserve(graph.edges.size());
    for (const LineageEdge& edge : graph.edges) {
      lines.push_back(name(edge.from) + " -" + edge.relation + "-> " + name(edge.to));
    }
    return lines;
  }

  Lineage lineage{storage.pool};
};

TEST_F(LineageTest, FollowsBaseParentDataAndJobBothWays) {
  add_model("base", ready("1"));
  NewVersion first = adapter_of(version_of("base"), "2");
  first.parent_version_id = first.base_version_id;
  first.dataset_digest = base::sha256_hex("facts");
  first.job_id = "job-1";
  add_model("first", first);
  NewVersion second = adapter_of(version_of("base"), "3");
  second.parent_version_id = version_of("first").id;
  second.dataset_digest = first.dataset_digest;
  add_model("second", second);
  add_model("stranger", ready("4"));
  datasets.add(
      {.name = "facts", .digest = first.dataset_digest, .path = "datasets/x", .format = "chat"});

  const std::vector<std::string> expected{
      "base -base-> first",
      "facts -dataset-> first",
      "job-1 -job-> first",
      "base -base-> second",
      "first -parent-> second",
      "facts -dataset-> second"};
  for (const char* start : {"base", "first", "second"}) {
    const LineageGraph graph = lineage.of_version(version_of(start).id);
    EXPECT_THAT(edges(graph), testing::UnorderedElementsAreArray(expected)) << start;
    EXPECT_EQ(graph.nodes.front().name, start);
    EXPECT_EQ(graph.nodes.size(), 5U);
    EXPECT_FALSE(graph.truncated);
  }
  EXPECT_EQ(lineage.of_model("stranger").nodes.size(), 1U);
  EXPECT_EQ(test::thrown_by([&] { lineage.of_version("none"); }).reason, "version_not_found");
  EXPECT_EQ(test::thrown_by([&] { lineage.of_model("none"); }).reason, "model_not_found");
}

TEST_F(LineageTest, StopsAtItsLimitAndSaysSo) {
  const Model model = add_model("chain", ready("0"));
  storage.pool.write([&](auto&) {  // one commit
    for (std::size_t i = 1; i <= Lineage::kMostVersions + 5; ++i) {
      NewVersion version = ready(std::to_string(i));
      version.parent_version_id = version_of("chain").id;
      models.add_version(model.id, version);
    }
  });
  const LineageGraph graph = lineage.of_version(version_of("chain").id);
  EXPECT_TRUE(graph.truncated);
  EXPECT_EQ(graph.nodes.size(), Lineage::kMostVersions);
  EXPECT_EQ(graph.edges.size(), Lineage::kMostVersions - 1) << "no edge leads nowhere";
}

}  // namespace
}  // namespace hub::registry
