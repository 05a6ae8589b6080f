#include "core/hub/garbage.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/hub/prefix_folder.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

constexpr std::chrono::hours kDownloadAge{7 * 24};

[[noreturn]] void fail(std::string_view operation, const fs::path& path, std::error_code error) {
  throw Error(
      ErrorCode::kUnavailable,
      fmt::format("cannot {} {}: {}", operation, path.string(), error.message()));
}

// The entries of a folder; none when it does not exist.
std::vector<fs::directory_entry> entries(const fs::path& folder) {
  std::vector<fs::directory_entry> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    found.push_back(*entry);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    fail("read", folder, error);
  }
  return found;
}

template <typename Work>
bool exists(const Work& get) {
  try {
    static_cast<void>(get());
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) {
      throw;
    }
    return false;
  }
}

}  // namespace

// One run: what was found, and what that sets free.
class Garbage::Search {
 public:
  Search(Garbage& garbage, const GarbageOptions& options)
      : with_(garbage),
        changed_before_(
            fs::file_time_type::clock::now() - std::chrono::seconds(options.min_age_seconds)) {}

  GarbageReport run() {
    version_folders();
    job_folders();
    dataset_folders();
    uploads();
    downloads();
    half_made_blobs();
    prefix_folders();
    for (const auto& [sha256, size_bytes] : with_.artifacts_.loose_blobs(gone_)) {
      add(
          {"blob",
           fs::relative(with_.artifacts_.blob(sha256), with_.root_).string(),
           size_bytes,
           "no version has this file"});
    }
    std::sort(report_.items.begin(), report_.items.end(), [](const auto& a, const auto& b) {
      return std::pair(a.kind, a.path) < std::pair(b.kind, b.path);
    });
    return std::move(report_);
  }

 private:
  [[nodiscard]] bool is_old(const fs::path& path) const {
    std::error_code error;
    const auto changed = fs::last_write_time(path, error);
    return !error && changed <= changed_before_;
  }

  void add(GarbageItem item) {
    report_.size_bytes += item.size_bytes;
    report_.items.push_back(std::move(item));
  }

  void add_tree(const std::string& kind, const fs::path& path, std::string reason) {
    add({kind, fs::relative(path, with_.root_).string(), size_of(path), std::move(reason)});
  }

  // Of files that nothing else links to: what removing the folder sets free.
  static std::int64_t size_of(const fs::path& path) {
    std::int64_t size = 0;
    std::error_code error;
    const auto count = [&](const fs::directory_entry& entry) {
      if (entry.is_regular_file(error) && entry.hard_link_count(error) == 1) {
        size += static_cast<std::int64_t>(entry.file_size(error));
      }
    };
    count(fs::directory_entry(path, error));
    for (fs::recursive_directory_iterator entry(path, error);
         !error && entry != fs::recursive_directory_iterator();
         entry.increment(error)) {
      count(*entry);
    }
    return size;
  }

  // Their files are links to blobs, which count as garbage when nothing else links to them.
  void version_folders() {
    const std::set<std::string> known = with_.models_.stored_folders();
    for (const auto& model : entries(with_.root_ / "artifacts")) {
      for (const auto& version : entries(model.path())) {
        const std::string tag = version.path().filename().string();
        const std::string folder =
            artifacts::ArtifactStore::relative_folder(model.path().filename().string(), tag);
        if (known.contains(folder) || !is_old(version.path())) {
          continue;
        }
        const bool half_made = tag.starts_with(".tmp-");
        add_tree(
            half_made ? "half_made" : "version_folder",
            version.path(),
            half_made ? "an import that did not end" : "the registry has no such version");
        for (const auto& file : entries(version.path())) {
          count_link(file.path());
        }
      }
    }
  }

