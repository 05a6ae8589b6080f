#include "api/server/upload.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "api/server/admission.h"
#include "api/server/multipart.h"
#include "core/base/error.h"
#include "core/base/ids.h"

namespace hub::api {
namespace {

[[noreturn]] void fail(std::string_view what) {
  throw base::Error(
      base::ErrorCode::kUnavailable,
      fmt::format("the upload cannot be stored: {}: {}", what, std::strerror(errno)),
      {},
      "storage_failed");
}

}  // namespace

UploadSink::UploadSink(
    const std::filesystem::path& folder, const Limits& limits, const std::string& content_type)
    : path_(folder / ("upload-" + base::new_id())), limits_(limits) {
  if (media_type(content_type) == "multipart/form-data") {
    MultipartParser::Events events;
    events.begin = [this](const MultipartParser::Part& part) {
      in_file_ = part.is_file;
      if (!part.is_file) {
        field_ = part.name;
        fields_[field_].clear();
        append_to_field("");
        return;
      }
      if (has_file_) {
        throw base::Error(
            base::ErrorCode::kInvalidArgument,
            "multipart/form-data: one file is taken, a second one came",
            part.name);
      }
      has_file_ = true;
      file_name_ = base_name(part.file_name);
    };
    events.data = [this](std::string_view bytes) {
      in_file_ ? append(bytes) : append_to_field(bytes);
    };
    events.end = [] {};
    multipart_ = std::make_unique<MultipartParser>(content_type, std::move(events));
  } else {
    has_file_ = true;
  }
  file_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file_.valid()) {
    fail("create");
  }
}

UploadSink::~UploadSink() {
  if (file_.valid()) {
    file_.reset();
    ::unlink(path_.c_str());
  }
}

void UploadSink::write(std::string_view bytes) {
  multipart_ ? multipart_->feed(bytes) : append(bytes);
}

void UploadSink::append(std::string_view bytes) {
  file_bytes_ += bytes.size();
  if (file_bytes_ > limits_.file_bytes) {
    throw base::Error(
        base::ErrorCode::kTooLarge,
        fmt::format("the upload is larger than {} bytes", limits_.file_bytes),
        {},
        "body_too_large");
  }
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      fail("write");
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void UploadSink::append_to_field(std::string_view bytes) {
  field_bytes_ += bytes.size();
  if (field_bytes_ > limits_.field_bytes) {
    throw base::Error(
        base::ErrorCode::kTooLarge,
        fmt::format("the form's text fields are larger than {} bytes", limits_.field_bytes),
        field_,
        "body_too_large");
  }
  fields_[field_] += bytes;
}

void UploadSink::finish(Request& request) {
  if (multipart_) {
    multipart_->finish();
  }
  for (auto& [name, value] : fields_) {
    request.query[name] = std::move(value);
  }
  if (!has_file_) {
    return;  // the destructor removes the empty file
  }
  request.file_name = file_name_;
  request.body_file = path_.string();
  file_.reset();
}

void remove_upload(Request& request) {
  if (!request.body_file.empty()) {
    ::unlink(request.body_file.c_str());
    request.body_file.clear();
  }
}

std::string base_name(std::string_view file_name) {
  const std::size_t slash = file_name.find_last_of("/\\");
  std::string name(slash == std::string_view::npos ? file_name : file_name.substr(slash + 1));
  std::erase_if(name, [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return byte < 0x20U || byte == 0x7FU;
  });
  return name;
}

}  // namespace hub::api
