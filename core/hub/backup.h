#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/json.h"

namespace hub::hub {

// A backup is a folder (docs/storage-format.md):
//   backup.json   what it holds, with the SHA-256 of every file; written last
//   hub.db        the database at one moment, checked
//   files/        copies (or hard links) of blobs/… and datasets/… as in the data folder
enum class BackupArtifacts : std::uint8_t {
  kReference,  // hard links where the file system can, else only named where they lie
  kCopy,
};

struct BackupReport {
  std::filesystem::path folder;
  std::int64_t versions = 0;
  std::int64_t files = 0;       // of versions and data sets
  std::int64_t size_bytes = 0;  // of those files
  std::int64_t copied = 0;      // files that were copied, that are links, that are only named
  std::int64_t linked = 0;
  std::int64_t referenced = 0;
  std::vector<std::string> missing;  // files that the database names and that are not there
};

// Called with what is done and what there is; returns false to stop.
using BackupProgress = std::function<bool(std::int64_t bytes, std::int64_t total_bytes)>;

// Backs the data folder up into `folder`, which must be empty or not exist, while a server may run
// on it: the database by SQLite's online copy, files as that copy names them. Throws kConflict for
// a folder that is not empty, kUnavailable (disk full …, a damaged database), kCancelled; an
// unfinished backup is removed.
BackupReport make_backup(
    const std::filesystem::path& data_folder,
    const std::filesystem::path& folder,
    BackupArtifacts artifacts,
    const base::Clock& clock,
    const BackupProgress& progress = {});

struct RestoreReport {
  std::string made_at;  // of the backup
  std::int64_t files = 0;
  std::int64_t size_bytes = 0;
  std::vector<std::string> missing;           // what was not there or not sound, in words
  std::vector<std::string> damaged_versions;  // folders of versions that lack a file
  std::filesystem::path replaced;  // where what was there before lies now; empty: nothing was
};

// Makes `data_folder` what it was when the backup in `folder` was made. Everything is checked first
// (integrity_check of the database, SHA-256 of every file) and laid out beside; then it takes its
// place. Files that are missing are named, and restoring goes on. A data folder that holds anything
// is refused with kConflict unless `force`, which moves its database and files to
// `replaced-<time>/` inside it. Throws kNotFound for a folder that is no backup, kUnprocessable for
// one that is damaged, was not finished, or comes from a newer program. No server may run: the
// caller holds the folder's lock.
RestoreReport restore_backup(
    const std::filesystem::path& folder,
    const std::filesystem::path& data_folder,
    bool force,
    const base::Clock& clock,
    const BackupProgress& progress = {});

base::Json to_json(const BackupReport& report);
base::Json to_json(const RestoreReport& report);

}  // namespace hub::hub
