#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/hf/client.h"

namespace hub::hf {

// A file to put into a repository.
struct LocalFile {
  std::string name;
  std::filesystem::path path;
  std::int64_t size = 0;
  std::string sha256;
};

struct Commit {
  std::string oid;
  std::string url;
};

// Puts files into a repository as one commit, by the Hub's own steps: ask which files go to LFS,
// upload those that it does not have yet (whole or in parts, as it says), then commit. Files that
// were uploaded before a failure are not sent again. One thread.
class Upload {
 public:
  Upload(Settings settings, const std::string& repository, const std::atomic<bool>* cancelled);

  // Makes the repository; one that is there already is no error.
  void create_repository(bool is_private);

  // `on_sent` hears how many bytes of all files are done. Throws what Client throws, and
  // kUnavailable "hub_answer_incomplete" when the Hub's answers make no sense.
  Commit commit(
      const std::string& branch,
      const std::vector<LocalFile>& files,
      const std::string& message,
      const std::function<void(std::int64_t)>& on_sent);

 private:
  base::Json post(const std::string& url, const base::Json& body, const std::string& media_type);
  net::HttpResponse put(
      const std::string& url,
      const LocalFile& file,
      std::int64_t begin,
      std::int64_t count,
      const std::function<void(std::int64_t)>& on_sent);
  std::vector<bool> lfs_modes(const std::string& branch, const std::vector<LocalFile>& files);
  void upload_lfs(
      const std::string& branch,
      const std::vector<LocalFile>& files,
      std::int64_t done,
      const std::function<void(std::int64_t)>& on_sent);
  void upload_parts(
      const LocalFile& file,
      const base::Json& action,
      std::int64_t part_bytes,
      std::int64_t done,
      const std::function<void(std::int64_t)>& on_sent);
  [[nodiscard]] std::string reachable(std::string url) const;

  Client client_;
};

}  // namespace hub::hf
