#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "api/cli/bench_report.h"
#include "api/cli/command_context.h"
#include "api/cli/model_version.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/shell.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
namespace fs = std::filesystem;

struct BenchOptions {
  std::string model;
  std::vector<int> prompts{32, 128, 512};
  std::vector<int> streams{1, 8};
  int tokens = 64;
  int rounds = 3;
  bool without_training = false;
  std::optional<fs::path> save;
  std::optional<fs::path> compare;
};

Json read_report(const fs::path& file) {
  Json report = base::parse_json(base::read_file(file), file.string());
  if (!report.is_object() || !report.contains("results") || !report.at("results").is_array()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{} is no report that `mlx-hub bench --save` wrote", file.string()));
  }
  return report;
}

// A folder as it is; else the folder of a registered model.
fs::path folder_of(CommandContext& common, const std::string& model) {
  if (fs::is_directory(model)) {
    return fs::absolute(model);
  }
  HubClient client = common.client();
  const Json version = client.get("/versions/" + version_id(client, model));
  const Json& folder = version.at("folder");
  if (!folder.is_string()) {
    throw Error(
        ErrorCode::kNotFound, fmt::format("the files of \"{}\" are not on this machine", model));
  }
  return folder.get<std::string>();
}

Json measure(const CommandContext& common, const BenchOptions& options, const fs::path& folder) {
  const fs::path worker = common.setup.program.parent_path() / "mlx-hub-worker";
  const std::string output = base::shell_output(
      fmt::format(
          "{} --log-level error bench --model {} --prompt {} --streams {} --tokens {} --rounds "
          "{}{}",
          base::shell_quoted(worker.string()),
          base::shell_quoted(folder.string()),
          fmt::join(options.prompts, " "),
          fmt::join(options.streams, " "),
          options.tokens,
          options.rounds,
          options.without_training ? " --training-tokens 0" : ""));
  if (output.empty()) {  // it said on standard error why
    throw Error(ErrorCode::kInternal, "the measurement failed, see above");
  }
  return base::parse_json(output, "the worker's report");
}

void save(const fs::path& file, const Json& report) {
  std::ofstream out(file, std::ios::trunc);
  out << report.dump(2) << '\n';
  out.close();
  if (!out) {
    throw Error(ErrorCode::kUnavailable, fmt::format("cannot write {}", file.string()));
  }
}

int bench(CommandContext& common, const BenchOptions& options) {
  Console& console = common.setup.console;
  std::optional<Json> earlier;
  if (options.compare) {
    earlier = read_report(*options.compare);  // a wrong file is told before minutes are spent
  }
  const Json report = measure(common, options, folder_of(common, options.model));
  if (options.save) {
    save(*options.save, report);
  }
  if (earlier) {
    for (const std::string& difference : bench_differences(report, *earlier)) {
      console.err << "the reports differ in " << difference << std::endl;
    }
  }
  if (common.json) {
    console.out << report.dump(2) << std::endl;
  } else {
    console.out << bench_table(report, earlier ? &*earlier : nullptr) << std::flush;
  }
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command = app.add_subcommand(
      "bench",
      "measure how fast a model is read, answers and trains here, beside the machine's "
      "limits");
  common->add_to(*command);
  const auto options = std::make_shared<BenchOptions>();
  command->add_option("model", options->model, "name, name:version, name@alias, or a folder")
      ->required();
  command->add_option("--prompt", options->prompts, "tokens of prompts (default 32 128 512)")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--streams", options->streams, "answers decoded together (default 1 8)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--tokens", options->tokens, "of each answer (default 64)")
      ->check(CLI::Range(2, 1 << 20));
  command->add_option("--rounds", options->rounds, "of which the median counts (default 3)")
      ->check(CLI::Range(1, 1000));
  command->add_flag("--no-training", options->without_training, "leave training out");
  command->add_option("--save", options->save, "write the report to this file");
  command->add_option("--compare", options->compare, "a saved report to compare with");
  command->callback([common, options] { common->exit_code = bench(*common, *options); });
}

}  // namespace hub::api
