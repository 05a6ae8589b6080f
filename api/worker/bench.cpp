#include "api/worker/bench.h"

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/worker/bench_limits.h"
#include "api/worker/environment.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/model_config/conversion_estimate.h"
#include "core/model_config/weight_files.h"
#include "core/tensor/ops.h"
#include "core/train/lora.h"
#include "core/train/trainer.h"

namespace hub::api {

namespace {

using base::Json;

constexpr int kShortPrompt = 32;  // tokens, of what is decoded
constexpr int kTrainingSteps = 6;
constexpr int kWarmSteps = 2;  // of them, which are not counted

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2.0;
}

struct ModelFacts {
  std::uint64_t parameters = 0;
  std::uint64_t weight_bytes = 0;
  double layers = 0.0;  // parameters that each token meets
  double head = 0.0;    // those that make logits
  MachineLimits limits;

  // Over `rows` tokens, of which `answers` get logits.
  [[nodiscard]] double forward_seconds(int rows, int answers) const {
    return api::forward_seconds(
        limits, static_cast<double>(weight_bytes), layers * rows + head * answers);
  }
};

ModelFacts facts_of(const engine::Engine& engine, const std::filesystem::path& folder) {
  const model_config::ModelConfig& config = engine.model_config();
  ModelFacts facts;
  facts.parameters = model_config::parameter_count(config, model_config::read_weight_files(folder));
  facts.weight_bytes = engine.stats().weight_bytes;
  facts.head = static_cast<double>(config.vocab_size) * config.hidden_size;
  // The embedding is looked up, not multiplied; tied, it is the head.
  facts.layers =
      static_cast<double>(facts.parameters) - (config.tie_word_embeddings ? 1.0 : 2.0) * facts.head;
  return facts;
}

class Results {
 public:
  void add(
      const std::string& name,
      const char* unit,
      const std::vector<double>& values,
      std::optional<double> limit = std::nullopt) {
    results_.push_back(
        {{"name", name},
         {"unit", unit},
         {"value", median(values)},
         {"values", values},
         {"limit", limit ? Json(*limit) : Json(nullptr)}});
  }
  [[nodiscard]] const Json& json() const { return results_; }

 private:
  Json results_ = Json::array();
};

// Prompts of random tokens, none of them twice.
class Prompts {
 public:
  explicit Prompts(int vocab_size) : token_(0, vocab_size - 1) {}

  std::vector<int> draw(int length) {
    std::vector<int> prompt(static_cast<std::size_t>(length));
    std::ranges::generate(prompt, [this] { return token_(random_); });
    return prompt;
  }

