#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/command_context.h"
#include "api/server/uri.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Json;

struct EvaluateOptions {
  std::string model;
  std::string data;
  std::string task = "loss";
  std::vector<std::string> settings;

  [[nodiscard]] Json body(const std::string& dataset) const {
    Json params = {{"task", task}};
    for (const std::string& setting : settings) {
      auto [key, value] = setting_of(setting);
      params[key] = std::move(value);
    }
    return {{"model", model}, {"dataset", dataset}, {"params", params}};
  }
};

std::string shown(const Json& value) {
  return value.is_number_float() ? fmt::format("{:.4g}", value.get<double>()) : value.dump();
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "-";
}

// "loss 1.234, perplexity 3.43"
std::string figures(const Json& metrics) {
  std::string text;
  for (const auto& [name, value] : metrics.items()) {
    if (value.is_number()) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, shown(value));
    }
  }
  return text.empty() ? "-" : text;
}

int evaluate(HubClient& client, Console& console, const EvaluateOptions& options, bool json) {
  static_cast<void>(options.body(""));  // a wrong --set is told before anything is uploaded
  const std::string dataset = register_data(client, console, options.data);
  const Json made = client.post("/evaluations", options.body(dataset));
  const std::string id = base::JsonReader(made).string("id");
  const int status =
      watch_job_command(client, console, base::JsonReader(made).string("job_id"), json);
  if (status == 0 && !json) {
    const Json done = client.get("/evaluations/" + id);
    console.out << fmt::format("{}: {}", id, figures(done.at("metrics"))) << std::endl;
  }
  return status;
}

struct ListOptions {
  std::string data;
  std::vector<std::string> compare;
  std::size_t limit = 20;
};

Json evaluations(HubClient& client, const ListOptions& options) {
  if (!options.compare.empty()) {
    std::string ids;
    for (const std::string& id : options.compare) {
      ids += (ids.empty() ? "" : ",") + id;
    }
    return client.get("/evaluations?compare=" + ids);
  }
  return client.list(
      options.data.empty() ? "/evaluations"
                           : "/evaluations?dataset=" + percent_encode(options.data),
      options.limit);
}

int list(HubClient& client, Console& console, const ListOptions& options, bool json) {
  const Json found = evaluations(client, options);
  if (json) {
    console.out << found.dump(2) << std::endl;
    return 0;
  }
  const bool compares = !options.compare.empty();
  std::vector<std::vector<std::string>> rows{
      {"ID", "MODEL", "DATASET", "TASK", "STATE", compares ? "FIGURES (DIFFERENCE)" : "FIGURES"}};
  for (const Json& one : found.at("data")) {
    std::string last = figures(one.at("metrics"));
    if (compares && one.contains("difference") && !one.at("difference").empty()) {
      last += fmt::format(" ({})", figures(one.at("difference")));
    }
    rows.push_back(
        {text_of(one, "id"),
         text_of(one, "model"),
         one.at("dataset").is_object() ? text_of(one.at("dataset"), "name") : "-",
         one.at("params").value("task", std::string("loss")),
         text_of(one, "state"),
         last});
  }
  console.out << table(rows) << std::flush;
  return 0;
}

}  // namespace

void add_evaluations(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* run = app.add_subcommand("evaluate", "measure a model on a data set");
  const auto options = std::make_shared<EvaluateOptions>();
  common->add_to(*run);
  run->add_option("model", options->model, "name, name:version, name@alias, name+adapter")
      ->required();
  run->add_option("--data", options->data, "JSONL file, or the name of a registered data set")
      ->required();
  run->add_option("--task", options->task, "loss (default), exact_match, multiple_choice")
      ->check(CLI::IsMember({"loss", "exact_match", "multiple_choice"}));
  run->add_option("--set", options->settings, "key=value, for example max_rows=100")
      ->type_size(1)
      ->expected(1, 16);
  run->callback([common, options] {
    HubClient client = common->client();
    common->exit_code = evaluate(client, common->setup.console, *options, common->json);
  });

  CLI::App* shown_list =
      app.add_subcommand("evaluations", "list evaluations, newest first, or compare some");
  const auto which = std::make_shared<ListOptions>();
  common->add_to(*shown_list);
  shown_list->add_option("--data", which->data, "only those on this data set");
  shown_list->add_option("--limit", which->limit, "rows (default 20)")->check(CLI::Range(1, 1000));
  shown_list->add_option("--compare", which->compare, "ids; what differs from the first is shown")
      ->expected(2, 32);
  shown_list->callback([common, which] {
    HubClient client = common->client();
    common->exit_code = list(client, common->setup.console, *which, common->json);
  });
}

}  // namespace hub::api
