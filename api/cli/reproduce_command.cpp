#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/command_context.h"
#include "api/cli/commands.h"
#include "api/server/uri.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Json;

std::string value_text(const Json& value) {
  if (value.is_null()) {
    return "-";
  }
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string job_path(const std::string& id) {
  return "/jobs/" + percent_encode(id);
}

// Rows "name value" of an object's leaves, deeper ones with dots.
void add_rows(
    const std::string& path, const Json& value, std::vector<std::vector<std::string>>& rows) {
  if (!value.is_object()) {
    rows.push_back({path, value_text(value)});
    return;
  }
  for (const auto& [key, inner] : value.items()) {
    add_rows(path.empty() ? key : path + "." + key, inner, rows);
  }
}

// What differs, in a table; what says that nothing does, or that nobody knows.
void show_environment(Console& console, const Json& environment) {
  if (!environment["known"].get<bool>()) {
    console.out << "environment: not recorded then, or not known now" << std::endl;
    return;
  }
  if (environment["differences"].empty()) {
    console.out << (environment["same"].get<bool>()
                        ? "environment: the same"
                        : "environment: the same as at the end; one of the jobs ran in several")
                << std::endl;
    return;
  }
  std::vector<std::vector<std::string>> rows{{"ENVIRONMENT", "THEN", "NOW", "MAY CHANGE RESULTS"}};
  for (const Json& difference : environment["differences"]) {
    rows.push_back(
        {difference["name"].get<std::string>(),
         value_text(difference["then"]),
         value_text(difference["now"]),
         difference["may_change_results"].get<bool>() ? "yes" : "no"});
  }
  console.out << table(rows) << std::flush;
}

void show_figures(Console& console, const Json& comparison) {
  std::vector<std::vector<std::string>> losses{
      {"LOSS", "STEPS COMPARED", "STEPS MISSING", "LARGEST DIFFERENCE", "AT STEP"}};
  for (const Json& loss : comparison["reports"]) {
    losses.push_back(
        {loss["name"].get<std::string>(),
         value_text(loss["compared"]),
         value_text(loss["missing"]),
         value_text(loss["largest_difference"]),
         value_text(loss["at_step"])});
  }
  std::vector<std::vector<std::string>> figures{{"METRIC", "THEN", "NOW", "DIFFERENCE"}};
  for (const Json& figure : comparison["metrics"]) {
    figures.push_back(
        {figure["name"].get<std::string>(),
         value_text(figure["then"]),
         value_text(figure["now"]),
         value_text(figure["difference"])});
  }
  for (const auto& rows : {losses, figures}) {
    if (rows.size() > 1) {
      console.out << table(rows) << std::flush;
    }
  }
}

// 0 where it is what was to be expected: identical, or close enough in another environment.
int show_comparison(Console& console, const Json& comparison, bool json) {
  const auto verdict = comparison["verdict"].get<std::string>();
  const bool good = verdict == "identical" || verdict == "within_tolerance";
  if (json) {
    console.out << comparison.dump(2) << std::endl;
    return good ? 0 : 1;
  }
  show_environment(console, comparison["environment"]);
  if (verdict == "pending" || verdict == "failed") {
    console.out << fmt::format(
                       "no comparison: the job is {}", comparison["state"].get<std::string>())
                << std::endl;
    return 1;
  }
  const Json& digest = comparison["digest"];
  const bool by_bits = digest["equal"].is_boolean() && digest["equal"].get<bool>();
  if (!by_bits) {
    show_figures(console, comparison);
  }
  const std::string deviation = value_text(comparison["deviation"]);
  const std::string tolerance = value_text(comparison["tolerance"]);
  std::string sentence;
  if (by_bits) {
    sentence = "identical to the bit: digest " + digest["now"].get<std::string>();
  } else if (verdict == "identical") {
    sentence = "identical: every report and figure is the same";
  } else if (verdict == "within_tolerance") {
    sentence =
        fmt::format("within tolerance, in another environment: {} of {}", deviation, tolerance);
  } else if (comparison["environment"]["same"].get<bool>()) {
    sentence = "different, in the same environment";
  } else if (comparison["deviation"].is_null()) {
    sentence = "different: steps or figures are missing in one of them";
  } else {
    sentence = fmt::format("different: {} where {} is tolerated", deviation, tolerance);
  }
  console.out << sentence << std::endl;
  return good ? 0 : 1;
}

struct ReproduceOptions {
  std::string id;
  std::string tolerance;  // "": the server's
  bool dry_run = false;
  bool detach = false;
  bool json = false;
};

int compare(HubClient& client, Console& console, const ReproduceOptions& options) {
  const std::string query =
      options.tolerance.empty() ? "" : "?tolerance=" + percent_encode(options.tolerance);
  return show_comparison(
      console, client.get(job_path(options.id) + "/comparison" + query), options.json);
}

int reproduce(HubClient& client, Console& console, ReproduceOptions options) {
  const std::string path = job_path(options.id) + "/reproduce";
  const Json foreseen = client.post(path, {{"dry_run", true}});
  if (options.dry_run) {
    if (options.json) {
      console.out << foreseen.dump(2) << std::endl;
    } else {
      show_environment(console, foreseen["environment"]);
    }
    return 0;
  }
  if (!options.json) {
    show_environment(console, foreseen["environment"]);
  }
  const Json job = client.post(path, Json::object());
  options.id = base::JsonReader(job).string("id");
  if (options.detach) {
    console.out << (options.json ? job.dump(2) : options.id) << std::endl;
    console.err << fmt::format("compare it with: mlx-hub jobs compare {}", options.id) << std::endl;
    return 0;
  }
  console.err << fmt::format("job {}", options.id) << std::endl;
  std::ostringstream result;  // of the job by itself; what counts here is the comparison
  Console progress{.out = result, .err = console.err, .terminal = console.terminal};
  if (const int failed = watch_job_command(client, progress, options.id, false); failed != 0) {
    return failed;
  }
  return compare(client, console, options);
}

int show_environments(HubClient& client, Console& console, const std::string& id, bool json) {
  const Json environments = client.get(job_path(id) + "/environment");
  if (json) {
    console.out << environments.dump(2) << std::endl;
    return 0;
  }
  if (environments["data"].empty()) {
    console.err << "no environment was recorded: the job did not run, or an older hub ran it"
                << std::endl;
    return 0;
  }
  for (const Json& environment : environments["data"]) {
    std::vector<std::vector<std::string>> rows{{"NAME", "VALUE"}};
    add_rows("", environment, rows);
    console.out << table(rows) << std::flush;
  }
  return 0;
}

}  // namespace

