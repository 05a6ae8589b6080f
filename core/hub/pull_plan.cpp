#include "core/hub/pull_plan.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/hf/download.h"
#include "core/hub/scratch_folder.h"
#include "core/model_config/adapter_config.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/model_config.h"
#include "core/model_config/tensor_check.h"
#include "core/model_config/text_part.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

// What an engine keeps for one conversation of this length counts as needed memory.
constexpr std::uint64_t kUsualContextTokens = 4096;
// Room for the database and for what others write meanwhile.
constexpr std::uint64_t kDiskReserveBytes = 32ULL << 20U;
constexpr std::int64_t kMostTextBytes = 32LL << 20U;
constexpr std::int64_t kFirstHeaderBytes = 64LL << 10U;
constexpr std::uint64_t kMostHeaderBytes = 100ULL << 20U;
constexpr const char* kIndex = "model.safetensors.index.json";

// Bytes of a planned file: from this machine where they lie here, else from the Hub.
std::string read_part(
    hf::Client& client,
    const PullPlan& plan,
    const PlannedFile& file,
    std::int64_t begin,
    std::int64_t count) {
  count = std::min(count, file.remote.size - begin);
  if (count <= 0) {
    return {};
  }
  if (file.local.empty()) {
    return client.read(plan.snapshot.commit, file.remote.name, begin, count);
  }
  std::ifstream in(file.local, std::ios::binary);
  in.seekg(begin);
  std::string bytes(static_cast<std::size_t>(count), '\0');
  in.read(bytes.data(), count);
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return bytes;
}

const PlannedFile* find(const PullPlan& plan, std::string_view name) {
  const auto found = std::find_if(plan.files.begin(), plan.files.end(), [&](const auto& file) {
    return file.remote.name == name;
  });
  return found == plan.files.end() ? nullptr : &*found;
}

// The names of weight files that the model is made of.
std::set<std::string> weight_names(
    const hf::Snapshot& snapshot, bool is_adapter, const Json* index) {
  std::set<std::string> names;
  if (is_adapter) {
    names.insert("adapters.safetensors");
  } else if (index != nullptr) {
    const base::JsonReader reader(*index, kIndex);
    const Json& map = reader.value("weight_map");
    const base::JsonReader entries(map, "weight_map");
    for (const auto& [tensor, unused] : map.items()) {
      names.insert(entries.string(tensor));
    }
  } else {
    for (const hf::RemoteFile& file : snapshot.files) {
      if (hf::is_weights(file.name) && file.name.starts_with("model")) {
        names.insert(file.name);
      }
    }
  }
  for (const std::string& name : names) {
    if (snapshot.find(name) == nullptr) {
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format("{} names the weights {}, which are not there", snapshot.repository, name),
          {},
          "weights_missing");
    }
  }
  if (names.empty()) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "{} has no weights in safetensors form (model*.safetensors); pickles are not loaded",
            snapshot.repository),
        {},
        "weights_missing");
  }
  return names;
}

// Writes the header of a weight file and makes the rest a hole of the right size.
void write_header(
    const fs::path& path, hf::Client& client, const PullPlan& plan, const PlannedFile& file) {
  std::string bytes = read_part(client, plan, file, 0, kFirstHeaderBytes);
  std::uint64_t length = 0;
  if (bytes.size() >= sizeof(length)) {
    std::memcpy(&length, bytes.data(), sizeof(length));
  }
  const std::uint64_t wanted = length + sizeof(length);
  if (length <= kMostHeaderBytes && bytes.size() < wanted) {
    const auto begin = static_cast<std::int64_t>(bytes.size());
    bytes += read_part(client, plan, file, begin, static_cast<std::int64_t>(wanted) - begin);
  }
  std::ofstream(path, std::ios::binary)
      << bytes.substr(0, std::min<std::size_t>(bytes.size(), wanted));
  fs::resize_file(path, static_cast<std::uintmax_t>(file.remote.size));
}

std::uint64_t free_bytes(const fs::path& folder) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  return error ? 0 : static_cast<std::uint64_t>(space.available);
}

}  // namespace

