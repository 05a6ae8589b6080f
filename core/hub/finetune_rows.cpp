#include "core/hub/finetune_rows.h"

#include "core/data/dataset.h"
#include "core/data/example_source.h"

namespace hub::hub {

FinetuneRows count_finetune_rows(
    const std::filesystem::path& base_folder,
    const std::filesystem::path& dataset_path,
    const model_config::FinetuneParams& params) {
  const auto builder = data::ExampleBuilder::load(
      base_folder,
      {.max_seq_length = params.max_seq_length,
       .train_on_prompt = params.train_on_prompt,
       .objective = params.objective});
  const data::DatasetFiles files = data::dataset_files(dataset_path);
  FinetuneRows rows;
  const auto read = [&builder](const std::filesystem::path& file, auto& counts) {
    return data::read_examples(file, builder, [&counts](const data::Example& row) {
      counts.push_back(data::counts_of(row));
    });
  };
  rows.skipped = read(files.train, rows.train).skipped;
  if (files.valid) {
    read(*files.valid, rows.valid.emplace());
  }
  return rows;
}

}  // namespace hub::hub
