#include "core/net/file_body.h"

#include <algorithm>

#include <curl/curl.h>
#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::net {
namespace {

std::size_t on_read(char* out, std::size_t size, std::size_t count, void* user) {
  const std::size_t got = static_cast<FileBody*>(user)->read(out, size * count);
  return got == SIZE_MAX ? CURL_READFUNC_ABORT : got;
}

int on_seek(void* user, curl_off_t offset, int origin) {
  return origin == SEEK_SET &&
                 static_cast<FileBody*>(user)->seek(static_cast<std::uint64_t>(offset))
             ? CURL_SEEKFUNC_OK
             : CURL_SEEKFUNC_FAIL;
}

}  // namespace

FileBody::FileBody(const HttpRequest& request)
    : request_(request), file_(std::fopen(request.body_file.c_str(), "rb"), [](std::FILE* file) {
        return file == nullptr ? 0 : std::fclose(file);
      }) {
  if (!file_ || !seek(0)) {
    throw base::Error(
        base::ErrorCode::kNotFound, fmt::format("cannot read {}", request.body_file.string()));
  }
}

void FileBody::attach(void* handle) {
  CURL* curl = handle;
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(curl, CURLOPT_READDATA, this);
  curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
  curl_easy_setopt(curl, CURLOPT_SEEKDATA, this);
  curl_easy_setopt(
      curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_.body_file_bytes));
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
}

std::size_t FileBody::read(char* out, std::size_t room) {
  const std::uint64_t left = request_.body_file_bytes - sent_;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room, left));
  const std::size_t got = wanted == 0 ? 0 : std::fread(out, 1, wanted, file_.get());
  if (got == 0 && wanted > 0) {
    return SIZE_MAX;
  }
  sent_ += got;
  if (request_.on_sent) {
    request_.on_sent(sent_);
  }
  return got;
}

bool FileBody::seek(std::uint64_t position) {
  if (position > request_.body_file_bytes ||
      ::fseeko(file_.get(), static_cast<off_t>(request_.body_file_offset + position), SEEK_SET) !=
          0) {
    return false;
  }
  sent_ = position;
  return true;
}

}  // namespace hub::net
