#include "api/doctor.h"

#include <cstdlib>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/shell.h"
#include "core/hub/folders.h"
#include "core/hub/process_info.h"

namespace hub::api {
namespace {

namespace fs = std::filesystem;
using base::Json;
using base::JsonReader;
using Level = Finding::Level;

constexpr std::uint64_t kGiB = 1ULL << 30U;

double gib(std::uint64_t bytes) {
  return static_cast<double>(bytes) / static_cast<double>(kGiB);
}

// The worker's own report; the string is the reason when there is none.
std::pair<Json, std::string> ask_worker(const fs::path& worker) {
  const std::string output =
      base::shell_output(base::shell_quoted(worker.string()) + " doctor 2>&1");
  const std::size_t begin = output.find('{');
  try {
    return {
        base::parse_json(
            output.substr(begin == std::string::npos ? 0 : begin), "the worker's report"),
        ""};
  } catch (const base::Error&) {
    return {Json::object(), output.empty() ? "it printed nothing" : output.substr(0, 400)};
  }
}

Finding machine() {
  utsname name{};
  uname(&name);
  return {
      Level::kOk,
      "machine",
      fmt::format(
          "{} {} on {}, {} cores",
          name.sysname,
          name.release,
          name.machine,
          std::thread::hardware_concurrency()),
      ""};
}

std::vector<Finding> worker(const hub::Config& config) {
  const fs::path& program = config.worker_executable;
  if (::access(program.c_str(), X_OK) != 0) {
    return {
        {Level::kProblem,
         "worker",
         program.string() + " is missing",
         "install the hub again, or run scripts/setup to build it"}};
  }
  const auto [report, reason] = ask_worker(program);
  if (!reason.empty()) {
    return {
        {Level::kProblem,
         "worker",
         "it does not run: " + reason,
         "if MLX's library is missing: install mlx-model-hub[cpu] or [cuda], or run uv sync "
         "--locked; "
         "else run scripts/setup"}};
  }
  const JsonReader reader(report);
  std::vector<Finding> findings;
  for (const auto& [key, value] : report.items()) {
    if (key != "warnings") {
      findings.push_back(
          {Level::kOk,
           "worker: " + key,
           value.is_string() ? value.get<std::string>() : value.dump(),
           ""});
    }
  }
  for (const std::string& warning :
       reader.optional_strings("warnings").value_or(std::vector<std::string>{})) {
    findings.push_back(
        {Level::kWarning, "worker", warning, "see docs/architecture.md, section on BLAS"});
  }
  return findings;
}

Finding memory(const hub::Config& config) {
  const std::uint64_t machine_bytes = hub::machine_memory_bytes();
  const auto budget =
      config.memory_budget_bytes > 0
          ? config.memory_budget_bytes
          : static_cast<std::uint64_t>(static_cast<double>(machine_bytes) * config.memory_fraction);
  const std::uint64_t available = hub::available_memory_bytes();
  const std::string detail = fmt::format(
      "{:.1f} GiB of {:.1f} GiB, {:.1f} GiB available now",
      gib(budget),
      gib(machine_bytes),
      gib(available));
  if (budget < kGiB) {
    return {
        Level::kProblem,
        "memory budget",
        detail,
        "even the small default model needs 1 GiB: raise memory_fraction"};
  }
  if (available < budget / 2) {
    return {
        Level::kWarning,
        "memory budget",
        detail,
        "other programs hold much of it: close some, or lower memory_budget_bytes"};
  }
  return {Level::kOk, "memory budget", detail, ""};
}

Finding data_folder(const hub::Config& config) {
  fs::path probe = config.data_dir;
  while (!fs::exists(probe) && probe.has_parent_path() && probe != probe.parent_path()) {
    probe = probe.parent_path();
  }
  std::error_code error;
  const auto space = fs::space(probe, error);
  const std::string detail =
      fmt::format("{}, {:.1f} GiB free", config.data_dir.string(), gib(space.available));
  if (::access(probe.c_str(), W_OK) != 0) {
    return {
        Level::kProblem,
        "data folder",
        detail,
        fmt::format("{} cannot be written: choose another with --data-dir", probe.string())};
  }
  if (error || space.available < 2 * kGiB) {
    return {
        Level::kWarning,
        "data folder",
        detail,
        "models and checkpoints need room: free some, or choose another with --data-dir"};
  }
  return {Level::kOk, "data folder", detail, ""};
}

Finding default_model(const hub::Config& config) {
  if (!fs::exists(config.default_model / "config.json")) {
    return {
        Level::kWarning,
        "default model",
        config.default_model.string() + " is missing",
        "install mlx-model-hub[default-model], or run scripts/setup, which prepares it"};
  }
  return {Level::kOk, "default model", config.default_model.string(), ""};
}

Finding server(const hub::Config& config) {
  const auto url = hub::published_server(config.data_dir);
  return {
      Level::kOk,
      "server",
      url ? "running at " + *url : "not running (start it with mlx-hub serve)",
      ""};
}

std::string_view word(Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kWarning:
      return "warning";
    case Level::kProblem:
      return "problem";
  }
  return "";
}

}  // namespace

std::vector<Finding> examine(const hub::Config& config) {
  std::vector<Finding> findings = {{Level::kOk, "version", "mlx-hub " HUB_VERSION, ""}, machine()};
  for (Finding& finding : worker(config)) {
    findings.push_back(std::move(finding));
  }
  findings.push_back(memory(config));
  findings.push_back(data_folder(config));
  findings.push_back(default_model(config));
  findings.push_back(server(config));
  return findings;
}

int run_doctor(const hub::Config& config, bool json) {
  const std::vector<Finding> findings = examine(config);
  bool problem = false;
  Json list = Json::array();
  for (const Finding& finding : findings) {
    problem = problem || finding.level == Level::kProblem;
    list.push_back(
        {{"level", word(finding.level)},
         {"what", finding.what},
         {"detail", finding.detail},
         {"advice", finding.advice}});
    if (!json) {
      fmt::print("{:<8} {:<24} {}\n", word(finding.level), finding.what, finding.detail);
      if (!finding.advice.empty()) {
        fmt::print("{:<8} {:<24} -> {}\n", "", "", finding.advice);
      }
    }
  }
  if (json) {
    fmt::print("{}\n", Json{{"findings", list}, {"ok", !problem}}.dump(2));
  }
  return problem ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace hub::api
