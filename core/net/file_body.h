#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "core/net/http_client.h"

namespace hub::net {

// A part of a file as the body of one call: what libcurl's read and seek callbacks work on. One
// thread.
class FileBody {
 public:
  // Throws kNotFound when the file cannot be opened.
  explicit FileBody(const HttpRequest& request);

  // Sets everything on `handle` (a CURL*) that makes it send this body. The body outlives the call.
  void attach(void* handle);

  // At most `room` bytes into `out`; 0 at the end, SIZE_MAX when the file ends early.
  std::size_t read(char* out, std::size_t room);
  // Back to `position` bytes after the part's begin: libcurl sends the body again after a redirect.
  bool seek(std::uint64_t position);

 private:
  const HttpRequest& request_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::uint64_t sent_ = 0;
};

}  // namespace hub::net
