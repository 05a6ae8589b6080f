#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace hub::hf {

// Both names that the Hub gives a file's content, taken in one pass: SHA-256 (files in LFS) and
// git's blob id (all others). One thread.
class ContentHash {
 public:
  // `size`: the whole content's, which git's id begins with. Without `with_git_oid` only SHA-256 is
  // taken, in half the time.
  explicit ContentHash(std::int64_t size, bool with_git_oid = true);
  ~ContentHash();
  ContentHash(const ContentHash&) = delete;
  ContentHash& operator=(const ContentHash&) = delete;

  void update(const void* bytes, std::size_t count);
  // Ends both; lower-case hexadecimal. Call once.
  struct Digests {
    std::string sha256;
    std::string git_oid;  // "" when it was not taken
  };
  Digests finish();

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

// Of bytes in memory.
ContentHash::Digests content_digests(std::string_view bytes);

}  // namespace hub::hf
