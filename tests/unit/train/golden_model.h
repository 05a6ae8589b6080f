#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/data/examples.h"
#include "core/models/language_model.h"
#include "core/tensor/ops.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/train/golden_file.h"

namespace hub::train {

// The tiny model of scripts/make_method_goldens.py, in a folder of its own.
class GoldenModel {
 public:
  // `config`: the golden's. bits 0: dense float32; else packed by MLX, as mlx.nn.quantize does.
  GoldenModel(base::Json config, bool tied, int bits, int group_size) {
    config["tie_word_embeddings"] = tied;
    if (bits > 0) {
      config["quantization"] = {{"group_size", group_size}, {"bits", bits}};
    }
    test::Tensors tensors;
    for (const auto& [name, value] :
         tensor::load_safetensors(golden_path("methods/tiny.safetensors"))) {
      const bool is_matrix = value.ndim() == 2;
      if (tied && name == "lm_head.weight") {
        continue;
      }
      if (bits == 0 || !is_matrix) {
        tensors.insert({name, value});
        continue;
      }
      const auto packed = tensor::quantize(value, group_size, bits);
      const std::string path = name.substr(0, name.size() - std::string("weight").size());
      tensors.insert({name, packed.weight});
      tensors.insert({path + "scales", packed.scales});
      tensors.insert({path + "biases", *packed.biases});
    }
    test::write_model(folder_.path(), config, tensors);
    model_ = models::load_model(folder_.path());
  }

  [[nodiscard]] const models::LanguageModel& get() const { return *model_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  test::TempDir folder_;
  std::unique_ptr<models::LanguageModel> model_;
};

// [{"tokens": […], "offset": n}, …]: tokens from `offset` on are trained.
inline std::vector<data::Example> golden_rows(const base::Json& rows) {
  std::vector<data::Example> examples;
  for (const base::Json& row : rows) {
    data::Example example;
    example.tokens = row.at("tokens").get<std::vector<int>>();
    const auto offset = row.at("offset").get<std::size_t>();
    for (std::size_t i = 0; i < example.tokens.size(); ++i) {
      example.trained.push_back(i >= offset ? 1 : 0);
    }
    examples.push_back(example);
  }
  return examples;
}

}  // namespace hub::train
