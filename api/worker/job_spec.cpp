#include "api/worker/job_spec.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/worker_protocol.h"

namespace hub::api {
namespace {

using base::Json;
using base::JsonReader;

constexpr std::array<std::string_view, 5> kKinds{
    "finetune", "evaluate", "merge", "quantize", "estimate"};
constexpr std::size_t kDigestDigits = 64;
constexpr std::size_t kShownProblems = 5;

}  // namespace

JobSpec JobSpec::from_json(const Json& json) {
  const JsonReader reader(json);
  const auto protocol = reader.optional_int("protocol", 0, 1000).value_or(0);
  if (protocol != base::kWorkerProtocolVersion) {
    throw base::Error(
        base::ErrorCode::kNotImplemented,
        fmt::format(
            "this worker speaks protocol {}, the job was written for {}",
            base::kWorkerProtocolVersion,
            protocol),
        "protocol");
  }
  JobSpec spec;
  spec.job_id = reader.string("job_id");
  spec.kind = reader.string("kind");
  if (std::find(kKinds.begin(), kKinds.end(), spec.kind) == kKinds.end()) {
    throw base::Error(
        base::ErrorCode::kNotImplemented,
        fmt::format("kind must be one of {}, not \"{}\"", fmt::join(kKinds, ", "), spec.kind),
        "kind");
  }
  const JsonReader base(reader.value("base"), "base");
  spec.base_folder = base.string("folder");
  spec.base_digest = base.optional_string("digest").value_or("");
  spec.base_name = base.optional_string("name").value_or("");
  if (const Json* adapter = reader.optional_object("adapter")) {
    spec.adapter_folder = JsonReader(*adapter, "adapter").string("folder");
  }
  const bool converts = spec.kind == "merge" || spec.kind == "quantize";
  if (!converts || reader.has("dataset")) {
    const JsonReader dataset(reader.value("dataset"), "dataset");
    spec.dataset_path = dataset.string("path");
    spec.dataset_digest = dataset.optional_string("digest").value_or("");
    if (const auto valid = dataset.optional_string("valid_path")) {
      spec.valid_path = *valid;
    }
  }
  const Json* params = reader.optional_object("params");
  spec.params = params != nullptr ? params->dump() : "{}";
  if (spec.kind == "finetune" || converts) {
    spec.output_folder = reader.string("output_folder");
  }
  spec.memory_limit_bytes = static_cast<std::uint64_t>(
      reader.optional_int("memory_limit_bytes", 0, INT64_MAX).value_or(0));
  spec.distributed = reader.optional_string("distributed").value_or("");
  if (const auto seed = reader.optional_int("seed", 0, INT64_MAX)) {
    spec.seed = static_cast<std::uint64_t>(*seed);
  }
  if (const auto batch = reader.optional_int("settled_batch_size", 1, INT32_MAX)) {
    spec.settled_batch_size = static_cast<int>(*batch);
  }
  return spec;
}

JobSpec JobSpec::load(const std::filesystem::path& file) {
  return from_json(base::parse_json(base::read_file(file), "job specification"));
}

void load_examples(
    const std::filesystem::path& file,
    const std::string& expected_digest,
    const data::ExampleBuilder& builder,
    const EmitEvent& emit,
    const data::TakeExample& take) {
  const data::ExampleReport report = data::read_examples(file, builder, take);
  if (expected_digest.size() == kDigestDigits && report.digest != expected_digest) {
    throw base::Error(
        base::ErrorCode::kConflict,
        fmt::format(
            "{} changed since it was registered: its SHA-256 is {}, registered was {}",
            file.filename().string(),
            report.digest,
            expected_digest),
        "dataset",
        "dataset_changed");
  }
  const auto& problems = report.problems.first();
  for (std::size_t i = 0; i < std::min(problems.size(), kShownProblems); ++i) {
    emit(
        "log",
        {{"level", "warning"},
         {"message",
          fmt::format(
              "{} line {}: {}", file.filename().string(), problems[i].line, problems[i].message)}});
  }
  emit(
      "log",
      {{"level", "info"},
       {"message",
        fmt::format(
            "{}: {} examples, {} cut to {} tokens, {} lines with problems",
            file.filename().string(),
            report.examples,
            report.truncated,
            builder.options().max_seq_length,
            report.problems.count())}});
  if (report.examples == 0) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "no line of {} can be used{}",
            file.filename().string(),
            problems.empty() ? std::string()
                             : fmt::format("; line {}: {}", problems[0].line, problems[0].message)),
        "dataset",
        "empty_dataset");
  }
}

std::vector<data::Example> load_examples(
    const std::filesystem::path& file,
    const std::string& expected_digest,
    const data::ExampleBuilder& builder,
    const EmitEvent& emit) {
  std::vector<data::Example> examples;
  load_examples(file, expected_digest, builder, emit, [&examples](data::Example example) {
    examples.push_back(std::move(example));
  });
  return examples;
}

}  // namespace hub::api
