#include "api/handlers/dataset_source.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/data/dataset.h"
#include "core/data/report.h"

namespace hub::api {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

constexpr std::size_t kMostShown = 3;  // bad lines named in an error

// Copies into the data folder and syncs; a data set is complete or absent.
fs::path copy_files(const hub::Hub& hub, const std::string& id, const fs::path& source) {
  const fs::path folder = hub.config.data_dir / "datasets" / id;
  const data::DatasetFiles files = data::dataset_files(source);
  try {
    fs::create_directories(folder);
    const auto copy = [&](const fs::path& from, const char* name) {
      fs::copy_file(from, folder / name);
      base::sync_path(folder / name);
    };
    copy(files.train, "train.jsonl");
    if (files.valid) {
      copy(*files.valid, "valid.jsonl");
    }
    if (files.test) {
      copy(*files.test, "test.jsonl");
    }
    base::sync_path(folder);
    return folder;
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("cannot store the data set: {}", error.code().message()));
  }
}

void refuse_empty(const data::Dataset& dataset, const std::string& name) {
  if (!dataset.rows.empty()) {
    return;
  }
  const auto& problems = dataset.problems.first();
  throw Error(
      ErrorCode::kUnprocessable,
      fmt::format(
          "data set '{}' has no usable row{}",
          name,
          problems.empty() ? ": the file is empty"
                           : fmt::format(
                                 "; line {}: {} ({} lines have problems)",
                                 problems.front().line,
                                 problems.front().message,
                                 dataset.problems.count())),
      "dataset",
      "dataset_empty");
}

void refuse_problems(const data::Dataset& dataset, const std::string& name) {
  if (dataset.problems.count() == 0) {
    return;
  }
  std::string lines;
  for (const data::Problem& problem : dataset.problems.first()) {
    if (&problem - dataset.problems.first().data() == kMostShown) {
      break;
    }
    lines += fmt::format("; line {}: {}", problem.line, problem.message);
  }
  throw Error(
      ErrorCode::kUnprocessable,
      fmt::format(
          "data set '{}' has {} bad lines{}. Mend them, or send skip_bad_rows to leave them out",
          name,
          dataset.problems.count(),
          lines),
      "dataset",
      "dataset_invalid");
}

// What a name may hold, made of a file's name.
std::string name_of(const fs::path& file, const std::string& digest) {
  std::string stem = file.stem().string().substr(0, 80);
  std::replace_if(
      stem.begin(),
      stem.end(),
      [](unsigned char c) { return c > 127 || (std::isalnum(c) == 0 && c != '.' && c != '_'); },
      '-');
  if (stem.empty() || std::isalnum(static_cast<unsigned char>(stem.front())) == 0) {
    stem = "data" + stem;
  }
  return fmt::format("{}-{}", stem, digest.substr(0, 8));
}

}  // namespace

std::optional<ExampleMaker> example_maker(
    hub::Hub& hub, const std::string& value, int max_seq_length) {
  const bool by_default = value.empty();
  const std::string model = by_default ? hub::kDefaultModelName : value;
  if (by_default) {
    const auto found = hub.models.find_model(model);
    if (!found || !hub.models.newest_ready(found->id)) {
      return std::nullopt;
    }
  }
  const registry::ResolvedModel resolved = hub.resolver.resolve(model);
  return ExampleMaker{
      model,
      data::ExampleBuilder::load(
          hub.artifacts.absolute(resolved.base.folder),
          {.max_seq_length = max_seq_length, .train_on_prompt = false})};
}

registry::Dataset add_dataset(
    hub::Hub& hub,
    const std::string& name,
    const fs::path& source,
    const std::optional<ExampleMaker>& maker,
    bool skip_bad_rows) {
  base::check_name(name, "name");
  if (hub.datasets.find(name)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("a data set named '{}' is registered already", name),
        "name",
        "dataset_exists");
  }
  registry::Dataset dataset;
  dataset.id = base::new_id();
  dataset.name = name;
  const fs::path folder = copy_files(hub, dataset.id, source);
  try {
    // The copy is read, so that the digest is that of what lies there.
    const data::Dataset rows = data::read_dataset(folder / "train.jsonl");
    refuse_empty(rows, name);
    if (!skip_bad_rows) {
      refuse_problems(rows, name);
    }
    const data::Report report = data::make_report(rows, maker ? &maker->builder : nullptr);
    base::Json report_json = report.to_json();
    report_json["model"] = maker ? base::Json(maker->model) : base::Json(nullptr);
    dataset.digest = report.digest;
    dataset.format = report.format;
    dataset.rows = static_cast<std::int64_t>(report.rows);
    dataset.size_bytes = static_cast<std::int64_t>(report.bytes);
    dataset.report_json = report_json.dump(-1, ' ', false, base::Json::error_handler_t::replace);
    // A file alone keeps being a file, so that what measures it measures that file.
    const bool alone = !fs::exists(folder / "valid.jsonl") && !fs::exists(folder / "test.jsonl");
    dataset.path = fmt::format("datasets/{}{}", dataset.id, alone ? "/train.jsonl" : "");
    return hub.datasets.add(dataset);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    throw;
  }
}

registry::Dataset find_or_add_dataset(
    hub::Hub& hub, const std::string& value, const std::string& field) {
  if (const auto known = hub.datasets.find(value)) {
    return *known;
  }
  if (value.find('/') == std::string::npos) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format(
            "'{}' must be the name or id of a registered data set, or a path; \"{}\" is none",
            field,
            value.substr(0, 200)),
        field,
        "dataset_not_found");
  }
  const fs::path source = hub.roots.resolve(value, field);
  const data::DatasetFiles files = data::dataset_files(source);
  const std::string digest = base::sha256_file(files.train);
  const std::string name = name_of(source, digest);
  const auto known = hub.datasets.find(name);
  if (known && known->digest == digest) {
    return *known;
  }
  return add_dataset(
      hub, name, source, example_maker(hub, "", data::ExampleOptions{}.max_seq_length));
}

fs::path dataset_path(const hub::Hub& hub, const registry::Dataset& dataset) {
  return hub.artifacts.absolute(dataset.path);
}

void remove_dataset_files(const hub::Hub& hub, const registry::Dataset& dataset) {
  if (!dataset.by_reference && base::is_id(dataset.id)) {
    std::error_code ignored;
    fs::remove_all(hub.config.data_dir / "datasets" / dataset.id, ignored);
  }
}

}  // namespace hub::api
