#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace hub::hub {

// Below the data folder: what engines keep of prompts (core/base/prefix_files.h).
inline constexpr const char* kPrefixFolder = "prefixes";

// The folders below `root` of models and adapters whose digest is none of `digests`; none when
// there is no such root.
std::vector<std::filesystem::path> stale_prefix_folders(
    const std::filesystem::path& root, const std::set<std::string>& digests);

// The files below `root` of requests whose scope is none of `scopes`.
std::vector<std::filesystem::path> stale_prefix_files(
    const std::filesystem::path& root, const std::set<std::string>& scopes);

// Removes files and folders; what cannot be removed stays, with a warning.
void remove_prefixes(const std::vector<std::filesystem::path>& stale);

}  // namespace hub::hub
