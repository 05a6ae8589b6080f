#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/data/dataset.h"
#include "core/data/examples.h"

namespace hub::api {

// Where a job's events go: base::emit_event, or a test.
using EmitEvent = std::function<void(std::string_view type, const base::Json& data)>;

// The file that job_worker.h describes.
struct JobSpec {
  std::string job_id;
  std::string kind;  // "finetune", "evaluate", "merge", "quantize", "estimate"
  std::filesystem::path base_folder;
  std::string base_digest;
  std::string base_name;
  std::optional<std::filesystem::path> adapter_folder;
  std::filesystem::path dataset_path;  // empty: none; merge and quantize may have none
  std::string dataset_digest;          // SHA-256 of the file as registered; may be empty
  std::optional<std::filesystem::path> valid_path;
  std::string params;  // JSON text of an object; its meaning depends on the kind
  std::filesystem::path output_folder;
  std::uint64_t memory_limit_bytes = 0;  // 0: none given
  std::string distributed;               // train::ProcessGroup::join()'s backend; empty: alone
  std::optional<std::uint64_t> seed;
  std::optional<int> settled_batch_size;  // of a job that is done again

  // Throws kInvalidArgument naming the field; kNotImplemented for another protocol version or kind.
  static JobSpec from_json(const base::Json& json);
  static JobSpec load(const std::filesystem::path& file);
};

// The data set as examples, one by one; what could not be used goes out as "log" events. Throws
// kConflict (`dataset_changed`) when the file is not the one that was registered
// (`expected_digest`), kUnprocessable (`empty_dataset`) when nothing is usable: after the last one.
void load_examples(
    const std::filesystem::path& file,
    const std::string& expected_digest,
    const data::ExampleBuilder& builder,
    const EmitEvent& emit,
    const data::TakeExample& take);

// All at once.
std::vector<data::Example> load_examples(
    const std::filesystem::path& file,
    const std::string& expected_digest,
    const data::ExampleBuilder& builder,
    const EmitEvent& emit);

}  // namespace hub::api
