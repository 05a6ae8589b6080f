#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/artifacts/stored_file.h"

namespace hub::hub {

// What the two halves of backups (backup.cpp, restore.cpp) share.

inline constexpr const char* kBackupFormat = "mlx-hub-backup";
inline constexpr int kBackupSchema = 1;
inline constexpr const char* kBackupManifest = "backup.json";

// Where a blob lies below the data folder: "blobs/{first two digits}/{sha256}".
std::string blob_path(const std::string& sha256);

// Copies into a new file and syncs it. The difference to what is recorded in words, leaving no
// target: missing, another size, another SHA-256 (unless none is recorded). Sets `sha256`. Throws
// kUnavailable when the target cannot be written, kCancelled.
std::optional<std::string> copy_checked(
    const std::filesystem::path& source,
    const std::filesystem::path& target,
    const artifacts::StoredFile& recorded,
    std::string& sha256,
    const artifacts::ReadProgress& progress);

}  // namespace hub::hub
