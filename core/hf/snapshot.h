#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hub::hf {

// A file of a repository as the Hub lists it.
struct RemoteFile {
  std::string name;  // in the repository's root: no folders
  std::int64_t size = 0;
  std::string sha256;   // files in LFS; else ""
  std::string git_oid;  // the others' git blob id (of LFS files: of the pointer, no use here)

  // What its content is called in the Hub's cache, and how our partial files are named.
  [[nodiscard]] const std::string& content_name() const {
    return sha256.empty() ? git_oid : sha256;
  }
};

// A repository at one commit.
struct Snapshot {
  std::string repository;
  std::string revision;  // as asked: a branch, tag or commit
  std::string commit;
  bool gated = false;
  bool from_cache = false;  // the Hub was not asked: it could not be reached
  std::vector<RemoteFile> files;

  [[nodiscard]] const RemoteFile* find(std::string_view name) const;
};

// What a model or adapter needs beside its weights: its configuration, tokenizer, templates,
// generation settings, index of shards, card and licence. No code, no pickles, nothing in folders
// but kPoolingFile.
bool is_description(std::string_view name);
// How a text encoder's embeddings are made (sentence-transformers).
inline constexpr std::string_view kPoolingFile = "1_Pooling/config.json";
// A file of weights: "*.safetensors" in the root.
bool is_weights(std::string_view name);

}  // namespace hub::hf
