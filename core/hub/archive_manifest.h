#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/artifacts/stored_file.h"
#include "core/registry/records.h"

namespace hub::hub {

// A version as another hub finds it.
struct ArchiveReference {
  std::string version_id;  // in the hub that exported
  std::string model;
  std::string digest;
};

struct ArchiveVersion {
  std::string version_id;  // in the hub that exported
  std::int64_t number = 0;
  registry::VersionKind kind = registry::VersionKind::kBase;
  registry::VersionState state = registry::VersionState::kPending;  // pending or ready
  std::string digest;
  std::string config_json = "{}";
  std::string metrics_json = "{}";
  std::optional<ArchiveReference> base;
  std::optional<ArchiveReference> parent;
  std::optional<std::string> job_id;
  std::optional<std::string> dataset_id;
  std::string dataset_digest;
  std::vector<artifacts::StoredFile> files;  // plain names that a version may hold
};

// manifest.json of a model's archive (docs/storage-format.md), which comes from anybody: every
// name, number, size and digest in it was checked.
struct ArchiveManifest {
  std::string name;
  std::string base_model;
  std::string description;
  std::string tags_json = "{}";
  std::vector<ArchiveVersion> versions;         // in the order of their numbers
  std::map<std::string, std::int64_t> aliases;  // of ready versions
  std::map<std::string, std::int64_t> files;    // size by SHA-256: exactly those that versions name

  // Throws kUnprocessable, reason "archive_invalid", naming the field.
  static ArchiveManifest parse(std::string_view text);
};

}  // namespace hub::hub
