#include "core/train/train_state.h"

#include <cstring>
#include <unordered_map>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/tensor/ops.h"

namespace hub::train {
namespace {

using base::Json;
using base::JsonReader;
using Tensors = std::unordered_map<std::string, mx::array>;

constexpr int kVersion = 3;  // 1 knew AdamW only, 2 no preference training
constexpr std::int64_t kMost = INT64_MAX;
constexpr double kAnything = 1e300;
// One file holds both, so that they cannot be of different steps: the figures are JSON in bytes.
constexpr const char* kFigures = "figures";

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// Sums of the report that is due next; null without pairs.
Json rewards_json(const std::optional<Rewards>& rewards) {
  return rewards ? Json::array({rewards->chosen, rewards->rejected, rewards->accuracy})
                 : Json(nullptr);
}

Json figures_of(const TrainState& state) {
  return {
      {"version", kVersion},
      {"fingerprint", state.fingerprint},
      {"batch_size", state.batch_size},
      {"step", state.step},
      {"dropout_draws", state.dropout_draws},
      {"rows_at_once", state.rows_at_once},
      {"optimizer", state.optimizer},
      {"updates", state.updates},
      {"learning_rate", state.learning_rate},
      {"grad_norm", state.grad_norm},
      {"window",
       {{"steps", state.window.steps},
        {"loss_sum", state.window.loss_sum},
        {"loss_weight", state.window.loss_weight},
        {"trained_tokens", state.window.trained_tokens},
        {"input_tokens", state.window.input_tokens},
        {"rewards", rewards_json(state.window.rewards)},
        {"seconds", state.window.seconds}}},
      {"result",
       {{"train_loss", state.result.train_loss},
        {"eval_loss_before", or_null(state.result.eval_loss_before)},
        {"eval_loss_after", or_null(state.result.eval_loss_after)},
        {"trained_tokens", state.result.trained_tokens},
        {"seconds", state.result.seconds}}},
      {"evaluated_step", state.evaluated_step},
      {"best",
       {{"step", state.best.step},
        {"loss", or_null(state.best.loss)},
        {"gain", or_null(state.best.gain)},
        {"evaluations_without_gain", state.best.evaluations_without_gain},
        {"arrays", state.best.parameters.size()}}},
      {"guard",
       {{"in_a_row", state.guard.in_a_row},
        {"skipped", state.guard.skipped},
        {"rollbacks", state.guard.rollbacks},
        {"rate_factor", state.guard.rate_factor}}},
      {"tokens_since_clear", state.tokens_since_clear},
      {"arrays", state.parameters.size()},
      {"moments", state.moments.size()},
      {"references", state.references.size()}};
}

int small(const JsonReader& reader, const std::string& name, std::int64_t low = 0) {
  static_cast<void>(reader.value(name));
  return static_cast<int>(reader.optional_int(name, low, INT32_MAX).value());
}

std::uint64_t large(const JsonReader& reader, const std::string& name) {
  static_cast<void>(reader.value(name));
  return static_cast<std::uint64_t>(reader.optional_int(name, 0, kMost).value());
}

double real(const JsonReader& reader, const std::string& name) {
  static_cast<void>(reader.value(name));
  return reader.optional_number(name, -kAnything, kAnything).value();
}

std::optional<Rewards> rewards_of(const JsonReader& window) {
  const Json* sums = window.optional_array("rewards");
  if (sums == nullptr) {
    return std::nullopt;
  }
  return Rewards{
      .chosen = sums->at(0).get<double>(),
      .rejected = sums->at(1).get<double>(),
      .accuracy = sums->at(2).get<double>()};
}

TrainState state_of(const Json& figures) {
  const JsonReader reader(figures);
  if (small(reader, "version") != kVersion) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "it is of version {}, and this program writes and reads version {}",
            small(reader, "version"),
            kVersion));
  }
  TrainState state;
  state.fingerprint = reader.string("fingerprint");
  state.batch_size = small(reader, "batch_size", 1);
  state.step = small(reader, "step");
  state.dropout_draws = small(reader, "dropout_draws");
  state.rows_at_once = small(reader, "rows_at_once", 1);
  state.optimizer = reader.string("optimizer");
  state.updates = small(reader, "updates");
  state.learning_rate = real(reader, "learning_rate");
  state.grad_norm = real(reader, "grad_norm");
  const JsonReader window(reader.value("window"), "window");
  state.window = {
      .steps = small(window, "steps"),
      .loss_sum = real(window, "loss_sum"),
      .loss_weight = large(window, "loss_weight"),
      .rewards = rewards_of(window),
      .trained_tokens = large(window, "trained_tokens"),
      .input_tokens = large(window, "input_tokens"),
      .seconds = real(window, "seconds")};
  const JsonReader result(reader.value("result"), "result");
  state.result.train_loss = real(result, "train_loss");
  state.result.eval_loss_before = result.optional_number("eval_loss_before", -kAnything, kAnything);
  state.result.eval_loss_after = result.optional_number("eval_loss_after", -kAnything, kAnything);
  state.result.trained_tokens = large(result, "trained_tokens");
  state.result.seconds = real(result, "seconds");
  state.evaluated_step = small(reader, "evaluated_step", -1);
  const JsonReader best(reader.value("best"), "best");
  state.best.step = small(best, "step");
  state.best.loss = best.optional_number("loss", -kAnything, kAnything);
  state.best.gain = best.optional_number("gain", -kAnything, kAnything);
  state.best.evaluations_without_gain = small(best, "evaluations_without_gain");
  const JsonReader guard(reader.value("guard"), "guard");
  state.guard = {
      .in_a_row = small(guard, "in_a_row"),
      .skipped = small(guard, "skipped"),
      .rollbacks = small(guard, "rollbacks"),
      .rate_factor = real(guard, "rate_factor")};
  state.tokens_since_clear = large(reader, "tokens_since_clear");
  return state;
}

