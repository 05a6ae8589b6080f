#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/artifacts/artifact_store.h"
#include "core/base/json.h"
#include "core/hf/cache.h"
#include "core/hf/client.h"
#include "core/hf/settings.h"
#include "core/hf/snapshot.h"

namespace hub::hub {

// A file of a repository and where its bytes come from.
struct PlannedFile {
  enum class Source : std::uint8_t {
    kDownload,
    kCache,   // the user's Hugging Face cache: used without copying
    kStored,  // the artifact store has the same content already
  };
  hf::RemoteFile remote;
  Source source = Source::kDownload;
  std::filesystem::path local;     // of kCache and kStored
  std::int64_t partial_bytes = 0;  // of kDownload: what an earlier attempt left
};

// What pulling a repository means, known before gigabytes move.
struct PullPlan {
  hf::Snapshot snapshot;  // its files: only those that a model or adapter needs
  bool is_adapter = false;
  std::vector<PlannedFile> files;
  std::uint64_t disk_free_bytes = 0;
  std::uint64_t memory_required_bytes = 0;  // to serve it with one usual conversation; adapters: 0
  std::uint64_t memory_budget_bytes = 0;

  [[nodiscard]] std::uint64_t total_bytes() const;
  [[nodiscard]] std::uint64_t download_bytes() const;  // still to come
  [[nodiscard]] std::uint64_t disk_required_bytes() const;
  [[nodiscard]] bool fits_disk() const { return disk_required_bytes() <= disk_free_bytes; }
  [[nodiscard]] bool fits_memory() const { return memory_required_bytes <= memory_budget_bytes; }

  // Throws kUnprocessable with the figures: "insufficient_memory", "insufficient_disk".
  void refuse_unless_fits() const;
  // {"repository","revision","commit","from_cache","kind","files":[{"name","size_bytes","source"}],
  //  "total_bytes","download_bytes","disk_required_bytes","disk_free_bytes",
  //  "memory_required_bytes","memory_budget_bytes","fits_disk","fits_memory"}
  [[nodiscard]] base::Json to_json() const;
};

// Asks the Hub what a repository holds, reads its configuration and the headers of its weights (a
// few KB each) and checks both, so that what cannot be loaded is told before it is downloaded.
// Thread-safe.
class PullPlanner {
 public:
  struct Options {
    std::filesystem::path downloads_folder;              // made where it is missing
    std::function<std::uint64_t()> memory_budget_bytes;  // asked anew for each plan
    std::function<hf::Settings()> settings;              // asked anew for each plan
  };
  PullPlanner(Options options, const artifacts::ArtifactStore& store);

  // A Hub that cannot be reached is no matter when the user's cache holds the whole revision.
  // Throws what hf::Client throws, and kUnprocessable when the repository is no model that this
  // program can load.
  [[nodiscard]] PullPlan plan(
      const std::string& repository,
      const std::string& revision,
      const std::atomic<bool>* stopping = nullptr) const;

  // Where the files of a repository arrive.
  [[nodiscard]] std::filesystem::path download_folder(const std::string& repository) const;
  [[nodiscard]] const std::filesystem::path& downloads_folder() const {
    return options_.downloads_folder;
  }
  [[nodiscard]] hf::Settings settings() const { return options_.settings(); }

 private:
  void complete(PullPlan& plan, hf::Client& client, const hf::Cache& cache) const;
  void locate(PullPlan& plan, hf::Client& client, const hf::Cache& cache) const;
  void estimate(PullPlan& plan, hf::Client& client) const;

  const Options options_;
  const artifacts::ArtifactStore& store_;
};

}  // namespace hub::hub
