// manifest.json of an archive that a stranger made.
#include <cstdint>
#include <limits>

#include "core/hub/archive_manifest.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {

void run(std::string_view input) {
  accepts([&] {
    const auto manifest = hub::ArchiveManifest::parse(input);
    require(!manifest.name.empty() && manifest.name.size() <= 100, "the model has a name");
    std::int64_t total = 0;
    for (const auto& [sha256, size_bytes] : manifest.files) {
      require(sha256.size() == 64, "a file is named by its digest");
      require(size_bytes >= 0, "a size is not negative");
      require(size_bytes <= std::numeric_limits<std::int64_t>::max() - total, "nor do sizes wrap");
      total += size_bytes;
    }
    for (const auto& version : manifest.versions) {
      for (const auto& file : version.files) {
        require(file.name.find('/') == std::string::npos, "a name leads nowhere else");
        require(manifest.files.at(file.sha256) == file.size_bytes, "each file is listed");
      }
    }
    for (const auto& [alias, number] : manifest.aliases) {
      require(number >= 1, "an alias names a version");
    }
  });
}

}  // namespace hub::fuzz
