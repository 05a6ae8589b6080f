#include "core/hub/folders.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/system_error.h"
#include "core/hub/process_info.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

std::optional<fs::path> from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? std::optional<fs::path>(value) : std::nullopt;
}

fs::path home() {
  return from_environment("HOME").value_or(fs::current_path());
}

#ifdef __APPLE__
constexpr std::size_t kSocketPathLimit = 103;
#else
constexpr std::size_t kSocketPathLimit = 107;
#endif

}  // namespace

fs::path default_data_folder() {
  if (const auto folder = from_environment("XDG_DATA_HOME")) {
    return *folder / "mlx-hub";
  }
#ifdef __APPLE__
  return home() / "Library" / "Application Support" / "mlx-hub";
#else
  return home() / ".local" / "share" / "mlx-hub";
#endif
}

fs::path cache_folder() {
  if (const auto folder = from_environment("XDG_CACHE_HOME")) {
    return *folder / "mlx-hub";
  }
#ifdef __APPLE__
  return home() / "Library" / "Caches" / "mlx-hub";
#else
  return home() / ".cache" / "mlx-hub";
#endif
}

fs::path installed_folder() {
  return own_executable().parent_path().parent_path() / "share" / "mlx-hub";
}

fs::path default_model_folder(const fs::path& installed) {
  if (const auto folder = from_environment("MLX_HUB_MODELS")) {
    return *folder;
  }
  const fs::path name = fs::path("models") / "smollm2-135m-instruct";
  std::error_code error;
  return fs::exists(installed / name / "config.json", error) ? installed / name
                                                             : cache_folder() / name;
}

fs::path make_runtime_folder(const fs::path& data_folder) {
  const fs::path parent = from_environment("XDG_RUNTIME_DIR").value_or(fs::path("/tmp"));
  const std::string short_name =
      base::sha256_hex(fs::weakly_canonical(data_folder).string()).substr(0, 10);
  fs::path folder = parent / fmt::format("mlx-hub-{}-{}", ::getuid(), short_name);
  if (folder.string().size() + sizeof("/e-12345678.sock") > kSocketPathLimit) {
    folder = fs::path("/tmp") / fmt::format("mlx-hub-{}-{}", ::getuid(), short_name);
  }
  // A folder that somebody else made in a shared /tmp is refused: they could swap the sockets.
  struct stat status{};
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    base::throw_system_error("create", folder, errno);
  }
  if (::lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
      status.st_uid != ::getuid() || ::chmod(folder.c_str(), 0700) != 0) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format(
            "{} must be a folder of this user for the workers' sockets, but is not",
            folder.string()));
  }
  return folder;
}

DataFolderLock::DataFolderLock(fs::path data_folder)
    : folder_(std::move(data_folder)), descriptor_(-1) {
  std::error_code error;
  fs::create_directories(folder_, error);
  const fs::path file = folder_ / "lock";
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor_ < 0) {
    base::throw_system_error("use the data folder", folder_, errno);
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    const auto url = published_server(folder_);
    throw Error(
        ErrorCode::kConflict,
        fmt::format(
            "another mlx-hub server uses the data folder {}{}: stop it, or choose another "
            "--data-dir",
            folder_.string(),
            url ? " at " + *url : std::string()));
  }
}

DataFolderLock::~DataFolderLock() {
  std::error_code error;
  fs::remove(folder_ / "server.json", error);
  ::close(descriptor_);
}

void DataFolderLock::publish(const std::string& url) const {
  const base::Json address = {{"url", url}, {"pid", ::getpid()}};
  base::write_file_atomically(folder_ / "server.json", address.dump() + "\n");
}

std::optional<std::string> published_server(const fs::path& data_folder) {
  try {
    const base::Json address =
        base::parse_json(base::read_file(data_folder / "server.json"), "server.json");
    const base::JsonReader reader(address);
    const auto pid = static_cast<pid_t>(reader.optional_int("pid", 1, 1 << 30).value_or(0));
    if (pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM)) {
      return reader.string("url");
    }
  } catch (const Error&) {
    // No file, or not yet complete: no server to be found.
  }
  return std::nullopt;
}

}  // namespace hub::hub
