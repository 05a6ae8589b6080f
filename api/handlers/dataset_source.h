#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/data/examples.h"
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

// Reads, checks and copies a JSONL file, or a folder with train.jsonl (and valid.jsonl,
// test.jsonl), into the data folder, and registers it. Throws kUnprocessable (reason
// "dataset_invalid") naming the first lines that are no rows, unless `skip_bad_rows`: then they are
// left out and listed in the report; kUnprocessable (reason "dataset_empty") when no line can be
// used; kConflict when the name is taken.
registry::Dataset add_dataset(
    hub::Hub& hub,
    const std::string& name,
    const std::filesystem::path& source,
    const std::optional<ExampleMaker>& maker,
    bool skip_bad_rows = false);

// A data set by id or name, or, where `value` is a path (it holds a "/"), the file there:
// registered on first use as `<file name>-<digest's first digits>`.
registry::Dataset find_or_add_dataset(
    hub::Hub& hub, const std::string& value, const std::string& field);

// Its file or folder in the data folder.
std::filesystem::path dataset_path(const hub::Hub& hub, const registry::Dataset& dataset);

// Removes its files.
void remove_dataset_files(const hub::Hub& hub, const registry::Dataset& dataset);

}  // namespace hub::api
