#pragma once

#include <memory>
#include <string>
#include <vector>

#include <mlx/transforms.h>

#include "core/data/example_source.h"
#include "core/model_config/finetune_params.h"
#include "core/models/language_model.h"
#include "core/train/lora.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace hub::train {

// A tiny random model, loaded from a folder of its own.
class TinyModel {
 public:
  TinyModel() {
    test::write_tiny_model(folder_.path());
    model_ = models::load_model(folder_.path());
  }
  [[nodiscard]] const models::LanguageModel& get() const { return *model_; }

 private:
  test::TempDir folder_;
  std::unique_ptr<models::LanguageModel> model_;
};

// Rows of 6 to 13 tokens that count upwards from row to row; the second half of each is trained.
inline std::vector<data::Example> counting_rows(std::size_t count) {
  std::vector<data::Example> rows;
  for (std::size_t row = 0; row < count; ++row) {
    data::Example example;
    const std::size_t length = 6 + ((row * 5) % 8);
    for (std::size_t i = 0; i < length; ++i) {
      example.tokens.push_back(static_cast<int>((3 * row + i) % 96));
      example.trained.push_back(i >= length / 2 ? 1 : 0);
    }
    rows.push_back(example);
  }
  return rows;
}

inline std::vector<data::Example> picked(
    const std::vector<data::Example>& rows, const std::vector<std::size_t>& indices) {
  return data::Examples(rows).get(indices);
}

inline model_config::FinetuneParams tiny_params() {
  model_config::FinetuneParams params;
  params.rank = 4;
  params.learning_rate = 5e-3;
  params.lr_schedule = "constant";
  params.max_seq_length = 64;
  params.eval_every = 0;
  params.save_every = 0;
  params.seed = 11;
  return params;
}

inline std::unique_ptr<Trainable> fresh(
    const models::LanguageModel& model, const model_config::FinetuneParams& params) {
  return std::make_unique<TrainableAdapter>(make_adapter(model, params, params.seed));
}

// In row order, whatever lies behind.
inline std::vector<float> values_of(const mx::array& floats) {
  mx::array rows = mx::contiguous(floats);
  mx::eval(rows);
  return {rows.data<float>(), rows.data<float>() + rows.size()};
}

// Values of every parameter, one after another.
inline std::vector<float> flat(const Trainable& trained) {
  std::vector<float> values;
  for (const mx::array& parameter : trained.parameters) {
    const auto own = values_of(parameter);
    values.insert(values.end(), own.begin(), own.end());
  }
  return values;
}

// The adapter with B drawn at random too, so that both factors have gradients.
inline void fill_b(TrainableAdapter& adapter) {
  for (std::size_t i = 1; i < adapter.parameters.size(); i += 2) {
    adapter.parameters[i] = mx::random::uniform(
        mx::array(-0.1F),
        mx::array(0.1F),
        adapter.parameters[i].shape(),
        mx::float32,
        mx::random::key(i));
  }
  mx::eval(adapter.parameters);
}

}  // namespace hub::train