std::uint64_t PullPlan::total_bytes() const {
  std::uint64_t sum = 0;
  for (const PlannedFile& file : files) {
    sum += static_cast<std::uint64_t>(file.remote.size);
  }
  return sum;
}

std::uint64_t PullPlan::download_bytes() const {
  std::uint64_t sum = 0;
  for (const PlannedFile& file : files) {
    if (file.source == PlannedFile::Source::kDownload) {
      sum += static_cast<std::uint64_t>(file.remote.size - file.partial_bytes);
    }
  }
  return sum;
}

std::uint64_t PullPlan::disk_required_bytes() const {
  return download_bytes() == 0 ? 0 : download_bytes() + kDiskReserveBytes;
}

void PullPlan::refuse_unless_fits() const {
  if (!fits_disk()) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "{} needs {} bytes on disk and {} are free in the data folder: free {} bytes, or pull "
            "with \"force\": true",
            snapshot.repository,
            disk_required_bytes(),
            disk_free_bytes,
            disk_required_bytes() - disk_free_bytes),
        {},
        "insufficient_disk");
  }
  if (!fits_memory()) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "{} needs about {} bytes of memory and the budget is {} bytes: take a smaller or more "
            "quantized model, raise memory_fraction, or pull with \"force\": true",
            snapshot.repository,
            memory_required_bytes,
            memory_budget_bytes),
        {},
        "insufficient_memory");
  }
}

Json PullPlan::to_json() const {
  Json list = Json::array();
  for (const PlannedFile& file : files) {
    const char* source = file.source == PlannedFile::Source::kDownload ? "download"
                         : file.source == PlannedFile::Source::kCache  ? "cache"
                                                                       : "stored";
    list.push_back(
        {{"name", file.remote.name},
         {"size_bytes", file.remote.size},
         {"source", source},
         {"partial_bytes", file.partial_bytes}});
  }
  return {
      {"repository", snapshot.repository},
      {"revision", snapshot.revision},
      {"commit", snapshot.commit},
      {"from_cache", snapshot.from_cache},
      {"kind", is_adapter ? "adapter" : "base"},
      {"files", std::move(list)},
      {"total_bytes", total_bytes()},
      {"download_bytes", download_bytes()},
      {"disk_required_bytes", disk_required_bytes()},
      {"disk_free_bytes", disk_free_bytes},
      {"memory_required_bytes", memory_required_bytes},
      {"memory_budget_bytes", memory_budget_bytes},
      {"fits_disk", fits_disk()},
      {"fits_memory", fits_memory()}};
}

PullPlanner::PullPlanner(Options options, const artifacts::ArtifactStore& store)
    : options_(std::move(options)), store_(store) {
  std::error_code ignored;
  fs::create_directories(options_.downloads_folder, ignored);
  for (const fs::directory_entry& entry :
       fs::directory_iterator(options_.downloads_folder, ignored)) {
    if (entry.path().filename().string().starts_with('.')) {  // somebody's scratch folder
      fs::remove_all(entry.path(), ignored);
    }
  }
}

fs::path PullPlanner::download_folder(const std::string& repository) const {
  hf::check_repository(repository, "repository");
  std::string name = repository;
  name.replace(name.find('/'), 1, "--");
  return options_.downloads_folder / name;
}

PullPlan PullPlanner::plan(
    const std::string& repository,
    const std::string& revision,
    const std::atomic<bool>* stopping) const {
  const hf::Settings settings = options_.settings();
  hf::Client client(settings, repository, stopping);
  const hf::Cache cache(settings.cache);
  PullPlan plan;
  try {
    plan.snapshot = client.snapshot(revision);
  } catch (const Error& error) {
    auto cached = error.code() == ErrorCode::kUnavailable ? cache.snapshot(repository, revision)
                                                          : std::nullopt;
    if (!cached) {
      throw;
    }
    plan.snapshot = *std::move(cached);
    try {
      complete(plan, client, cache);
      return plan;
    } catch (const Error& incomplete) {
      throw Error(
          error.code(),
          fmt::format(
              "{} (the cache {} does not hold all of it either: {})",
              error.what(),
              cache.folder().string(),
              incomplete.what()),
          {},
          error.reason());
    }
  }
  complete(plan, client, cache);
  return plan;
}

