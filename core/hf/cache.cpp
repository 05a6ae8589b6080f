#include "core/hf/cache.h"

#include <fstream>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/hf/content_hash.h"
#include "core/hf/settings.h"

namespace hub::hf {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostRefBytes = 1024;

bool is_hex(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// The commit that refs/{revision} names, else the revision when it is a commit itself.
std::optional<std::string> commit_of(const fs::path& repository, const std::string& revision) {
  std::error_code error;
  if (const fs::path ref = repository / "refs" / revision; fs::is_regular_file(ref, error)) {
    std::string commit = base::read_file(ref, kMostRefBytes);
    while (!commit.empty() && (commit.back() == '\n' || commit.back() == ' ')) {
      commit.pop_back();
    }
    return is_hex(commit) ? std::optional(commit) : std::nullopt;
  }
  return is_hex(revision) && fs::is_directory(repository / "snapshots" / revision, error)
             ? std::optional(revision)
             : std::nullopt;
}

}  // namespace

fs::path Cache::repository_folder(const std::string& repository) const {
  check_repository(repository, "repository");
  const std::size_t slash = repository.find('/');
  return folder_ /
         fmt::format("models--{}--{}", repository.substr(0, slash), repository.substr(slash + 1));
}

std::optional<fs::path> Cache::find(const std::string& repository, const RemoteFile& file) const {
  if (!is_hex(file.content_name())) {
    return std::nullopt;
  }
  const fs::path blob = repository_folder(repository) / "blobs" / file.content_name();
  std::error_code error;
  if (!fs::is_regular_file(blob, error) ||
      static_cast<std::int64_t>(fs::file_size(blob, error)) != file.size) {
    return std::nullopt;
  }
  return fs::canonical(blob);
}

std::optional<std::string> Cache::verified(
    const fs::path& path, const RemoteFile& file, const std::atomic<bool>& stopping) {
  std::ifstream in(path, std::ios::binary);
  ContentHash hash(file.size, file.sha256.empty());
  std::string piece(1U << 20U, '\0');
  std::int64_t size = 0;
  while (in && !stopping) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    hash.update(piece.data(), static_cast<std::size_t>(in.gcount()));
    size += in.gcount();
  }
  const ContentHash::Digests digests = hash.finish();
  const std::string& got = file.sha256.empty() ? digests.git_oid : digests.sha256;
  return size == file.size && got == file.content_name() ? std::optional(digests.sha256)
                                                         : std::nullopt;
}

std::optional<Snapshot> Cache::snapshot(
    const std::string& repository, const std::string& revision) const {
  check_revision(revision, "revision");
  const fs::path folder = repository_folder(repository);
  const auto commit = commit_of(folder, revision);
  std::error_code error;
  if (!commit || !fs::is_directory(folder / "snapshots" / *commit, error)) {
    return std::nullopt;
  }
  Snapshot snapshot;
  snapshot.repository = repository;
  snapshot.revision = revision;
  snapshot.commit = *commit;
  snapshot.from_cache = true;
  const auto take = [&](const fs::directory_entry& entry, const std::string& name) {
    if (!entry.is_symlink() || !entry.is_regular_file(error) ||
        !(is_description(name) || is_weights(name))) {
      return;
    }
    const std::string content = fs::read_symlink(entry.path(), error).filename().string();
    RemoteFile file{.name = name, .size = 0, .sha256 = {}, .git_oid = {}};
    if (is_hex(content) && content.size() == 64) {
      file.sha256 = content;
    } else if (is_hex(content) && content.size() == 40) {
      file.git_oid = content;
    } else {
      return;
    }
    file.size = static_cast<std::int64_t>(entry.file_size(error));
    snapshot.files.push_back(std::move(file));
  };
  const fs::path files = folder / "snapshots" / *commit;
  for (const fs::directory_entry& entry : fs::directory_iterator(files, error)) {
    take(entry, entry.path().filename().string());
  }
  take(fs::directory_entry(files / kPoolingFile, error), std::string(kPoolingFile));
  return snapshot;
}

}  // namespace hub::hf
