#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hub::artifacts {

// Writes a tar archive (POSIX pax) piece by piece. One thread.
class TarWriter {
 public:
  // Takes what was written; false: nobody listens any more.
  using Sink = std::function<bool(std::string_view)>;
  explicit TarWriter(Sink sink);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  // All throw kCancelled once the sink said no.
  void add(const std::string& name, std::string_view bytes);
  // The file must have just this size and SHA-256: throws kUnprocessable when it does not, after
  // part of it was written; kNotFound.
  void add_file(
      const std::string& name,
      const std::filesystem::path& file,
      std::int64_t size_bytes,
      const std::string& sha256);
  // The end of the archive; call once, last.
  void finish();

 private:
  struct State;
  void begin(const std::string& name, std::int64_t size_bytes);
  void write(std::string_view bytes);

  std::unique_ptr<State> state_;
};

// Reads a tar archive entry by entry, trusting nothing in it; uncompressed ones only. One thread.
class TarReader {
 public:
  struct Entry {
    std::string name;
    std::int64_t size_bytes = 0;
    // "" for a regular file, else what it is: "a symbolic link to …", "a folder", "a device",
    // "a file with holes".
    std::string odd;
  };

  // Throws kNotFound, kUnprocessable ("is no tar archive").
  explicit TarReader(const std::filesystem::path& file);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  // The next entry; nullopt at the end. Throws kUnprocessable for what is damaged or cut off, as
  // all functions do.
  std::optional<Entry> next();
  // The bytes of the entry that next() gave, piece by piece: never more than the archive holds.
  // What only says that it has more (holes) throws.
  void read(const std::function<void(std::string_view)>& take);
  // All of them. Throws kUnprocessable when there are more.
  std::string read_all(std::size_t limit);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hub::artifacts
