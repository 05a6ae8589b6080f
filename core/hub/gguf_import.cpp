#include "core/hub/gguf_import.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/gguf/convert.h"
#include "core/hub/local_model.h"
#include "core/hub/scratch_folder.h"
#include "core/hub/stored_version.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

// Beside the weights: the tokenizer, and room for what others write meanwhile.
constexpr std::uint64_t kReserveBytes = 64ULL << 20U;

void check_disk(const fs::path& file, const fs::path& scratch) {
  std::error_code error;
  // Re-quantized types may grow: Q5_K to 8 bits by 60 %.
  const std::uint64_t needed = fs::file_size(file, error) / 10 * 16 + kReserveBytes;
  const fs::space_info space = fs::space(scratch, error);
  if (!error && space.available < needed) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "converting {} may need {} bytes on disk and {} are free in the data folder",
            file.filename().string(),
            needed,
            space.available),
        {},
        "insufficient_disk");
  }
}

// What was made, and the file that it was made of.
struct Digests {
  std::vector<artifacts::IncomingFile> made;
  artifacts::StoredFile source;
};

Digests take_digests(const fs::path& folder, const fs::path& source, const ImportWatch& watch) {
  std::error_code error;
  const auto size = fs::file_size(source, error);
  const std::int64_t source_bytes = error ? 0 : static_cast<std::int64_t>(size);
  std::int64_t made_bytes = 0;
  const auto hear = [&](std::int64_t done_bytes) {
    return !watch || watch(ImportStage::kHashing, done_bytes, made_bytes + source_bytes);
  };
  Digests digests;
  const auto hear_made = [&](std::int64_t done, std::int64_t total) {
    made_bytes = total;
    return hear(done);
  };
  digests.made = artifacts::ArtifactStore::files_to_move(folder, hear_made);
  digests.source = artifacts::take_digest(
      source, [&](std::int64_t bytes) { return hear(made_bytes + std::min(bytes, source_bytes)); });
  return digests;
}

registry::NewVersion store_converted(
    artifacts::ArtifactStore& store,
    const Digests& digests,
    const gguf::ConversionReport& report,
    std::string_view model_id,
    std::string_view version_tag,
    const ImportWatch& watch) {
  const auto describe = [&](const fs::path& place,
                            const std::vector<artifacts::StoredFile>& stored) {
    registry::NewVersion version =
        describe_local_model(place, stored, watch_stage(watch, ImportStage::kVerifying));
    Json source = {
        {"gguf", digests.source.name},
        {"sha256", digests.source.sha256},
        {"size_bytes", digests.source.size_bytes}};
    source.update(report.to_json());
    set_source(version, std::move(source), report.note());
    return version;
  };
  return store_version(
      store,
      digests.made,
      model_id,
      version_tag,
      describe,
      watch_stage(watch, ImportStage::kStoring));
}

}  // namespace

registry::NewVersion import_gguf(
    artifacts::ArtifactStore& store,
    const fs::path& file,
    const fs::path& scratch,
    std::string_view model_id,
    std::string_view version_tag,
    const ImportWatch& watch) {
  fs::create_directories(scratch);
  check_disk(file, scratch);
  const ScratchFolder folder(scratch, "gguf");
  const gguf::ConversionReport report =
      gguf::convert(file, folder.path(), watch_stage(watch, ImportStage::kConverting));
  const Digests digests = take_digests(folder.path(), file, watch);
  try {
    return store_converted(store, digests, report, model_id, version_tag, watch);
  } catch (...) {
    store.collect_garbage();  // what was stored already
    throw;
  }
}

}  // namespace hub::hub
