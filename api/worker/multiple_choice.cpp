#include "api/worker/multiple_choice.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/data/row_shape.h"
#include "core/train/loss.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

data::Row completion(const data::Row& row, const std::string& prompt, const std::string& answer) {
  return {
      data::RowFormat::kCompletion,
      row.line,
      Json{{"prompt", prompt}, {"completion", answer}}.dump()};
}

double log_likelihood(
    const models::LanguageModel& model,
    const nn::LoraAdapter* adapter,
    const data::Example& example,
    int max_seq_length) {
  const train::Batch batch =
      train::make_batch(std::span(&example, 1), {.max_tokens = max_seq_length, .pad_multiple = 8});
  train::mx::array loss = train::masked_loss_sum(model, adapter, batch);
  return -static_cast<double>(loss.item<float>());
}

std::size_t best(const std::vector<double>& scores) {
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

}  // namespace

std::vector<ChoiceQuestion> choice_questions(
    const data::Dataset& dataset, const data::ExampleBuilder& builder) {
  std::vector<ChoiceQuestion> questions;
  for (const data::Row& row : dataset.rows) {
    if (row.format != data::RowFormat::kChoice) {
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format(
              "multiple_choice needs rows with {}, line {} is of format {}",
              data::fields_of(data::RowFormat::kChoice),
              row.line,
              data::to_string(row.format)),
          "dataset",
          "dataset_format");
    }
    const Json json = base::parse_json(row.json, "the line");
    const auto prompt = json.at("prompt").get<std::string>();
    ChoiceQuestion question;
    question.answer = data::answer_index(json);
    for (const Json& choice : json.at("choices")) {
      const auto text = choice.get<std::string>();
      data::BuiltRow built = builder.build(completion(row, prompt, text));
      if (!built.example) {
        throw Error(
            ErrorCode::kUnprocessable,
            fmt::format("line {}, choice \"{}\": {}", row.line, text.substr(0, 60), built.problem),
            "dataset",
            "no_trained_tokens");
      }
      question.choices.push_back(*std::move(built.example));
      question.bytes.push_back(text.size());
    }
    questions.push_back(std::move(question));
  }
  return questions;
}

Json measure_multiple_choice(
    const models::LanguageModel& model,
    const nn::LoraAdapter* adapter,
    std::span<const ChoiceQuestion> questions,
    int max_seq_length,
    const train::KeepGoing& keep_going) {
  std::size_t right = 0;
  std::size_t right_by_byte = 0;
  double chance = 0.0;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (!keep_going(i)) {
      throw Error(ErrorCode::kCancelled, "the evaluation was stopped");
    }
    const ChoiceQuestion& question = questions[i];
    std::vector<double> sums;
    std::vector<double> by_byte;
    for (std::size_t choice = 0; choice < question.choices.size(); ++choice) {
      sums.push_back(log_likelihood(model, adapter, question.choices[choice], max_seq_length));
      by_byte.push_back(sums.back() / static_cast<double>(question.bytes[choice]));
    }
    right += best(sums) == question.answer ? 1U : 0U;
    right_by_byte += best(by_byte) == question.answer ? 1U : 0U;
    chance += 1.0 / static_cast<double>(question.choices.size());
  }
  const auto count = static_cast<double>(questions.size());
  return {
      {"accuracy", static_cast<double>(right) / count},
      {"accuracy_norm", static_cast<double>(right_by_byte) / count},
      {"chance", chance / count},
      {"rows", questions.size()}};
}

}  // namespace hub::api
