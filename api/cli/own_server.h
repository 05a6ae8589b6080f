#pragma once

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include <sys/types.h>

#include "api/cli/console.h"

namespace hub::api {

// A `mlx-hub serve` on a free port that lives as long as this object. While it lives, SIGINT and
// SIGTERM set interrupted() instead of ending the process, so that the server is stopped in order.
// At most one at a time.
class OwnServer {
 public:
  // Starts `program serve` on `data_folder` and waits until it is ready. Throws base::Error
  // kUnavailable with the end of the server's log when it does not become ready.
  OwnServer(
      const std::filesystem::path& program,
      const std::filesystem::path& data_folder,
      Console& console);
  ~OwnServer();  // TERM, waits; KILL after half a minute
  OwnServer(const OwnServer&) = delete;
  OwnServer& operator=(const OwnServer&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] static const std::atomic<bool>& interrupted();

 private:
  void start(const std::filesystem::path& program, const std::filesystem::path& data_folder);
  void wait_until_ready(const std::filesystem::path& data_folder);
  void stop();
  [[nodiscard]] bool ended();
  [[nodiscard]] std::string end_of_log() const;

  pid_t pid_ = -1;
  std::string url_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> log_;  // the server's standard error
};

}  // namespace hub::api