void PullPlanner::complete(PullPlan& plan, hf::Client& client, const hf::Cache& cache) const {
  const hf::Snapshot& snapshot = plan.snapshot;
  plan.is_adapter =
      snapshot.find("adapter_config.json") != nullptr && snapshot.find("config.json") == nullptr;
  if (!plan.is_adapter && snapshot.find("config.json") == nullptr) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "{} at revision '{}' holds no model: it has no config.json",
            snapshot.repository,
            snapshot.revision),
        {},
        "not_a_model");
  }
  locate(plan, client, cache);
  plan.disk_free_bytes = free_bytes(options_.downloads_folder);
  plan.memory_budget_bytes = options_.memory_budget_bytes();
  estimate(plan, client);
}

// Chooses the files, completes what the list did not say, and looks for them on this machine.
void PullPlanner::locate(PullPlan& plan, hf::Client& client, const hf::Cache& cache) const {
  const auto place = [&](const hf::RemoteFile& listed) {
    PlannedFile file;
    file.remote = listed;
    if (listed.size < 0 || listed.content_name().empty()) {
      file.remote = client.resolve(plan.snapshot.commit, listed.name);
    }
    if (auto blob = store_.find_blob(file.remote.sha256)) {
      file.source = PlannedFile::Source::kStored;
      file.local = *std::move(blob);
    } else if (auto cached = cache.find(plan.snapshot.repository, file.remote)) {
      file.source = PlannedFile::Source::kCache;
      file.local = *std::move(cached);
    } else {
      file.partial_bytes =
          hf::Download::partial_bytes(download_folder(plan.snapshot.repository), file.remote);
    }
    plan.files.push_back(std::move(file));
  };
  for (const hf::RemoteFile& file : plan.snapshot.files) {
    if (hf::is_description(file.name)) {
      place(file);
    }
  }
  std::optional<Json> index;
  if (const PlannedFile* file = find(plan, kIndex); file != nullptr && !plan.is_adapter) {
    index = base::parse_json(read_part(client, plan, *file, 0, kMostTextBytes), kIndex);
  }
  for (const std::string& name :
       weight_names(plan.snapshot, plan.is_adapter, index ? &*index : nullptr)) {
    place(*plan.snapshot.find(name));
  }
}

void PullPlanner::estimate(PullPlan& plan, hf::Client& client) const {
  const ScratchFolder scratch(options_.downloads_folder, "plan");
  for (const PlannedFile& file : plan.files) {
    const fs::path path = scratch.path() / artifacts::stored_name(file.remote.name);
    if (hf::is_weights(file.remote.name)) {
      write_header(path, client, plan, file);
    } else if (file.remote.name.ends_with("config.json") || file.remote.name == kIndex) {
      std::ofstream(path, std::ios::binary) << read_part(client, plan, file, 0, kMostTextBytes);
    }
  }
  try {
    if (plan.is_adapter) {
      static_cast<void>(model_config::AdapterConfig::load(scratch.path()));
      return;
    }
    model_config::check_model_folder(scratch.path());
    const auto config = model_config::ModelConfig::load(scratch.path());
    plan.memory_required_bytes = model_config::serving_bytes(
        config,
        model_config::loaded_bytes(model_config::read_text_weights(scratch.path(), config)),
        kUsualContextTokens);
  } catch (const Error& error) {
    // The person knows the repository, not our folder.
    std::string message = error.what();
    const std::string folder = scratch.path().string();
    for (std::size_t at = message.find(folder); at != std::string::npos;
         at = message.find(folder)) {
      message.replace(at, folder.size(), plan.snapshot.repository);
    }
    throw Error(error.code(), message, error.param(), error.reason());
  }
}

}  // namespace hub::hub
