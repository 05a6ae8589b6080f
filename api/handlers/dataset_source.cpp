#include "api/handlers/dataset_source.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/dataset_files.h"
#include "core/artifacts/shared_file.h"
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

// Parquet files have no lines.
std::string_view place_word(const data::Dataset& dataset) {
  return dataset.file_type == data::FileType::kParquet ? "row" : "line";
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
                                 "; {} {}: {} ({} {}s have problems)",
                                 place_word(dataset),
                                 problems.front().line,
                                 problems.front().message,
                                 dataset.problems.count(),
                                 place_word(dataset))),
      "dataset",
      "dataset_empty");
}

void refuse_problems(
    const data::Dataset& dataset, const std::string& name, const std::string& part) {
  if (dataset.problems.count() == 0) {
    return;
  }
  std::string lines;
  for (const data::Problem& problem : dataset.problems.first()) {
    if (&problem - dataset.problems.first().data() == kMostShown) {
      break;
    }
    lines += fmt::format("; {} {}: {}", place_word(dataset), problem.line, problem.message);
  }
  throw Error(
      ErrorCode::kUnprocessable,
      fmt::format(
          "data set '{}' has {} bad {}s{}{}. Mend them, or send skip_bad_rows to leave them out",
          name,
          dataset.problems.count(),
          place_word(dataset),
          part == "train" ? "" : " in its part " + part,
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
  const std::string model = by_default ? hub.settings.text(hub::kDefaultModel) : value;
  std::optional<registry::ResolvedModel> found;
  try {
    found = hub.resolver.resolve(model);
  } catch (const Error&) {
    if (by_default) {
      return std::nullopt;
    }
    throw;
  }
  const registry::ResolvedModel& resolved = *found;
  return ExampleMaker{
      model,
      data::ExampleBuilder::load(
          hub.artifacts.absolute(resolved.base.folder),
          {.max_seq_length = max_seq_length, .train_on_prompt = false})};
}

namespace {

// What a data set's parts have in common, and what each needs.
void check_parts(const DatasetFolder& files, const NewDataset& asked) {
  for (const auto& [name, part] : files.parts()) {
    refuse_empty(part.rows, asked.name);
    if (!asked.skip_bad_rows) {
      refuse_problems(part.rows, asked.name, name);
    }
    if (part.rows.format() != files.train().rows.format()) {
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format(
              "data set '{}': its part {} has format '{}', train has '{}'; one format was wanted",
              asked.name,
              name,
              part.rows.format(),
              files.train().rows.format()),
          "dataset",
          "dataset_invalid");
    }
  }
}

}  // namespace

registry::Dataset add_dataset(
    hub::Hub& hub,
    const NewDataset& asked,
    const std::optional<ExampleMaker>& maker,
    const InsertDataset& insert) {
  base::check_name(asked.name, "name");
  if (hub.datasets.find(asked.name)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("a data set named '{}' is registered already", asked.name),
        "name",
        "dataset_exists");
  }
  registry::Dataset dataset;
  dataset.id = base::new_id();
  dataset.name = asked.name;
  DatasetFolder files(hub.config.data_dir, dataset.id, asked.source, asked.file_name);
  check_parts(files, asked);
  // Of the file that came.
  base::Json source = files.parts_json()["train"];
  source.erase("file");
  source["file_type"] = to_string(files.train().rows.file_type);
  if (asked.split) {
    files.split(*asked.split);
  }
  const data::Report report =
      data::make_report(files.train().rows, maker ? &maker->builder : nullptr);
  base::Json report_json = report.to_json();
  report_json["model"] = maker ? base::Json(maker->model) : base::Json(nullptr);
  report_json["parts"] = files.parts_json();
  report_json["split"] = asked.split ? asked.split->to_json() : base::Json(nullptr);
  report_json["source"] = std::move(source);
  dataset.digest = report.digest;
  dataset.format = report.format;
  dataset.rows = static_cast<std::int64_t>(report.rows);
  dataset.size_bytes = static_cast<std::int64_t>(report.bytes);
  dataset.report_json = report_json.dump(-1, ' ', false, base::Json::error_handler_t::replace);
  dataset.path = files.relative_path();
  files.share();
  const registry::Dataset added = insert([&] { return hub.datasets.add(dataset); });
  files.keep();
  return added;
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
      hub,
      {.name = name, .source = source},
      example_maker(hub, "", data::ExampleOptions{}.max_seq_length));
}

fs::path dataset_path(const hub::Hub& hub, const registry::Dataset& dataset) {
  return hub.artifacts.absolute(dataset.path);
}

void remove_dataset_files(const hub::Hub& hub, const registry::Dataset& dataset) {
  if (dataset.by_reference || !base::is_id(dataset.id)) {
    return;
  }
  const fs::path folder = hub.config.data_dir / "datasets" / dataset.id;
  const base::Json report = base::Json::parse(dataset.report_json, nullptr, false);
  if (report.is_object() && report.contains("parts")) {
    for (const auto& [name, part] : report["parts"].items()) {
      if (part.is_object()) {
        artifacts::remove_shared(
            hub.config.data_dir,
            folder / part["file"].get<std::string>(),
            part["digest"].get<std::string>());
      }
    }
  }
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

}  // namespace hub::api
