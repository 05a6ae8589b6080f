#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "api/server/descriptor.h"
#include "api/server/http.h"

namespace hub::api {

class MultipartParser;

// Streams one upload's body into a new file of its own: a raw body as it is, or the one file of a
// multipart/form-data body. One thread at a time; functions block on the disk.
class UploadSink {
 public:
  struct Limits {
    std::uint64_t file_bytes = 0;
    std::size_t field_bytes = 0;  // all text fields together
  };
  // Throws base::Error: kInvalidArgument for a multipart body without boundary, kUnavailable when
  // the file cannot be made.
  UploadSink(
      const std::filesystem::path& folder, const Limits& limits, const std::string& content_type);
  ~UploadSink();  // removes the file unless finish() handed it over
  UploadSink(const UploadSink&) = delete;
  UploadSink& operator=(const UploadSink&) = delete;

  // Throws base::Error: kTooLarge beyond a limit, kInvalidArgument for broken multipart or a second
  // file, kUnavailable when the disk is full.
  void write(std::string_view bytes);

  // After the last byte: sets body_file, file_name, and query from text fields. The file belongs to
  // the request from now on. A multipart body without a file leaves body_file empty.
  void finish(Request& request);

 private:
  void append(std::string_view bytes);
  void append_to_field(std::string_view bytes);

  std::filesystem::path path_;
  Descriptor file_;
  const Limits limits_;
  std::uint64_t file_bytes_ = 0;
  std::size_t field_bytes_ = 0;
  bool has_file_ = false;
  bool in_file_ = false;
  std::string file_name_;
  std::string field_;  // the text field being read
  std::map<std::string, std::string> fields_;
  std::unique_ptr<MultipartParser> multipart_;  // null: raw
};

// Removes the request's file unless it was renamed away.
void remove_upload(Request& request);

// "C:\\data\\facts.jsonl" or "../facts.jsonl" → "facts.jsonl"; control characters dropped.
std::string base_name(std::string_view file_name);

}  // namespace hub::api
