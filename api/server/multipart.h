#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hub::api {

// A streaming parser of multipart/form-data (RFC 7578, RFC 2046 section 5.1): input may be cut
// anywhere, memory stays bounded by a part's header. One thread.
class MultipartParser {
 public:
  struct Part {
    std::string name;       // of the form's field
    std::string file_name;  // as sent; "" for a text field
    bool is_file = false;   // it has a file name, even an empty one
  };
  struct Events {
    std::function<void(const Part&)> begin;
    std::function<void(std::string_view)> data;
    std::function<void()> end;
  };

  // `content_type` is the request's header. Throws base::Error kInvalidArgument without a boundary.
  MultipartParser(std::string_view content_type, Events events);

  // Throws base::Error kInvalidArgument for what is no form-data, kTooLarge for a part's header
  // beyond 16 KiB or more than 100 parts.
  void feed(std::string_view bytes);
  // Throws base::Error kInvalidArgument when the closing boundary is missing.
  void finish() const;

 private:
  enum class State : std::uint8_t { kPreamble, kAfterBoundary, kHeaders, kBody, kEpilogue };
  // One step; false when it needs more bytes.
  bool step();
  bool skip_preamble();
  bool after_boundary();
  bool read_headers();
  bool read_body();

  Events events_;
  std::string delimiter_;  // CRLF, two dashes, boundary
  std::string buffer_;     // not yet understood
  State state_ = State::kPreamble;
  std::size_t parts_ = 0;
};

}  // namespace hub::api
