#include "core/artifacts/tar_file.h"

#include <fstream>
#include <utility>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"

namespace hub::artifacts {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kPiece = 1U << 20U;
constexpr std::size_t kBlock = 64U << 10U;  // read at once from an archive

struct EntryDeleter {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

std::string reason_of(archive* handle) {
  const char* text = archive_error_string(handle);
  return text == nullptr ? "unknown reason" : text;
}

std::string text_of(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

// What is no regular file, in words.
std::string odd_kind(archive_entry* entry) {
  if (const std::string target = text_of(archive_entry_hardlink(entry)); !target.empty()) {
    return fmt::format("a hard link to {}", target.substr(0, 200));
  }
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      // Its holes would be written out: a small archive could fill the disk.
      return archive_entry_sparse_count(entry) > 0 ? "a file with holes" : "";
    case AE_IFLNK:
      return fmt::format(
          "a symbolic link to {}", text_of(archive_entry_symlink(entry)).substr(0, 200));
    case AE_IFDIR:
      return "a folder";
    default:
      return "a device, a pipe or a socket";
  }
}

}  // namespace

struct TarWriter::State {
  Sink sink;
  archive* handle = nullptr;
  bool refused = false;
};

TarWriter::TarWriter(Sink sink) : state_(std::make_unique<State>()) {
  state_->sink = std::move(sink);
  state_->handle = archive_write_new();
  archive_write_set_format_pax_restricted(state_->handle);
  archive_write_set_bytes_in_last_block(state_->handle, 1);
  const auto write =
      [](archive*, void* context, const void* bytes, std::size_t count) -> la_ssize_t {
    auto* state = static_cast<State*>(context);
    if (state->refused || !state->sink({static_cast<const char*>(bytes), count})) {
      state->refused = true;
      return -1;
    }
    return static_cast<la_ssize_t>(count);
  };
  if (archive_write_open(state_->handle, state_.get(), nullptr, write, nullptr) != ARCHIVE_OK) {
    const std::string why = reason_of(state_->handle);
    archive_write_free(state_->handle);
    throw Error(ErrorCode::kInternal, "cannot begin an archive: " + why);
  }
}

TarWriter::~TarWriter() {
  // Without finish() the archive stays without an end; nothing more is written.
  state_->refused = true;
  archive_write_free(state_->handle);
}

void TarWriter::begin(const std::string& name, std::int64_t size_bytes) {
  const std::unique_ptr<archive_entry, EntryDeleter> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), size_bytes);
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  if (archive_write_header(state_->handle, entry.get()) != ARCHIVE_OK) {
    write({});
  }
}

// Also where a header could not be written.
void TarWriter::write(std::string_view bytes) {
  const bool written = !state_->refused && !bytes.empty() &&
                       archive_write_data(state_->handle, bytes.data(), bytes.size()) ==
                           static_cast<la_ssize_t>(bytes.size());
  if (!written) {
    throw Error(
        ErrorCode::kCancelled,
        state_->refused ? "whoever reads the archive is gone"
                        : fmt::format("cannot write the archive: {}", reason_of(state_->handle)));
  }
}

void TarWriter::add(const std::string& name, std::string_view bytes) {
  begin(name, static_cast<std::int64_t>(bytes.size()));
  if (!bytes.empty()) {
    write(bytes);
  }
}

void TarWriter::add_file(
    const std::string& name,
    const std::filesystem::path& file,
    std::int64_t size_bytes,
    const std::string& sha256) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    throw Error(ErrorCode::kNotFound, fmt::format("cannot read {}", file.string()));
  }
  begin(name, size_bytes);
  base::Sha256 digest;
  std::string piece(kPiece, '\0');
  std::int64_t left = size_bytes;
  while (in && left >= 0) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const std::string_view bytes(piece.data(), static_cast<std::size_t>(in.gcount()));
    left -= in.gcount();
    digest.update(bytes);
    if (!bytes.empty() && left >= 0) {
      write(bytes);
    }
  }
  if (left != 0 || digest.hex() != sha256) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("{} is not what was recorded: verify the model", file.string()),
        {},
        "model_corrupt");
  }
}

void TarWriter::finish() {
  if (archive_write_close(state_->handle) != ARCHIVE_OK) {
    throw Error(
        ErrorCode::kCancelled,
        fmt::format("cannot end the archive: {}", reason_of(state_->handle)));
  }
}

struct TarReader::State {
  std::filesystem::path file;
  archive* handle = nullptr;
  la_int64_t entry_bytes = 0;  // that the entry of the last header says it has

  [[noreturn]] void refuse_holes() const {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("{} has an entry with holes", file.filename().string()),
        {},
        "archive_invalid");
  }
  [[noreturn]] void fail() const {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("{} is no whole tar archive: {}", file.filename().string(), reason_of(handle)),
        {},
        "archive_invalid");
  }
};

TarReader::TarReader(const std::filesystem::path& file) : state_(std::make_unique<State>()) {
  if (!std::filesystem::is_regular_file(file)) {
    throw Error(
        ErrorCode::kNotFound, fmt::format("cannot read {}: no such regular file", file.string()));
  }
  state_->file = file;
  state_->handle = archive_read_new();
  archive_read_support_format_tar(state_->handle);
  // No filters: what is compressed may grow without limit.
  if (archive_read_open_filename(state_->handle, file.c_str(), kBlock) != ARCHIVE_OK) {
    const std::string why = reason_of(state_->handle);
    archive_read_free(state_->handle);
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("{} is no tar archive: {}", file.filename().string(), why),
        {},
        "archive_invalid");
  }
}

TarReader::~TarReader() {
  archive_read_free(state_->handle);
}

std::optional<TarReader::Entry> TarReader::next() {
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(state_->handle, &entry);
  if (result == ARCHIVE_EOF) {
    return std::nullopt;
  }
  if (result != ARCHIVE_OK) {
    state_->fail();
  }
  Entry found;
  found.name = text_of(archive_entry_pathname(entry));
  found.size_bytes = archive_entry_size_is_set(entry) != 0 ? archive_entry_size(entry) : 0;
  state_->entry_bytes = found.size_bytes;
  found.odd = odd_kind(entry);
  return found;
}

void TarReader::read(const std::function<void(std::string_view)>& take) {
  la_int64_t bytes = 0;
  while (true) {
    const void* block = nullptr;
    std::size_t count = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(state_->handle, &block, &count, &offset);
    if (result == ARCHIVE_EOF) {
      break;
    }
    if (result != ARCHIVE_OK) {
      state_->fail();
    }
    if (count > 0 && offset != bytes) {
      state_->refuse_holes();
    }
    bytes += static_cast<la_int64_t>(count);
    take(std::string_view(static_cast<const char*>(block), count));
  }
  // A map of holes that names none leaves the rest of the size to be made up.
  if (bytes != state_->entry_bytes) {
    state_->refuse_holes();
  }
}

std::string TarReader::read_all(std::size_t limit) {
  std::string bytes;
  read([&](std::string_view piece) {
    if (bytes.size() + piece.size() > limit) {
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format("an entry of the archive has more than {} bytes", limit),
          {},
          "archive_invalid");
    }
    bytes += piece;
  });
  return bytes;
}

}  // namespace hub::artifacts
