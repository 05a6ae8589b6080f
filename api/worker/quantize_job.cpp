#include "api/worker/quantize_job.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "api/worker/conversion_check.h"
#include "api/worker/memory_event.h"
#include "core/base/clock.h"
#include "core/base/json_reader.h"
#include "core/convert/quantize.h"
#include "core/tensor/ops.h"

namespace hub::api {
namespace {

using base::Json;

void log_what_differs(const convert::QuantizeReport& report, const EmitEvent& emit) {
  const auto say = [&emit](const std::string& message) {
    emit("log", {{"level", "info"}, {"message", message}});
  };
  if (!report.unpacked.empty()) {
    say(fmt::format("left as they are: {}", fmt::join(report.unpacked, ", ")));
  }
  if (report.requantized > 0) {
    say(fmt::format(
        "{} matrices were packed before: they were unpacked and packed anew, which adds to the "
        "error they had",
        report.requantized));
  }
}

}  // namespace

Json run_quantize(const JobSpec& spec, JobControl& control, const EmitEvent& emit) {
  const auto params =
      model_config::QuantizeParams::from_json(base::parse_json(spec.params, "params"), "params");
  const double start = base::steady_seconds();
  tensor::set_cache_limit(0);
  control.check();
  emit("ready", {{"weight_bytes", 0}, {"pid", ::getpid()}});
  const ConversionCheck check(spec, params.check, emit);
  const auto folder = spec.output_folder / "model";
  std::filesystem::remove_all(folder);  // of an attempt that crashed
  std::filesystem::create_directories(folder);
  const convert::QuantizeReport report = convert::quantize(
      spec.base_folder, params, folder, convert::kShardBytes, ConversionProgress(control, emit));
  emit(
      "progress",
      {{"step", report.size_bytes}, {"total", report.size_bytes}, {"eta_seconds", 0.0}});
  log_what_differs(report, emit);
  Json result = {
      {"model_folder", folder.string()},
      {"size_bytes", report.size_bytes},
      {"bits_per_weight", report.bits_per_weight},
      {"parameters", report.parameters},
      {"matrices", report.packed},
      {"requantized", report.requantized}};
  result.update(check.compare(folder));
  emit("memory", memory_event());
  result["seconds"] = base::steady_seconds() - start;
  return result;
}

}  // namespace hub::api
