// Tar archives: what a stranger's holds, and that what we write comes back.
#include <cstddef>
#include <string>

#include "core/artifacts/tar_file.h"
#include "tests/fuzz/memory_file.h"

namespace hub::fuzz {
namespace {

using artifacts::TarReader;
using artifacts::TarWriter;

void read(const std::filesystem::path& file, std::size_t file_bytes) {
  TarReader reader(file);
  std::size_t total = 0;
  while (const auto entry = reader.next()) {
    if (!entry->odd.empty()) {
      continue;
    }
    require(entry->size_bytes >= 0, "a size is not negative");
    std::int64_t bytes = 0;
    reader.read([&](std::string_view piece) { bytes += static_cast<std::int64_t>(piece.size()); });
    require(bytes <= entry->size_bytes, "an entry has no more bytes than it says");
    total += static_cast<std::size_t>(bytes);
    require(total <= file_bytes, "an archive does not unpack to more than it is");
  }
}

// Files of a version have plain names of ours; the bytes may be anything.
void write_and_read(std::string_view bytes) {
  std::string archive;
  TarWriter writer([&](std::string_view piece) {
    archive += piece;
    return true;
  });
  const std::string name = "files/" + std::string(64, 'a');
  writer.add("manifest.json", "{}");
  writer.add(name, bytes);
  writer.finish();
  const MemoryFile file(archive);
  TarReader reader(file.path());
  require(reader.next()->name == "manifest.json", "the first entry comes first");
  const auto entry = reader.next();
  require(entry && entry->name == name && entry->odd.empty(), "then the second");
  require(reader.read_all(bytes.size()) == bytes, "bytes survive");
  require(!reader.next(), "and nothing is added");
}

}  // namespace

void run(std::string_view input) {
  const MemoryFile file(input);
  accepts([&] { read(file.path(), input.size()); });
  write_and_read(input);
}

}  // namespace hub::fuzz
