#pragma once

#include <filesystem>
#include <string>

namespace hub::artifacts {

// Files outside of versions that share the store's blobs/{first two digits}/{sha256}, so that the
// same bytes lie on disk once. `data_folder` is the store's.

// Makes `file`, whose SHA-256 is given, one with its blob, which it becomes where there is none.
// The file keeps its name and is read-only from then on. At every moment it is there whole, and the
// blob has a link besides its own, so that nobody collects it. Throws kUnavailable.
void share_by_digest(
    const std::filesystem::path& data_folder,
    const std::filesystem::path& file,
    const std::string& sha256);

// Removes `file`, and its blob when nothing else has it. Never throws: what cannot be removed is
// garbage for the next collection.
void remove_shared(
    const std::filesystem::path& data_folder,
    const std::filesystem::path& file,
    const std::string& sha256);

}  // namespace hub::artifacts
