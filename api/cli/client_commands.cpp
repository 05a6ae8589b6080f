#include "api/cli/client_commands.h"

#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "api/cli/command_context.h"
#include "api/cli/commands.h"
#include "core/base/error.h"
#include "core/hub/config.h"
#include "core/hub/folders.h"
#include "core/hub/process_info.h"

namespace hub::api {
namespace {

// A prompt that was not given comes from standard input, unless a person sits there.
std::string prompt_from_input() {
  if (::isatty(STDIN_FILENO) == 1) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "run: a prompt is needed: mlx-hub run MODEL \"your question\"");
  }
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

void add_run(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command = app.add_subcommand("run", "answer a prompt with a model");
  const auto options = std::make_shared<RunOptions>();
  common->add_to(*command);
  command->add_option("model", options->model, "name, name:version, name@alias, name+adapter")
      ->required();
  CLI::Option* prompt =
      command->add_option("prompt", options->prompt, "what to ask; default: standard input");
  command->add_option("--system", options->system, "system message");
  command->add_option("--max-tokens", options->max_tokens, "of the answer");
  command->add_option("--temperature", options->temperature, "0: always the likeliest token");
  command->add_option("--seed", options->seed, "same seed, same answer");
  command->callback([common, options, prompt] {
    options->json = common->json;
    if (prompt->count() == 0) {
      options->prompt = prompt_from_input();
    }
    common->exit_code = run_command(common->setup, common->address(), *options);
  });
}

void add_models(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command = app.add_subcommand("models", "list the registered models");
  common->add_to(*command);
  command->callback([common] {
    HubClient client = common->client();
    common->exit_code = models_command(client, common->setup.console, common->json);
  });
}

void add_pull(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command =
      app.add_subcommand("pull", "download a model or adapter from the Hugging Face Hub");
  const auto options = std::make_shared<PullOptions>();
  common->add_to(*command);
  command->add_option("repository", options->repository, "organisation/name")->required();
  command->add_option("--name", options->name, "how it is called here; default: its own name");
  command->add_option("--revision", options->revision, "branch, tag or commit; default: main");
  command->add_option("--base", options->base, "of an adapter: the model it was trained on");
  command->add_flag("--force", options->force, "also when it does not fit memory or disk");
  command->add_flag("--dry-run", options->dry_run, "only show size and fit");
  command->callback([common, options] {
    options->json = common->json;
    HubClient client = common->client();
    common->exit_code = pull_command(client, common->setup.console, *options);
  });
}

void add_push(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command =
      app.add_subcommand("push", "upload a model or adapter to the Hugging Face Hub");
  const auto options = std::make_shared<PushOptions>();
  common->add_to(*command);
  command->add_option("model", options->model, "name, name:version or name@alias")->required();
  command->add_option("--repo", options->repository, "organisation/name, made where it is missing")
      ->required();
  command->add_option("--revision", options->revision, "branch; default: main");
  command->add_option("--message", options->message, "of the commit");
  command->add_flag("--private", options->is_private, "a new repository is private");
  command->callback([common, options] {
    options->json = common->json;
    HubClient client = common->client();
    common->exit_code = push_command(client, common->setup.console, *options);
  });
}

void add_import(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command =
      app.add_subcommand("import", "register a model folder, adapter folder, GGUF file or archive");
  const auto options = std::make_shared<ImportOptions>();
  common->add_to(*command);
  command
      ->add_option(
          "path",
          options->path,
          "inside an allowed folder of the server; an archive (.tar) anywhere")
      ->required();
  command->add_option("--name", options->name, "how it is called here; an archive has its own");
  command->add_option("--base", options->base, "of an adapter: the model it was trained on");
  command->add_flag("--reference", options->reference, "leave the files where they are");
  command->callback([common, options] {
    options->json = common->json;
    HubClient client = common->client();
    common->exit_code = import_command(client, common->setup.console, *options);
  });
}

void add_train(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command = app.add_subcommand("train", "fine-tune a model on a data set");
  const auto options = std::make_shared<TrainOptions>();
  common->add_to(*command);
  command->add_option("--config", options->config, "YAML file as mlx_lm.lora reads it")
      ->check(CLI::ExistingFile);
  command->add_option("--model", options->model, "the model to start from");
  command->add_option(
      "--data",
      options->data,
      "JSONL file, folder with train.jsonl, or the name of a registered data set");
  command->add_option("--name", options->name, "name of the result");
  command
      ->add_option(
          "--objective", options->objective, "sft (default), dpo or orpo (on preference rows)")
      ->check(CLI::IsMember({"sft", "dpo", "orpo"}));
  command
      ->add_option("--set", options->settings, "key=value, for example rank=16 (docs/training.md)")
      ->type_size(1)
      ->expected(1, 64);
  command
      ->add_option(
          "--data-parallel",
          options->data_parallel,
          "processes that train together; each takes batch_size rows of a step")
      ->check(CLI::Range(1, 64));
  command->add_flag("--watch", options->watch, "show progress until it ends");
  command->add_flag("--dry-run", options->dry_run, "only show steps, memory and time");
  command->callback([common, options] {
    options->json = common->json;
    HubClient client = common->client();
    common->exit_code = train_command(client, common->setup.console, *options);
  });
}

void add_jobs(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command = app.add_subcommand("jobs", "list jobs, newest first");
  common->add_to(*command);
  command->require_subcommand(0, 1);
  command->fallthrough(false);
  const auto limit = std::make_shared<std::size_t>(20);
  const auto id = std::make_shared<std::string>();
  command->add_option("--limit", *limit, "rows (default 20)")->check(CLI::Range(1, 1000));
  command->callback([common, command, limit] {
    if (command->get_subcommands().empty()) {
      HubClient client = common->client();
      common->exit_code = list_jobs_command(client, common->setup.console, *limit, common->json);
    }
  });
  CLI::App* watch = command->add_subcommand("watch", "show a job's progress until it ends");
  CLI::App* cancel = command->add_subcommand("cancel", "stop a job");
  CLI::App* resume =
      command->add_subcommand("resume", "let a failed or cancelled job go on from its checkpoint");
  for (CLI::App* subcommand : {watch, cancel, resume}) {
    common->add_to(*subcommand);
    subcommand->add_option("id", *id, "the job")->required();
  }
  watch->callback([common, id] {
    HubClient client = common->client();
    common->exit_code = watch_job_command(client, common->setup.console, *id, common->json);
  });
  cancel->callback([common, id] {
    HubClient client = common->client();
    common->exit_code = cancel_job_command(client, common->setup.console, *id, common->json);
  });
  resume->callback([common, id] {
    HubClient client = common->client();
    common->exit_code = resume_job_command(client, common->setup.console, *id, common->json);
  });
  add_reproductions(*command, common);
}

void add_archives(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  const auto model = std::make_shared<std::string>();
  const auto file = std::make_shared<std::filesystem::path>();
  const auto name = std::make_shared<std::string>();
  CLI::App* out = app.add_subcommand("export", "write a model with its lineage into one archive");
  common->add_to(*out);
  out->add_option("model", *model, "name or id")->required();
  out->add_option("-o,--output", *file, "the archive, MODEL.tar by default");
  out->callback([common, model, file] {
    HubClient client = common->client();
    common->exit_code = export_command(
        client,
        common->setup.console,
        *model,
        file->empty() ? std::filesystem::path(*model + ".tar") : *file,
        common->json);
  });
  CLI::App* in = app.add_subcommand("import-archive", "take in a model that `export` wrote");
  common->add_to(*in);
  in->add_option("file", *file, "the archive")->required()->check(CLI::ExistingFile);
  in->add_option("--name", *name, "instead of the archive's");
  in->callback([common, file, name] {
    HubClient client = common->client();
    common->exit_code =
        import_archive_command(client, common->setup.console, *file, *name, common->json);
  });
}

void add_keys(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command = app.add_subcommand("keys", "API keys: create, list, revoke");
  command->require_subcommand(1);
  const auto options = std::make_shared<NewKeyOptions>();
  const auto id = std::make_shared<std::string>();
  CLI::App* create = command->add_subcommand("create", "make a key; its secret is shown once");
  CLI::App* list = command->add_subcommand("list", "list keys");
  CLI::App* revoke = command->add_subcommand("revoke", "let nobody in with a key any more");
  for (CLI::App* subcommand : {create, list, revoke}) {
    common->add_to(*subcommand);
  }
  create->add_option("--name", options->name, "whose key it is")->required();
  create->add_option("--scope", options->scopes, "read, infer, train, admin; may be repeated")
      ->required()
      ->type_size(1)
      ->expected(1, 4);
  create->add_option("--expires-in-days", options->expires_in_days, "default: never");
  create->add_option(
      "--requests-per-minute", options->requests_per_minute, "default: no limit, as the others");
  create->add_option("--tokens-per-minute", options->tokens_per_minute, "prompts and answers");
  create->add_option(
      "--concurrent-streams", options->concurrent_streams, "answers in the works at once");
  revoke->add_option("key", *id, "its id or name")->required();
  create->callback([common, options] {
    options->json = common->json;
    common->exit_code = create_key_command(common->address(), common->setup.console, *options);
  });
  list->callback([common] {
    common->exit_code = list_keys_command(common->address(), common->setup.console, common->json);
  });
  revoke->callback([common, id] {
    common->exit_code =
        revoke_key_command(common->address(), common->setup.console, *id, common->json);
  });
}

void add_mlflow(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command = app.add_subcommand("mlflow", "the MLflow server that is told of everything");
  command->require_subcommand(1);
  CLI::App* status = command->add_subcommand("status", "what it was not told yet, and why");
  CLI::App* retry = command->add_subcommand("retry", "try that now");
  for (CLI::App* subcommand : {status, retry}) {
    common->add_to(*subcommand);
    subcommand->callback([common, again = subcommand == retry] {
      HubClient client = common->client();
      common->exit_code = mlflow_command(client, common->setup.console, again, common->json);
    });
  }
}

void add_version(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command = app.add_subcommand("version", "print the version");
  command->add_flag("--json", common->json, "print JSON");
  command->callback([common] {
    common->setup.console.out << (common->json ? "{\"version\":\"" HUB_VERSION "\"}"
                                               : "mlx-hub " HUB_VERSION)
                              << std::endl;
    common->exit_code = 0;
  });
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) {
    url.pop_back();
  }
  return url.find("://") == std::string::npos ? "http://" + url : url;
}

}  // namespace