 private:
  std::mt19937 random_{1};  // the same ones in every run
  std::uniform_int_distribution<int> token_;
};

engine::GenerateRequest request(std::vector<int> prompt, int tokens) {
  engine::GenerateRequest one;
  one.request_id = "bench";
  one.prompt = std::move(prompt);
  one.max_tokens = tokens;
  one.sampling.temperature = 0.0F;
  return one;
}

// When each token was drawn.
std::vector<double> token_times(engine::TokenStream stream) {
  std::vector<double> times;
  while (const auto event = stream.next()) {
    if (event->finish == engine::FinishReason::kError) {
      throw base::Error(base::ErrorCode::kInternal, "the engine failed: " + event->error);
    }
    times.push_back(event->seconds);
  }
  return times;
}

double first_token_seconds(engine::Engine& engine, std::vector<int> prompt) {
  const double started = base::steady_seconds();
  return token_times(engine.submit(request(std::move(prompt), 1))).front() - started;
}

// Tokens a second from when all of them decode to the first one's end.
double decode_rate(engine::Engine& engine, Prompts& prompts, int streams, int tokens) {
  std::vector<engine::TokenStream> answers;
  answers.reserve(static_cast<std::size_t>(streams));
  for (int i = 0; i < streams; ++i) {
    answers.push_back(engine.submit(request(prompts.draw(kShortPrompt), tokens)));
  }
  double begin = 0.0;
  double end = std::numeric_limits<double>::infinity();
  std::vector<std::vector<double>> times;
  for (engine::TokenStream& answer : answers) {
    times.push_back(token_times(std::move(answer)));
    begin = std::max(begin, times.back().front());
    end = std::min(end, times.back().back());
  }
  std::int64_t count = 0;
  for (const std::vector<double>& one : times) {
    count += std::ranges::count_if(one, [&](double at) { return at > begin && at <= end; });
  }
  return static_cast<double>(count) / (end - begin);
}

void measure_serving(
    const BenchArguments& arguments,
    engine::Engine& engine,
    const ModelFacts& model,
    Results& results,
    std::ostream& progress) {
  Prompts prompts(engine.model_config().vocab_size);
  for (const int length : arguments.prompts) {
    progress << fmt::format("prompts of {} tokens", length) << std::endl;
    std::vector<double> milliseconds;
    std::vector<double> rates;
    for (int round = 0; round < arguments.rounds; ++round) {
      const double seconds = first_token_seconds(engine, prompts.draw(length));
      milliseconds.push_back(seconds * 1e3);
      rates.push_back(length / seconds);
    }
    const double limit = model.forward_seconds(length, 1);
    results.add(fmt::format("ttft {}", length), "ms", milliseconds, limit * 1e3);
    results.add(fmt::format("prefill {}", length), "tok/s", rates, length / limit);
  }
  for (const int streams : arguments.streams) {
    progress << fmt::format("{} answers of {} tokens", streams, arguments.tokens) << std::endl;
    std::vector<double> rates;
    rates.reserve(static_cast<std::size_t>(arguments.rounds));
    for (int round = 0; round < arguments.rounds; ++round) {
      rates.push_back(decode_rate(engine, prompts, streams, arguments.tokens));
    }
    results.add(
        fmt::format("decode {}", streams),
        "tok/s",
        rates,
        streams / model.forward_seconds(streams, streams));
  }
  results.add("peak memory serving", "bytes", {static_cast<double>(engine.stats().peak_bytes)});
}

// LoRA of rank 8 on all layers, one row a step.
void measure_training(
    const BenchArguments& arguments,
    const ModelFacts& facts,
    Results& results,
    std::ostream& progress) {
  progress << fmt::format("training on rows of {} tokens", arguments.training_tokens) << std::endl;
  tensor::reset_peak_memory();
  const auto model = models::load_model(arguments.model_folder);
  model_config::FinetuneParams params;
  params.max_seq_length = arguments.training_tokens;
  params.max_steps = kTrainingSteps;
  params.eval_every = 0;
  params.save_every = 0;
  Prompts prompts(model->config().vocab_size);
  std::vector<data::Example> rows;
  for (int i = 0; i < kTrainingSteps; ++i) {
    std::vector<int> tokens = prompts.draw(arguments.training_tokens);
    std::vector<std::uint8_t> trained(tokens.size(), 1);
    trained.front() = 0;
    rows.push_back({.tokens = std::move(tokens), .trained = std::move(trained)});
  }
  std::vector<double> rates;
  train::TrainHooks hooks;
  hooks.reported = [&](const train::StepReport& report) {
    if (report.step > kWarmSteps) {
      rates.push_back(report.input_tokens_per_second);
    }
  };
  train::Trainer trainer(
      *model,
      std::make_unique<train::TrainableAdapter>(train::make_adapter(*model, params, params.seed)),
      {.train = std::move(rows), .valid = {}},
      params,
      1,
      std::move(hooks));
  const train::TrainResult result = trainer.run();
  // Forward and the gradient of the activations; a frozen weight has none.
  const double limit =
      arguments.training_tokens /
      (2.0 * facts.forward_seconds(arguments.training_tokens, arguments.training_tokens));
  results.add(fmt::format("train {}", arguments.training_tokens), "tok/s", rates, limit);
  results.add("peak memory training", "bytes", {static_cast<double>(result.peak_memory_bytes)});
}

void check(const BenchArguments& arguments, int context) {
  const auto require = [&](int tokens, const std::string& what) {
    if (tokens > context) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format("{} need {} tokens, the model's context holds {}", what, tokens, context));
    }
  };
  for (const int length : arguments.prompts) {
    require(length + 1, fmt::format("a prompt of {} and its first token", length));
  }
  require(kShortPrompt + arguments.tokens, "a short prompt and its answer");
  require(arguments.training_tokens, "rows of the training");
}

}  // namespace

Json bench_report(
    const BenchArguments& arguments, const base::BuildInfo& build, std::ostream& progress) {
  Results results;
  ModelFacts facts{};
  double load_seconds = 0.0;
  {
    progress << "loading " << arguments.model_folder.string() << std::endl;
    const double started = base::steady_seconds();
    engine::EngineConfig config;
    config.model_folder = arguments.model_folder;
    config.speculative_tokens = 0;
    config.keeps_prefixes = false;
    for (const int streams : arguments.streams) {
      config.max_running = std::max(config.max_running, streams);
    }
    engine::Engine engine(std::move(config));
    load_seconds = base::steady_seconds() - started;
    check(arguments, engine.context_length());
    facts = facts_of(engine, arguments.model_folder);
    progress << "the machine's limits" << std::endl;
    facts.limits = measure_limits();
    measure_serving(arguments, engine, facts, results, progress);
  }
  if (arguments.training_tokens > 0) {
    measure_training(arguments, facts, results, progress);
  }
  return {
      {"machine", environment_facts(build)},
      {"model",
       {{"folder", arguments.model_folder.string()},
        {"parameters", facts.parameters},
        {"weight_bytes", facts.weight_bytes}}},
      {"limits",
       {{"read_bytes_per_second", facts.limits.read_bytes_per_second},
        {"flops_per_second", facts.limits.flops_per_second}}},
      {"load_seconds", load_seconds},
      {"results", results.json()}};
}

int run_bench(const BenchArguments& arguments, const base::BuildInfo& build) {
  std::cout << bench_report(arguments, build, std::cerr).dump() << std::endl;
  return 0;
}

}  // namespace hub::api
