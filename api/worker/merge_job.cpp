#include "api/worker/merge_job.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "api/worker/conversion_check.h"
#include "api/worker/memory_event.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/convert/merge.h"
#include "core/model_config/merge_params.h"
#include "core/tensor/ops.h"

namespace hub::api {

using base::Json;

namespace {

void log_delta(const convert::MergeReport& report, const EmitEvent& emit) {
  emit(
      "log",
      {{"level", "info"},
       {"message",
        fmt::format(
            "{:.1f} % of what the adapter adds to {} matrices is in the merged weights, with a "
            "rounding error of {:.3g} times its size",
            100.0 * report.delta.kept,
            report.matrices,
            report.delta.error)}});
}

}  // namespace

Json run_merge(const JobSpec& spec, JobControl& control, const EmitEvent& emit) {
  const auto params =
      model_config::MergeParams::from_json(base::parse_json(spec.params, "params"), "params");
  if (!spec.adapter_folder) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "a merge needs an adapter, the job names none",
        "adapter");
  }
  const double start = base::steady_seconds();
  tensor::set_cache_limit(0);
  const convert::Trained trained = convert::read_trained(*spec.adapter_folder);
  control.check();
  emit("ready", {{"weight_bytes", 0}, {"pid", ::getpid()}});
  // Whole weights go in as they are: there is nothing to compare.
  const ConversionCheck check(spec, params.check && trained.whole.empty(), emit);
  const auto folder = spec.output_folder / "model";
  std::filesystem::remove_all(folder);  // of an attempt that crashed
  std::filesystem::create_directories(folder);
  const convert::MergeReport report = convert::merge(
      spec.base_folder,
      trained,
      folder,
      {.dequantize = params.dequantize},
      ConversionProgress(control, emit));
  emit(
      "progress",
      {{"step", report.size_bytes}, {"total", report.size_bytes}, {"eta_seconds", 0.0}});
  if (trained.whole.empty()) {
    log_delta(report, emit);
  }
  Json result = {
      {"model_folder", folder.string()},
      {"size_bytes", report.size_bytes},
      {"matrices", report.matrices}};
  if (trained.whole.empty()) {
    result["delta_kept"] = report.delta.kept;
    result["delta_error"] = report.delta.error;
    result["delta_share"] = report.delta.share;
  }
  result.update(check.compare(folder));
  emit("memory", memory_event());
  result["seconds"] = base::steady_seconds() - start;
  return result;
}

}  // namespace hub::api