  // One link less to the blob that this file is.
  void count_link(const fs::path& file) {
    if (blobs_.empty()) {
      for (const auto& folder : entries(with_.root_ / "blobs")) {
        for (const auto& blob :
             folder.is_directory() ? entries(folder.path()) : std::vector<fs::directory_entry>{}) {
          blobs_[artifacts::stamped(blob.path(), {}).inode] = blob.path().filename().string();
        }
      }
    }
    const auto found = blobs_.find(artifacts::stamped(file, {}).inode);
    if (found != blobs_.end()) {
      ++gone_[found->second];
    }
  }

  void job_folders() {
    for (const auto& job : entries(with_.root_ / "jobs")) {
      const std::string id = job.path().filename().string();
      if (base::is_id(id) && is_old(job.path()) && !exists([&] { return with_.queue_.get(id); })) {
        add_tree("job_folder", job.path(), "the job was removed");
      }
    }
  }

  void dataset_folders() {
    for (const auto& dataset : entries(with_.root_ / "datasets")) {
      const std::string id = dataset.path().filename().string();
      if (base::is_id(id) && is_old(dataset.path()) && !with_.datasets_.find(id)) {
        add_tree("dataset_folder", dataset.path(), "the data set was removed");
        for (const auto& file : entries(dataset.path())) {
          count_link(file.path());
        }
      }
    }
  }

  void uploads() {
    for (const auto& upload : entries(with_.root_ / "uploads")) {
      if (is_old(upload.path())) {
        add_tree("upload", upload.path(), "an upload that nobody took");
      }
    }
  }

  // Whoever pulls again goes on with a partial file, so that these are kept for long.
  void downloads() {
    for (const auto& download : entries(with_.root_ / "downloads")) {
      std::error_code error;
      fs::file_time_type newest = fs::last_write_time(download.path(), error);
      for (const auto& file : download.is_directory() ? entries(download.path())
                                                      : std::vector<fs::directory_entry>{}) {
        newest = std::max(newest, fs::last_write_time(file.path(), error));
      }
      if (!error && newest < fs::file_time_type::clock::now() - kDownloadAge) {
        add_tree("download", download.path(), "a download that nobody went on with for a week");
      }
    }
  }

  // Those of keys that are no longer ones go with the key, and at the next start.
  void prefix_folders() {
    const std::set<std::string> digests = with_.models_.digests();
    for (const fs::path& folder : stale_prefix_folders(with_.root_ / kPrefixFolder, digests)) {
      if (is_old(folder)) {
        add_tree("prefixes", folder, "what engines kept of a version that was removed");
      }
    }
  }

  void half_made_blobs() {
    for (const auto& blob : entries(with_.root_ / "blobs")) {
      if (blob.path().filename().string().starts_with(".tmp-") && is_old(blob.path())) {
        add_tree("half_made", blob.path(), "a file that did not arrive whole");
      }
    }
  }

  Garbage& with_;
  const fs::file_time_type changed_before_;
  std::map<std::int64_t, std::string> blobs_;  // SHA-256 by inode, once needed
  std::map<std::string, std::uint64_t> gone_;  // links that go, by SHA-256
  GarbageReport report_;
};

GarbageReport Garbage::collect(const GarbageOptions& options) {
  GarbageReport report = Search(*this, options).run();
  if (!options.remove) {
    return report;
  }
  for (const GarbageItem& item : report.items) {
    // Blobs go by the store, which looks once more.
    std::error_code error;
    if (item.kind != "blob" && (fs::remove_all(root_ / item.path, error), error)) {
      fail("remove", root_ / item.path, error);
    }
    if (item.kind == "version_folder" || item.kind == "half_made") {
      const fs::path parent = (root_ / item.path).parent_path();
      if (parent.parent_path().filename() == "artifacts") {
        fs::remove(parent, error);  // only when empty
      }
    }
  }
  artifacts_.collect_garbage();
  report.removed = true;
  obs::log::info(
      "garbage_collected", {{"items", report.items.size()}, {"bytes", report.size_bytes}});
  return report;
}

}  // namespace hub::hub
