#include "core/hub/archive_manifest.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/artifacts/artifact_store.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/json_reader.h"
#include "core/hub/model_archive.h"
#include "core/registry/alias_registry.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::size_t kLongestText = 10'000;  // of base_model and description
constexpr std::int64_t kMostBytes = INT64_MAX / 2;

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorCode::kInvalidArgument, why);
}

std::string sha256_of(const JsonReader& reader, const char* key) {
  std::string text = reader.string(key);
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (text.size() != 64 || !digits) {
    refuse(
        fmt::format(
            "'{}' must be a SHA-256 of 64 hexadecimal digits, got \"{}\"",
            reader.path_of(key),
            text.substr(0, 80)));
  }
  return text;
}

std::int64_t size_of(const JsonReader& reader) {
  static_cast<void>(reader.value("size_bytes"));
  return reader.optional_int("size_bytes", 0, kMostBytes).value_or(0);
}

std::string short_text(const JsonReader& reader, const char* key) {
  std::string text = reader.optional_string(key).value_or("");
  if (text.size() > kLongestText) {
    refuse(fmt::format("'{}' has more than {} bytes", reader.path_of(key), kLongestText));
  }
  return text;
}

std::string object_text(const JsonReader& reader, const char* key) {
  const Json* object = reader.optional_object(key);
  return object == nullptr ? "{}" : object->dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json& list_of(const JsonReader& reader, const char* key) {
  static_cast<void>(reader.value(key));
  return *reader.optional_array(key);
}

std::optional<ArchiveReference> reference_of(const JsonReader& reader, const char* key) {
  const Json* object = reader.optional_object(key);
  if (object == nullptr) {
    return std::nullopt;
  }
  const JsonReader inner(*object, reader.path_of(key));
  return ArchiveReference{
      inner.string("version_id"),
      inner.string("model").substr(0, 200),
      inner.optional_string("digest").value_or("")};
}

// Names that could lead elsewhere, or that no version may hold, are refused here; the store checks
// again.
std::vector<artifacts::StoredFile> files_of(const JsonReader& reader) {
  std::vector<artifacts::StoredFile> files;
  std::set<std::string> names;
  for (const Json& entry : list_of(reader, "files")) {
    const JsonReader file(entry, reader.path_of("files"));
    artifacts::StoredFile stored{file.string("name"), size_of(file), sha256_of(file, "sha256")};
    if (stored.name.find('/') != std::string::npos || stored.name.find('\0') != std::string::npos ||
        !artifacts::is_version_file(stored.name)) {
      refuse(
          fmt::format(
              "'{}' names \"{}\", which is no plain name of a file that a version may hold",
              reader.path_of("files"),
              stored.name.substr(0, 200)));
    }
    if (!names.insert(stored.name).second) {
      refuse(fmt::format("'{}' names \"{}\" twice", reader.path_of("files"), stored.name));
    }
    files.push_back(std::move(stored));
  }
  return files;
}

ArchiveVersion version_of(const Json& json, std::size_t index) {
  const JsonReader reader(json, fmt::format("versions[{}]", index));
  ArchiveVersion version;
  version.version_id = reader.string("version_id");
  static_cast<void>(reader.value("version"));
  version.number = reader.optional_int("version", 1, INT64_MAX / 2).value_or(1);
  const auto kind = registry::version_kind_from(reader.string("kind"));
  const auto state = registry::version_state_from(reader.string("state"));
  if (!kind || !state || *state == registry::VersionState::kCorrupt) {
    refuse(
        fmt::format(
            "'{}' and '{}' must be a kind of version, and pending or ready",
            reader.path_of("kind"),
            reader.path_of("state")));
  }
  version.kind = *kind;
  version.state = *state;
  version.config_json = object_text(reader, "config");
  version.metrics_json = object_text(reader, "metrics");
  version.base = reference_of(reader, "base");
  version.files = files_of(reader);
  if (version.state == registry::VersionState::kReady) {
    version.digest = sha256_of(reader, "digest");
  } else if (!version.files.empty()) {
    refuse(fmt::format("'{}' is pending and has files", reader.path_of("state")));
  }
  if (const Json* lineage = reader.optional_object("lineage")) {
    const JsonReader inner(*lineage, reader.path_of("lineage"));
    version.parent = reference_of(inner, "parent");
    version.job_id = inner.optional_string("job_id");
    version.dataset_id = inner.optional_string("dataset_id");
    version.dataset_digest = short_text(inner, "dataset_digest");
  }
  return version;
}

// Every file that a version names is listed with that size, and no other.
void check_files(const ArchiveManifest& manifest) {
  std::set<std::string> named;
  for (const ArchiveVersion& version : manifest.versions) {
    for (const artifacts::StoredFile& file : version.files) {
      const auto listed = manifest.files.find(file.sha256);
      if (listed == manifest.files.end() || listed->second != file.size_bytes) {
        refuse(
            fmt::format(
                "'files' does not list {} of version {} with {} bytes",
                file.name,
                version.number,
                file.size_bytes));
      }
      named.insert(file.sha256);
    }
  }
  for (const auto& [sha256, size_bytes] : manifest.files) {
    if (!named.contains(sha256)) {
      refuse(fmt::format("'files' lists {}, which no version has", sha256));
    }
  }
}

void read_aliases(const JsonReader& reader, ArchiveManifest& manifest) {
  const Json* aliases = reader.optional_object("aliases");
  if (aliases == nullptr) {
    return;
  }
  const JsonReader inner(*aliases, "aliases");
  for (const auto& [alias, unused] : aliases->items()) {
    registry::check_alias(alias, "aliases");
    const std::int64_t number = inner.optional_int(alias, 1, INT64_MAX / 2).value_or(0);
    const bool ready = std::any_of(
        manifest.versions.begin(), manifest.versions.end(), [&](const ArchiveVersion& version) {
          return version.number == number && version.state == registry::VersionState::kReady;
        });
    if (!ready) {
      refuse(fmt::format("'aliases.{}' must be the number of a ready version", alias));
    }
    manifest.aliases[alias] = number;
  }
}

ArchiveManifest manifest_of(const Json& json) {
  const JsonReader reader(json);
  if (reader.string("format") != kArchiveFormat) {
    refuse(fmt::format("'format' must be {}", kArchiveFormat));
  }
  static_cast<void>(reader.value("schema"));
  const auto schema = reader.optional_int("schema", 1, 1 << 20).value_or(1);
  if (schema > kArchiveSchema) {
    refuse(
        fmt::format(
            "'schema' is {}, this program reads up to {}: it was made by a newer MLX Model Hub",
            schema,
            kArchiveSchema));
  }
  static_cast<void>(reader.value("model"));
  const JsonReader model(*reader.optional_object("model"), "model");
  ArchiveManifest manifest;
  manifest.name = model.string("name");
  base::check_name(manifest.name, "model.name");
  manifest.base_model = short_text(model, "base_model");
  manifest.description = short_text(model, "description");
  manifest.tags_json = object_text(model, "tags");
  std::int64_t total = 0;
  for (const Json& file : list_of(reader, "files")) {
    const JsonReader entry(file, "files");
    const std::int64_t size_bytes = size_of(entry);
    if (!manifest.files.emplace(sha256_of(entry, "sha256"), size_bytes).second) {
      refuse(fmt::format("'files' lists {} twice", entry.string("sha256")));
    }
    if (size_bytes > kMostBytes - total) {
      refuse(fmt::format("'files' lists more than {} bytes in all", kMostBytes));
    }
    total += size_bytes;
  }
  for (const Json& version : list_of(reader, "versions")) {
    manifest.versions.push_back(version_of(version, manifest.versions.size()));
    const std::size_t count = manifest.versions.size();
    if (count > 1 && manifest.versions[count - 2].number >= manifest.versions[count - 1].number) {
      refuse("'versions' must be in the order of their numbers");
    }
  }
  check_files(manifest);
  read_aliases(reader, manifest);
  return manifest;
}

}  // namespace

ArchiveManifest ArchiveManifest::parse(std::string_view text) {
  try {
    return manifest_of(base::parse_json(text, kArchiveManifest));
  } catch (const Error& error) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("the archive is refused: {}: {}", kArchiveManifest, error.what()),
        error.param(),
        "archive_invalid");
  }
}

}  // namespace hub::hub
