#include "api/handlers/dataset_files.h"

#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/artifacts/shared_file.h"
#include "core/base/error.h"
#include "core/base/file.h"

namespace hub::api {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

void copy_and_sync(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error) {
    throw Error(
        ErrorCode::kUnavailable, fmt::format("cannot store the data set: {}", error.message()));
  }
  base::sync_path(to);
}

}  // namespace

DatasetFolder::DatasetFolder(
    const fs::path& data_folder,
    const std::string& id,
    const fs::path& source,
    const std::string& file_name)
    : data_folder_(data_folder), id_(id), folder_(data_folder / "datasets" / id) {
  const data::DatasetFiles files = data::dataset_files(source);
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    throw Error(
        ErrorCode::kUnavailable, fmt::format("cannot store the data set: {}", error.message()));
  }
  try {
    const auto take = [&](const fs::path& file, const std::string& part, const fs::path& name) {
      const fs::path target =
          folder_ / fmt::format("{}.{}", part, to_string(data::file_type_of(file, name)));
      copy_and_sync(file, target);
      add(part, target);
    };
    take(files.train, "train", file_name.empty() ? files.train.filename() : fs::path(file_name));
    if (files.valid) {
      take(*files.valid, "valid", files.valid->filename());
    }
    if (files.test) {
      take(*files.test, "test", files.test->filename());
    }
  } catch (...) {  // no destructor runs for an object that was never made
    fs::remove_all(folder_, error);
    throw;
  }
}

DatasetFolder::~DatasetFolder() {
  if (kept_) {
    return;
  }
  for (const auto& [name, part] : parts_) {
    artifacts::remove_shared(data_folder_, part.file, part.rows.digest);
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

// The copy is read, so that the digest is that of what lies there.
void DatasetFolder::add(const std::string& part, const fs::path& file) {
  parts_[part] = {.file = file, .rows = data::read_dataset(file)};
}

void DatasetFolder::split(const data::PartShares& shares) {
  if (parts_.size() > 1) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'split' is for one file; this folder has its parts already",
        "split");
  }
  const Part source = std::exchange(parts_["train"], {});
  const data::Parts places = data::split_parts(source.rows.rows, shares);
  std::error_code ignored;
  fs::remove(source.file, ignored);
  const std::map<std::string, const std::vector<std::size_t>*> named = {
      {"train", &places.train}, {"valid", &places.valid}, {"test", &places.test}};
  for (const auto& [name, rows] : named) {
    if (!rows->empty()) {
      const fs::path file = folder_ / (name + ".jsonl");
      data::write_rows(file, source.rows.rows, *rows);
      add(name, file);
    }
  }
  parts_["train"].rows.problems = source.rows.problems;
}

Json DatasetFolder::parts_json() const {
  Json json = Json::object();
  for (const char* name : {"train", "valid", "test"}) {
    const auto part = parts_.find(name);
    if (part == parts_.end()) {
      json[name] = nullptr;
      continue;
    }
    json[name] = {
        {"file", part->second.file.filename().string()},
        {"rows", part->second.rows.rows.size()},
        {"digest", part->second.rows.digest},
        {"size_bytes", part->second.rows.bytes}};
  }
  return json;
}

std::string DatasetFolder::relative_path() const {
  // A file alone keeps being a file, so that what measures it measures that file.
  const std::string folder = "datasets/" + id_;
  return parts_.size() > 1 ? folder : folder + "/" + train().file.filename().string();
}

void DatasetFolder::share() {
  for (const auto& [name, part] : parts_) {
    artifacts::share_by_digest(data_folder_, part.file, part.rows.digest);
  }
  base::sync_path(folder_);
}

}  // namespace hub::api
