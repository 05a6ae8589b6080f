// The settings of a fine-tuning job.
#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"
#include "core/model_config/finetune_params.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {

using model_config::FinetuneParams;

void run(std::string_view input) {
  accepts([&] {
    const auto params = FinetuneParams::from_json(base::parse_json(input, "params"), "params");
    const base::Json written = params.to_json();
    const auto again = FinetuneParams::from_json(written, "params");
    require(again.to_json() == written, "settings survive being written");
    require(params.rank >= 1 && params.rank <= 512, "the rank is in its range");
    require(params.learning_rate > 0 && params.learning_rate <= 10, "so is the learning rate");
    require(params.num_layers == -1 || params.num_layers >= 1, "so is the number of layers");
  });
}

}  // namespace hub::fuzz
