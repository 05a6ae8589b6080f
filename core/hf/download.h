#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "core/hf/settings.h"
#include "core/hf/snapshot.h"

namespace hub::hf {

struct DownloadProgress {
  std::int64_t done_bytes = 0;  // with what an earlier attempt left
  std::int64_t total_bytes = 0;
  int done_files = 0;
  int total_files = 0;
};

// A file that is here, complete, and has the content that the Hub named.
struct FetchedFile {
  std::string name;
  std::filesystem::path path;
  std::int64_t size = 0;
  std::string sha256;
};

// Downloads files of one commit into a folder, a few at a time. A file grows as
// `{content name}.part` and is renamed to `{content name}` once its size and hash are right, so
// that a later attempt, also of another process, goes on by Range where this one stopped. Lost
// connections, 429 and 5xx are tried again with back-off as long as bytes arrive in between.
class Download {
 public:
  // `folder` is made; nobody else may work in it meanwhile.
  Download(
      Settings settings,
      const Snapshot& snapshot,
      std::vector<RemoteFile> files,
      std::filesystem::path folder);

  // Runs to the end; the files in the order they were given. `on_tick` is called on this thread
  // about three times a second; false stops it, which throws kCancelled and keeps what arrived.
  // Throws what Client throws, and
  //   kUnavailable    "disk_full": what arrived is kept; "connection_lost" and the like
  //   kUnprocessable  "hash_mismatch", "size_mismatch": the bytes are thrown away
  std::vector<FetchedFile> run(const std::function<bool(const DownloadProgress&)>& on_tick);

  // Bytes of `file` that an earlier attempt left in `folder`.
  static std::int64_t partial_bytes(const std::filesystem::path& folder, const RemoteFile& file);

 private:
  void work();
  FetchedFile fetch(const RemoteFile& file, std::atomic<std::int64_t>& done);
  void remember(std::exception_ptr failure);

  const Settings settings_;
  const std::string repository_;
  const std::string commit_;
  const std::vector<RemoteFile> files_;
  const std::filesystem::path folder_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> next_{0};
  std::atomic<int> done_files_{0};
  std::vector<std::atomic<std::int64_t>> done_bytes_;  // by file
  std::mutex mutex_;
  std::exception_ptr failure_;        // guarded by mutex_: the first one
  std::vector<FetchedFile> fetched_;  // each by the thread that fetches it
};

}  // namespace hub::hf