ServerAddress find_server(
    const ClientSetup& setup,
    const std::optional<std::string>& server_flag,
    const std::optional<std::filesystem::path>& data_folder_flag) {
  const auto environment = [&setup](const char* name) {
    const auto value = setup.environment(name);
    return value && !value->empty() ? value : std::nullopt;
  };
  ServerAddress address;
  address.data_folder = data_folder_flag
                            ? *data_folder_flag
                            : std::filesystem::path(environment("MLX_HUB_DATA_DIR").value_or(""));
  if (address.data_folder.empty()) {
    address.data_folder = hub::default_data_folder();
  }
  address.data_folder = std::filesystem::absolute(address.data_folder);
  address.api_key = environment("MLX_HUB_API_KEY").value_or("");
  if (const auto named = server_flag ? server_flag : environment("MLX_HUB_SERVER")) {
    address.url = without_slash(*named);
    address.named = true;
    return address;
  }
  if (address.api_key.empty()) {
    address.api_key = hub::configured_api_key(address.data_folder);
  }
  const auto published = hub::published_server(address.data_folder);
  address.found = published.has_value();
  address.url = published.value_or("http://127.0.0.1:8000");
  return address;
}

ClientSetup process_setup() {
  return {
      .program = hub::own_executable(),
      .environment = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
      },
      .console = {.out = std::cout, .err = std::cerr, .terminal = ::isatty(STDERR_FILENO) == 1}};
}

void add_client_commands(CLI::App& app, const ClientSetup& setup, int& exit_code) {
  const auto common = std::make_shared<CommandContext>(CommandContext{setup, exit_code});
  add_run(app, common);
  add_models(app, common);
  add_pull(app, common);
  add_push(app, common);
  add_import(app, common);
  add_train(app, common);
  add_conversions(app, common);
  add_export_adapter(app, common);
  add_evaluations(app, common);
  add_jobs(app, common);
  add_archives(app, common);
  add_keys(app, common);
  add_bench(app, common);
  add_launch(app, common);
  add_logs(app, common);
  add_mlflow(app, common);
  add_version(app, common);
}

}  // namespace hub::api
