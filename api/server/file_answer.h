#pragma once

#include <cstdint>
#include <string>

#include "api/server/descriptor.h"
#include "api/server/http.h"

namespace hub::api {

// How a file is sent for one request (RFC 9110, sections 13 and 14).
struct FileAnswer {
  int status = 200;  // 200, 206, 304, 416
  Headers headers;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // bytes of the file to send; 0 for 304
  std::string body;          // of a 416
  Descriptor file;
};

// Opens the regular file `response.file`; Throws base::Error kNotFound. One range is honoured,
// several are answered with the whole file; If-None-Match, If-Modified-Since and If-Range hold. The
// ETag is the handler's, else made of size and modification time.
FileAnswer plan_file(const Response& response, const Request& request);

}  // namespace hub::api