void add_reproductions(CLI::App& jobs, const std::shared_ptr<CommandContext>& common) {
  const auto options = std::make_shared<ReproduceOptions>();
  CLI::App* environment = jobs.add_subcommand("environment", "show what a job ran in");
  CLI::App* again = jobs.add_subcommand("reproduce", "do a job again and compare");
  CLI::App* compared =
      jobs.add_subcommand("compare", "compare a job that `reproduce` made with its original");
  for (CLI::App* subcommand : {environment, again, compared}) {
    common->add_to(*subcommand);
    subcommand->add_option("id", options->id, "the job")->required();
  }
  for (CLI::App* subcommand : {again, compared}) {
    subcommand
        ->add_option(
            "--tolerance", options->tolerance, "of losses in another environment (default 0.02)")
        ->check(CLI::NonNegativeNumber);
  }
  again->add_flag("--dry-run", options->dry_run, "only show how the environment differs");
  again->add_flag("--detach", options->detach, "do not wait for its end");
  environment->callback([common, options] {
    HubClient client = common->client();
    common->exit_code = show_environments(client, common->setup.console, options->id, common->json);
  });
  again->callback([common, options] {
    HubClient client = common->client();
    options->json = common->json;
    common->exit_code = reproduce(client, common->setup.console, *options);
  });
  compared->callback([common, options] {
    HubClient client = common->client();
    options->json = common->json;
    common->exit_code = compare(client, common->setup.console, *options);
  });
}

}  // namespace hub::api
