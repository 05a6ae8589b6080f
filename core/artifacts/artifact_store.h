#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/artifacts/stored_file.h"

namespace hub::artifacts {

// Weights and what describes them (the list below): what a version may hold.
bool is_version_file(std::string_view name);

// What a version's flat folder calls a file that a model folder has at `path`: the path itself, but
// 1_Pooling_config.json for "1_Pooling/config.json".
std::string stored_name(const std::string& path);
// The reverse.
std::string published_name(const std::string& stored);

// A file on its way into the store, its SHA-256 known and checked by whoever brings it.
struct IncomingFile {
  enum class How : std::uint8_t {
    kMove,   // ours now: renamed into the store
    kShare,  // somebody else's, stays where it is: a hard link, on another file system a symbolic
             // one
  };
  std::string name;
  std::filesystem::path source;
  std::int64_t size_bytes = 0;
  std::string sha256;
  How how = How::kMove;
};

// A folder of files that are one version. Layout under the data folder (docs/storage-format.md):
//   artifacts/{model_id}/{version_tag}/{name}   hard links, read-only
//   blobs/{first two digits}/{sha256}           every file once, by its SHA-256
// A version's folder is complete or absent: files are copied to a temporary name, synced and
// renamed. Only weights and their descriptions are taken: *.safetensors, *.json, *.jinja, *.txt,
// *.model, *.md and licence files; never code or pickles. Folders within are left out but for
// sentence-transformers' 1_Pooling/config.json, which copies keep as stored_name() says.
// Thread-safe for different versions.
class ArtifactStore {
 public:
  // Creates the two folders and removes what a crash left half-made.
  explicit ArtifactStore(std::filesystem::path data_folder);

  // Copies the folder's files in. Throws kNotFound (no such folder, or nothing usable in it),
  // kConflict (that version has files already), kUnavailable (disk full …), kCancelled when
  // `progress` says so, leaving nothing behind. `progress` counts the bytes of all files together.
  std::vector<StoredFile> import_folder(
      const std::filesystem::path& source,
      std::string_view model_id,
      std::string_view version_tag,
      const BytesProgress& progress = {});

  // As import_folder(), for files that lie in different places and are not copied. Content that the
  // store has already is taken from there. Those to be moved are gone from their place afterwards,
  // also when it throws half-way: they lie in `blobs/` then, until garbage is collected. Throws
  // kCancelled when `progress` says so; it counts files that are moved or shared as a whole.
  std::vector<StoredFile> import_files(
      const std::vector<IncomingFile>& files,
      std::string_view model_id,
      std::string_view version_tag,
      const BytesProgress& progress = {});
  // The stored file with that content; nullopt when there is none.
  [[nodiscard]] std::optional<std::filesystem::path> find_blob(const std::string& sha256) const;

  // The same list for a folder that stays where it is. Throws kNotFound, kCancelled.
  [[nodiscard]] static std::vector<StoredFile> scan_folder(
      const std::filesystem::path& source, const BytesProgress& progress = {});
  // Those files as what import_files() moves into the store. Throws the same.
  [[nodiscard]] static std::vector<IncomingFile> files_to_move(
      const std::filesystem::path& source, const BytesProgress& progress = {});

  // "artifacts/{model_id}/{version_tag}": what the registry keeps as `folder`.
  [[nodiscard]] static std::string relative_folder(
      std::string_view model_id, std::string_view version_tag);
  // A registry `folder` as an absolute path.
  [[nodiscard]] std::filesystem::path absolute(const std::string& folder) const;

  // The path of one file of a version. Throws kNotFound for a name that is no plain file name of
  // that folder.
  [[nodiscard]] std::filesystem::path open(const std::string& folder, std::string_view name) const;

  // Reads every file again; every difference in words, none when all is as recorded. `files` gets
  // how each sound file looks now. `progress` counts the bytes of all files together.
  [[nodiscard]] std::vector<std::string> verify(
      const std::string& folder,
      std::vector<StoredFile>& files,
      const ReadProgress& progress = {}) const;

  // Makes a version's folder of blobs that are there already (BlobWriter::keep()), by their
  // SHA-256. Throws as import_folder().
  void link_version(
      const std::vector<StoredFile>& files,
      std::string_view model_id,
      std::string_view version_tag);

  // Removes a version's links; blobs that nothing links to any more go with collect_garbage().
  void remove(std::string_view model_id, std::string_view version_tag);
  // Version folders that are not among `folders` (relative_folder() forms), which a crash between
  // storing the files and writing the row leaves, get a name out of the way of later versions:
  // artifacts/{model_id}/.orphan-{tag}-{id}. Nothing is removed: after a restore of an older
  // database they may be all there is. Only while nothing is imported: at start. Returns what was
  // moved.
  std::vector<std::string> set_aside(const std::set<std::string>& folders);
  // Removes blobs with no link left and nobody about to make one; returns the bytes set free.
  std::int64_t collect_garbage();
  // Such blobs, each with its size: those that have no more than the links that `gone` counts (by
  // SHA-256), besides their own.
  [[nodiscard]] std::map<std::string, std::int64_t> loose_blobs(
      const std::map<std::string, std::uint64_t>& gone = {}) const;

  // blobs/{first two digits}/{sha256}, whether or not it is there.
  [[nodiscard]] std::filesystem::path blob(const std::string& sha256) const;
  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

 private:
  friend class BlobWriter;
  class Pin;
  std::filesystem::path place_blob(const IncomingFile& file, const ReadProgress& progress);
  [[nodiscard]] std::filesystem::path temporary_blob() const;
  // Between pin and unpin nobody removes the blob.
  void pin(const std::string& sha256);
  void unpin(const std::string& sha256);
  // Removes a blob that nothing links to and nobody is about to; false when there is none such.
  bool remove_if_loose(const std::string& sha256);
  // Fills a new folder by `fill` and gives it its name.
  void make_version(
      std::string_view model_id,
      std::string_view version_tag,
      const std::function<void(const std::filesystem::path&)>& fill);

  const std::filesystem::path root_;
  mutable std::mutex mutex_;
  std::map<std::string, int> pins_;  // guarded by mutex_
};

}  // namespace hub::artifacts
