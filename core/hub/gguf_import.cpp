#include "core/hub/gguf_import.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/gguf/convert.h"
#include "core/hub/local_model.h"
#include "core/hub/scratch_folder.h"

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

}  // namespace

registry::NewVersion import_gguf(
    artifacts::ArtifactStore& store,
    const fs::path& file,
    const fs::path& scratch,
    std::string_view model_id,
    std::string_view version_tag,
    const std::atomic<bool>& stopping) {
  fs::create_directories(scratch);
  check_disk(file, scratch);
  const ScratchFolder folder(scratch, "gguf");
  const gguf::ConversionReport report = gguf::convert(
      file, folder.path(), [&stopping](std::uint64_t, std::uint64_t) { return !stopping; });
  std::vector<artifacts::IncomingFile> files;
  for (const auto& made : artifacts::ArtifactStore::scan_folder(folder.path())) {
    files.push_back(
        {.name = made.name,
         .source = folder.path() / made.name,
         .size_bytes = made.size_bytes,
         .sha256 = made.sha256});
  }
  const auto stored = store.import_files(files, model_id, version_tag);
  try {
    const std::string place = artifacts::ArtifactStore::relative_folder(model_id, version_tag);
    registry::NewVersion version = describe_local_model(store.absolute(place), stored, &stopping);
    version.folder = place;
    version.by_reference = false;
    Json source = {
        {"gguf", file.filename().string()},
        {"sha256", base::sha256_file(file)},
        {"size_bytes", fs::file_size(file)}};
    source.update(report.to_json());
    if (const std::string note = report.note(); !note.empty()) {
      source["note"] = note;
    }
    Json config = base::parse_json(version.config_json, "config");
    config["source"] = std::move(source);
    version.config_json = config.dump(-1, ' ', false, Json::error_handler_t::replace);
    return version;
  } catch (...) {
    store.remove(model_id, version_tag);
    throw;
  }
}

}  // namespace hub::hub
