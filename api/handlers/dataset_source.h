#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/data/examples.h"
#include "core/data/parts.h"
#include "core/hub/hub.h"
#include "core/registry/records.h"

namespace hub::api {

// The tokenizer and template with which reports and previews are made.
struct ExampleMaker {
  std::string model;
  data::ExampleBuilder builder;
};

// Of the model that `value` names; of the default model when empty, and nullopt when that one is
// not here. Throws as ModelResolver::resolve().
std::optional<ExampleMaker> example_maker(
    hub::Hub& hub, const std::string& value, int max_seq_length);

// What is asked of a new data set.
struct NewDataset {
  std::string name;
  std::filesystem::path source;  // a file, or a folder with train, and valid and test
  std::string file_name{};       // of an upload, whose `source` has another
  bool skip_bad_rows = false;
  std::optional<data::PartShares> split{};
};

// Reads, checks and copies a file (JSONL, JSON, CSV, Parquet) or a folder with parts into the data
// folder, and registers it; equal files are stored once. Throws kUnprocessable (reason
// "dataset_invalid") naming the first lines that are no rows, unless `skip_bad_rows`: then they are
// left out and listed in the report; also for a file that is broken as a whole; kUnprocessable
// (reason "dataset_empty") when no row can be used; kConflict when the name is taken. Then nothing
// is stored.
// Calls `insert` once, with what adds the row.
using InsertDataset =
    std::function<registry::Dataset(const std::function<registry::Dataset()>& add_row)>;
registry::Dataset add_dataset(
    hub::Hub& hub,
    const NewDataset& asked,
    const std::optional<ExampleMaker>& maker,
    const InsertDataset& insert = [](const auto& add_row) { return add_row(); });

// A data set by id or name, or, where `value` is a path (it holds a "/"), the file there:
// registered on first use as `<file name>-<digest's first digits>`.
registry::Dataset find_or_add_dataset(
    hub::Hub& hub, const std::string& value, const std::string& field);

// Its file or folder in the data folder.
std::filesystem::path dataset_path(const hub::Hub& hub, const registry::Dataset& dataset);

// Removes its files.
void remove_dataset_files(const hub::Hub& hub, const registry::Dataset& dataset);

}  // namespace hub::api