void put(Tensors& tensors, char kind, const std::vector<mx::array>& arrays) {
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    tensors.insert_or_assign(fmt::format("{}.{:05}", kind, i), arrays[i]);
  }
}

std::vector<mx::array> take(const Tensors& tensors, char kind, std::size_t count) {
  std::vector<mx::array> arrays;
  arrays.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto found = tensors.find(fmt::format("{}.{:05}", kind, i));
    if (found == tensors.end()) {
      throw base::Error(
          base::ErrorCode::kUnprocessable, fmt::format("tensor {}.{:05} is missing", kind, i));
    }
    arrays.push_back(found->second);
  }
  return arrays;
}

}  // namespace

void save_state(const std::filesystem::path& file, const TrainState& state) {
  Tensors tensors;
  put(tensors, 'p', state.parameters);
  put(tensors, 'm', state.moments);
  put(tensors, 'b', state.best.parameters);
  put(tensors, 'r', state.references);
  const std::string text = figures_of(state).dump();
  tensors.insert_or_assign(
      kFigures,
      mx::array(
          reinterpret_cast<const std::uint8_t*>(text.data()),
          {static_cast<int>(text.size())},
          mx::uint8));
  tensor::save_safetensors(file, tensors);
}

std::optional<TrainState> load_state(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) {
    return std::nullopt;
  }
  try {
    const Tensors tensors = tensor::load_safetensors(file);
    const auto found = tensors.find(kFigures);
    if (found == tensors.end()) {
      throw base::Error(base::ErrorCode::kUnprocessable, "tensor figures is missing");
    }
    mx::array bytes = found->second;
    mx::eval(bytes);
    const Json figures = base::parse_json(
        std::string(reinterpret_cast<const char*>(bytes.data<std::uint8_t>()), bytes.size()),
        "figures");
    TrainState state = state_of(figures);
    const JsonReader reader(figures);
    const JsonReader best(reader.value("best"), "best");
    state.parameters = take(tensors, 'p', large(reader, "arrays"));
    state.moments = take(tensors, 'm', large(reader, "moments"));
    state.best.parameters = take(tensors, 'b', large(best, "arrays"));
    state.references = take(tensors, 'r', large(reader, "references"));
    // Read now: the file is replaced by the next checkpoint.
    for (auto* arrays :
         {&state.parameters, &state.moments, &state.best.parameters, &state.references}) {
      mx::eval(*arrays);
    }
    return state;
  } catch (const std::exception& error) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("{} is no training state: {}", file.string(), error.what()),
        {},
        "bad_training_state");
  }
}

}  // namespace hub::train
