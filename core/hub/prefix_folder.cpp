#include "core/hub/prefix_folder.h"

#include <system_error>

#include "core/base/prefix_files.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;

// The entries of a folder that are folders, or that are not; none when it cannot be read.
std::vector<fs::path> entries(const fs::path& folder, bool folders) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored) == folders) {
      found.push_back(entry->path());
    }
  }
  return found;
}

}  // namespace

std::vector<fs::path> stale_prefix_folders(
    const fs::path& root, const std::set<std::string>& digests) {
  std::vector<fs::path> stale;
  for (const fs::path& model : entries(root, true)) {
    if (!digests.contains(model.filename().string())) {
      stale.push_back(model);
      continue;
    }
    for (const fs::path& adapter : entries(model, true)) {
      const std::string name = adapter.filename().string();
      if (name != base::kPrefixesOfBase && !digests.contains(name)) {
        stale.push_back(adapter);
      }
    }
  }
  return stale;
}

std::vector<fs::path> stale_prefix_files(
    const fs::path& root, const std::set<std::string>& scopes) {
  std::set<std::string> tags;
  for (const std::string& scope : scopes) {
    tags.insert(base::prefix_scope_tag(scope));
  }
  std::vector<fs::path> stale;
  for (const fs::path& model : entries(root, true)) {
    for (const fs::path& adapter : entries(model, true)) {
      for (const fs::path& file : entries(adapter, false)) {
        const std::string name = file.filename().string();
        if (!tags.contains(name.substr(0, name.find('-')))) {
          stale.push_back(file);
        }
      }
    }
  }
  return stale;
}

void remove_prefixes(const std::vector<fs::path>& stale) {
  for (const fs::path& path : stale) {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) {
      obs::log::warning(
          "prefixes_not_removed", {{"path", path.string()}, {"error", error.message()}});
    }
  }
  if (!stale.empty()) {
    obs::log::info("stale_prefixes_removed", {{"entries", stale.size()}});
  }
}

}  // namespace hub::hub
