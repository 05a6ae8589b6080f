// Reads what mlx_lm/lora.py › CONFIG_DEFAULTS and mlx_lm/tuner/utils.py › build_schedule define,
// and what mlx_lm_lora/train.py › CONFIG_DEFAULTS adds for DPO and ORPO.
#include "api/cli/mlx_lm_config.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::int64_t kMany = 1'000'000'000;
// max_steps ends the job; passes over the rows are as many as that takes.
constexpr int kEnoughEpochs = 100'000;

[[noreturn]] void refuse(const std::string& key, const std::string& why) {
  throw Error(ErrorCode::kInvalidArgument, fmt::format("'{}': {}", key, why), key);
}

class Mapping {
 public:
  explicit Mapping(const Json& config) : reader_(config) { check_keys(config); }

  MlxLmConfig run() {
    result_.model = text("model");
    result_.data = text("data");
    result_.adapter_file = text("resume_adapter_file");
    refuse_what_is_not_done_here();
    objective();
    method();
    optimizer();
    schedule();
    steps();
    lora();
    rest();
    reports();
    result_.params = params_.dump();
    return std::move(result_);
  }

 private:
  static void check_keys(const Json& config) {
    static constexpr auto known = std::to_array<std::string_view>(
        {"model",
         "train",
         "fine_tune_type",
         "train_mode",
         "beta",
         "dpo_cpo_loss_type",
         "optimizer",
         "optimizer_config",
         "data",
         "seed",
         "num_layers",
         "batch_size",
         "iters",
         "val_batches",
         "learning_rate",
         "steps_per_report",
         "steps_per_eval",
         "resume_adapter_file",
         "adapter_path",
         "save_every",
         "test",
         "test_batches",
         "max_seq_length",
         "config",
         "grad_checkpoint",
         "grad_accumulation_steps",
         "clear_cache_threshold",
         "lr_schedule",
         "lora_parameters",
         "mask_prompt",
         "report_to",
         "project_name",
         "trust_remote_code",
         "hf_dataset",
         "prompt_feature",
         "completion_feature",
         "chat_feature",
         "text_feature"});
    for (const auto& [key, value] : config.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        refuse(key, "mlx-lm has no such setting (it would pass over it in silence)");
      }
    }
  }

  [[nodiscard]] std::optional<std::string> text(const char* key) const {
    auto value = reader_.optional_string(key);
    return value && !value->empty() ? value : std::nullopt;
  }
  [[nodiscard]] bool flag(const char* key) const {
    return reader_.optional_bool(key).value_or(false);
  }
  [[nodiscard]] std::int64_t integer(
      const char* key, std::int64_t low, std::int64_t otherwise) const {
    return reader_.optional_int(key, low, kMany).value_or(otherwise);
  }
  void note(const std::string& key, const std::string& why) {
    result_.notes.push_back(fmt::format("{}: {}", key, why));
  }

  void refuse_what_is_not_done_here() {
    if (reader_.has("train") && !flag("train")) {
      refuse("train", "is false, and this command trains; mlx-hub evaluate measures");
    }
    if (flag("test")) {
      refuse(
          "test", "testing is a job of its own: leave it out and call mlx-hub evaluate afterwards");
    }
    if (flag("trust_remote_code")) {
      refuse("trust_remote_code", "code from model folders is never run");
    }
    if (reader_.has("hf_dataset")) {
      refuse(
          "hf_dataset",
          "data sets are not downloaded: give a JSONL file, or a folder of them, as data");
    }
    for (const auto& [key, usual] : std::initializer_list<std::pair<const char*, const char*>>{
             {"prompt_feature", "prompt"},
             {"completion_feature", "completion"},
             {"chat_feature", "messages"},
             {"text_feature", "text"}}) {
      if (text(key).value_or(usual) != usual) {
        refuse(key, fmt::format("fields have fixed names here: rename yours to '{}'", usual));
      }
    }
  }

  void objective() {
    const std::string mode = text("train_mode").value_or("sft");
    if (mode != "sft" && mode != "dpo" && mode != "orpo") {
      refuse("train_mode", fmt::format("must be sft, dpo or orpo, got {}", mode));
    }
    compares_answers_ = mode != "sft";
    if (compares_answers_) {  // elsewhere the settings of preference training mean nothing
      set("objective", mode);
      set("beta", reader_.optional_number("beta", 0.0, 1e4).value_or(0.1));
    }
    if (mode == "dpo") {
      set("loss_type", text("dpo_cpo_loss_type").value_or("sigmoid"));
    }
  }

  void method() {
    set("method", text("fine_tune_type").value_or("lora"));
    const std::int64_t layers = integer("num_layers", -1, 16);
    set("num_layers", layers == 0 ? -1 : layers);  // both mean all of them
  }

  void optimizer() {
    const std::string name = text("optimizer").value_or("adam");
    set("optimizer", name);
    set("learning_rate", reader_.optional_number("learning_rate", 0.0, 10.0).value_or(1e-5));
    const Json* all = reader_.optional_object("optimizer_config");
    if (all == nullptr) {
      return;
    }
    const JsonReader by_name(*all, "optimizer_config");
    if (const Json* own = by_name.optional_object(name)) {
      Json settings = *own;
      if (const auto decay = settings.find("weight_decay"); decay != settings.end()) {
        set("weight_decay", *decay);
        settings.erase("weight_decay");
      }
      if (!settings.empty()) {
        set("optimizer_config", std::move(settings));
      }
    }
  }

  // {"name","arguments":[…],"warmup","warmup_init"}; without it the rate is constant.
  void schedule() {
    const Json* given = reader_.optional_object("lr_schedule");
    if (given == nullptr) {
      set("lr_schedule", "constant");
      return;
    }
    const JsonReader schedule(*given, "lr_schedule");
    schedule.refuse_unknown({"name", "arguments", "warmup", "warmup_init"});
    const std::string name = schedule.string("name");
    const Json* arguments = schedule.optional_array("arguments");
    const auto argument = [&](std::size_t index, const char* what) {
      if (arguments == nullptr || index >= arguments->size() || !(*arguments)[index].is_number()) {
        refuse(
            "lr_schedule.arguments",
            fmt::format("{} needs its {} as number {}", name, what, index + 1));
      }
      return (*arguments)[index];
    };
    set("learning_rate", argument(0, "initial learning rate"));
    if (name == "cosine_decay") {
      set("lr_schedule", "cosine");
      set("lr_decay_steps", argument(1, "decay steps"));
      set("lr_end", arguments->size() > 2 ? argument(2, "end") : Json(0.0));
    } else if (name == "linear_schedule") {
      set("lr_schedule", "linear");
      set("lr_end", argument(1, "end"));
      set("lr_decay_steps", argument(2, "steps"));
    } else if (name == "exponential_decay") {
      set("lr_schedule", name);
      set("lr_decay_rate", argument(1, "decay rate"));
    } else if (name == "step_decay") {
      set("lr_schedule", name);
      set("lr_decay_rate", argument(1, "decay rate"));
      set("lr_decay_steps", argument(2, "step size"));
    } else {
      refuse(
          "lr_schedule.name",
          fmt::format(
              "must be cosine_decay, linear_schedule, exponential_decay or step_decay, got {}",
              name));
    }
    if (const auto warmup = schedule.optional_int("warmup", 0, kMany)) {
      set("warmup_steps", *warmup);
      set("warmup_init", schedule.optional_number("warmup_init", 0.0, 10.0).value_or(0.0));
    }
  }

  // mlx-lm counts batches; here a step is an update of the optimizer.
  void steps() {
    const std::int64_t batches = integer("grad_accumulation_steps", 1, 1);
    const auto updates = [batches](std::int64_t iterations) {
      return std::max<std::int64_t>(1, iterations / batches);
    };
    set("batch_size", integer("batch_size", 1, 4));
    set("grad_accumulation_steps", batches);
    set("max_steps", updates(integer("iters", 1, 1000)));
    set("epochs", kEnoughEpochs);
    set("report_every", updates(integer("steps_per_report", 1, 10)));
    const bool evaluates = integer("val_batches", -1, 25) != 0;
    set("eval_every", evaluates ? updates(integer("steps_per_eval", 1, 200)) : 0);
    set("save_every", updates(integer("save_every", 1, 100)));
    if (reader_.has("val_batches") && integer("val_batches", -1, 25) > 0) {
      note("val_batches", "every held-out row is measured");
    }
  }

  void lora() {
    static const Json defaults = {{"rank", 8}, {"dropout", 0.0}, {"scale", 20.0}};
    const Json* given = reader_.optional_object("lora_parameters");
    const JsonReader lora(given != nullptr ? *given : defaults, "lora_parameters");
    lora.refuse_unknown({"rank", "dropout", "scale", "keys"});
    for (const char* key : {"rank", "dropout", "scale"}) {
      set(key, lora.value(key));  // mlx-lm requires all three
    }
    if (const auto keys = lora.optional_strings("keys")) {
      set("target_modules", *keys);
    }
  }

  void rest() {
    set("seed", integer("seed", 0, 0));
    set("max_seq_length", integer("max_seq_length", 8, 2048));
    set("grad_checkpoint", flag("grad_checkpoint"));
    set("train_on_prompt", !flag("mask_prompt") && !compares_answers_);
    if (const auto path = text("adapter_path")) {
      const std::filesystem::path folder(*path);
      const std::string last =
          (folder.has_filename() ? folder : folder.parent_path()).filename().string();
      if (last != "adapters") {  // mlx-lm's default names nothing
        result_.name = last;
      }
      note(
          "adapter_path",
          "the hub keeps the files; mlx-hub export-adapter NAME --format mlx writes them");
    }
    if (reader_.has("clear_cache_threshold")) {
      note(
          "clear_cache_threshold",
          "what is kept of freed memory follows from what the job may use");
    }
    if (reader_.has("test_batches")) {
      note("test_batches", "testing is a job of its own: mlx-hub evaluate");
    }
  }

  void reports() {
    result_.project_name = text("project_name").value_or("");
    std::string list = text("report_to").value_or("");
    list += ',';
    std::string word;
    for (const char letter : list) {
      if (letter == ' ') {
        continue;
      }
      if (letter != ',') {
        word += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
        continue;
      }
      if (word == "wandb" || word == "swanlab") {
        refuse(
            "report_to",
            fmt::format("{} is a service on the internet; tensorboard and csv are written", word));
      }
      if (!word.empty() && word != "tensorboard" && word != "csv") {
        refuse("report_to", fmt::format("knows tensorboard and csv, got {}", word));
      }
      if (!word.empty()) {
        result_.report_to.push_back(word);
      }
      word.clear();
    }
  }

  void set(const char* key, Json value) { params_[key] = std::move(value); }

  JsonReader reader_;
  Json params_ = Json::object();
  bool compares_answers_ = false;  // preference training, which never trains on prompts
  MlxLmConfig result_;
};

}  // namespace

MlxLmConfig MlxLmConfig::from_json(const Json& config) {
  if (!config.is_object()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("a configuration is a mapping of settings, got {}", config.type_name()));
  }
  return Mapping(config).run();
}

}  // namespace hub::api
