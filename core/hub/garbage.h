#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/artifacts/artifact_store.h"
#include "core/jobs/job_queue.h"
#include "core/registry/dataset_registry.h"
#include "core/registry/model_registry.h"

namespace hub::hub {

// Something in the data folder that nothing needs any more.
struct GarbageItem {
  std::string kind;  // blob, version_folder, half_made, job_folder, dataset_folder, upload,
                     // download, prefixes
  std::string path;  // below the data folder
  std::int64_t size_bytes = 0;  // that removing it sets free
  std::string reason;
};

struct GarbageReport {
  std::vector<GarbageItem> items;  // by kind and path
  std::int64_t size_bytes = 0;     // of all
  bool removed = false;
};

struct GarbageOptions {
  bool remove = false;
  // What was changed less than so long ago is left alone: with a server running it may be a file on
  // its way in. Blobs need no such time, the store knows those. 0 only with the data folder locked.
  std::int64_t min_age_seconds = 3600;
};

// Finds what crashes and removals leave in the data folder: blobs that no version has, version
// folders without a row, half-made files, folders of jobs and data sets that were removed, uploads
// that nobody took, downloads that nobody went on with for a week, kept prefixes of versions that
// are gone. Never touches the database, its
// backups, `imports/`, `logs/`, or anything it does not know. Backups that share blobs by hard
// links keep those alive. Thread-safe.
class Garbage {
 public:
  Garbage(
      std::filesystem::path data_folder,
      jobs::JobQueue& queue,
      artifacts::ArtifactStore& artifacts,
      registry::ModelRegistry& models,
      registry::DatasetRegistry& datasets)
      : root_(std::move(data_folder)),
        queue_(queue),
        artifacts_(artifacts),
        models_(models),
        datasets_(datasets) {}

  // Throws kUnavailable for a folder that cannot be read or changed.
  GarbageReport collect(const GarbageOptions& options);

 private:
  class Search;

  const std::filesystem::path root_;
  jobs::JobQueue& queue_;
  artifacts::ArtifactStore& artifacts_;
  registry::ModelRegistry& models_;
  registry::DatasetRegistry& datasets_;
};

}  // namespace hub::hub
