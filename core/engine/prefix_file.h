#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace hub::engine {

// One file of a kept prefix: a safetensors file with the metadata of PrefixTags, the tensor
// "tokens" [length] I32, a model's keys, values and states (models::KvCache::parts()), and last the
// tensor "sha256" [64] U8, the lower-case hexadecimal SHA-256 of every byte of the file before it.
// Nothing here knows MLX.

// Whose it is. A prefix may be used by who has the same tags and by nobody else.
struct PrefixTags {
  std::string model{};        // the digest of the weights' version
  std::string adapter{};      // the adapter's digest; "": the base
  std::string scope{};        // PrefixOwner::scope
  std::string computed_by{};  // what the last bits depend on: program, library, device

  bool operator==(const PrefixTags&) const = default;
};

// A tensor as it is written: its bytes lie in memory in pieces, in this order.
struct PrefixTensor {
  std::string name;
  std::string dtype;  // safetensors' spelling
  std::vector<std::int64_t> shape;
  std::vector<std::span<const char>> pieces;
};

// Writes the whole file from the descriptor's beginning and syncs it. Throws kUnavailable with the
// system's reason ("disk_full" where that is it).
void write_prefix(
    int descriptor,
    const PrefixTags& tags,
    std::span<const int> tokens,
    std::span<const PrefixTensor> tensors);

// Bytes of the file that write_prefix() makes.
std::uint64_t prefix_file_bytes(
    const PrefixTags& tags, std::span<const int> tokens, std::span<const PrefixTensor> tensors);

struct PrefixHead {
  PrefixTags tags{};
  std::vector<int> tokens{};
  std::uint64_t file_bytes = 0;
};

// What the file says of itself; its keys and values are not read, the digest not checked. Throws
// kNotFound when there is no such file and kUnprocessable for one that is truncated or no prefix.
PrefixHead read_prefix_head(const std::filesystem::path& file);

// A tensor as it was read.
struct LoadedTensor {
  std::string name;
  std::string dtype;
  std::vector<int> shape;
  char* bytes;  // in LoadedPrefix::memory
};

struct LoadedPrefix {
  PrefixHead head{};
  std::shared_ptr<char[]> memory{};  // of all tensors
  std::vector<LoadedTensor> tensors{};
};

// Reads every byte and checks the digest. Throws as read_prefix_head(), and kUnprocessable when a
// byte is not what was written.
LoadedPrefix read_prefix(const std::filesystem::path& file);

}  // namespace hub::engine
