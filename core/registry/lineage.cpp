#include "core/registry/lineage.h"

#include <deque>
#include <set>

#include "core/db/statement.h"
#include "core/registry/version_rows.h"

namespace hub::registry {
namespace {

using db::Connection;
using db::Statement;

// Breadth first from the seeds, so that what is left out is far away.
class Walk {
 public:
  explicit Walk(Connection& connection) : connection_(connection) {}

  void seed(const std::string& version_id) { reach(version_id); }

  LineageGraph run() {
    while (!queue_.empty()) {
      visit(queue_.front());
      queue_.pop_front();
    }
    // Edges to what was left out would lead nowhere.
    std::erase_if(graph_.edges, [this](const LineageEdge& edge) {
      return !known_.contains(edge.from) || !known_.contains(edge.to);
    });
    return std::move(graph_);
  }

 private:
  void reach(const std::string& version_id) {
    if (known_.contains(version_id)) {
      return;
    }
    if (versions_ == Lineage::kMostVersions) {
      graph_.truncated = true;
      return;
    }
    ++versions_;
    known_.insert(version_id);
    queue_.push_back(version_id);
  }

  void connect(const std::string& from, const std::string& to, const std::string& relation) {
    if (edges_.insert(from + to + relation).second) {
      graph_.edges.push_back({from, to, relation});
    }
  }

  void visit(const std::string& version_id) {
    const Version version = read_version(connection_, version_id);
    graph_.nodes.push_back(
        {.kind = LineageNode::Kind::kVersion,
         .id = version.id,
         .name = version.model_name,
         .number = version.number,
         .digest = version.digest,
         .state = std::string(to_string(version.state)),
         .version_kind = version.kind});
    if (version.base_version_id) {
      reach(*version.base_version_id);
      connect(*version.base_version_id, version.id, "base");
    }
    if (version.parent_version_id && version.parent_version_id != version.base_version_id) {
      reach(*version.parent_version_id);
      connect(*version.parent_version_id, version.id, "parent");
    }
    if (!version.dataset_digest.empty()) {
      add_dataset(version.dataset_digest);
      connect(version.dataset_digest, version.id, "dataset");
    }
    if (version.job_id) {
      add_job(*version.job_id);
      connect(*version.job_id, version.id, "job");
    }
    Statement made_of_it(
        connection_,
        "SELECT id FROM versions WHERE base_version_id = ?1 OR parent_version_id = ?1 ORDER BY id",
        version.id);
    while (made_of_it.step()) {
      reach(made_of_it.text(0));
    }
  }

  void add_dataset(const std::string& digest) {
    if (!known_.insert(digest).second) {
      return;
    }
    LineageNode node{.kind = LineageNode::Kind::kDataset, .id = digest, .digest = digest};
    Statement row(
        connection_, "SELECT name FROM datasets WHERE digest = ?1 ORDER BY id LIMIT 1", digest);
    if (row.step()) {
      node.name = row.text(0);
    }
    graph_.nodes.push_back(std::move(node));
  }

  void add_job(const std::string& id) {
    if (!known_.insert(id).second) {
      return;
    }
    LineageNode node{.kind = LineageNode::Kind::kJob, .id = id};
    Statement row(connection_, "SELECT kind, state FROM jobs WHERE id = ?1", id);
    if (row.step()) {
      node.name = row.text(0);
      node.state = row.text(1);
    }
    graph_.nodes.push_back(std::move(node));
  }

  Connection& connection_;
  LineageGraph graph_;
  std::set<std::string> known_;  // ids of all nodes
  std::set<std::string> edges_;
  std::deque<std::string> queue_;  // versions to visit
  std::size_t versions_ = 0;
};

}  // namespace

LineageGraph Lineage::of_version(std::string_view version_id) {
  LineageGraph graph;
  pool_.read([&](Connection& connection) {
    Walk walk(connection);
    walk.seed(read_version(connection, version_id).id);
    graph = walk.run();
  });
  return graph;
}

LineageGraph Lineage::of_model(std::string_view id_or_name) {
  LineageGraph graph;
  pool_.read([&](Connection& connection) {
    Walk walk(connection);
    Statement rows(
        connection,
        "SELECT id FROM versions WHERE model_id = ?1 ORDER BY number DESC",
        read_model(connection, id_or_name).id);
    while (rows.step()) {
      walk.seed(rows.text(0));
    }
    graph = walk.run();
  });
  return graph;
}

}  // namespace hub::registry
