#include "core/train/batch_size.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/model_config/memory_estimate.h"
#include "tests/support/tiny_model.h"

namespace hub::train {
namespace {

constexpr std::uint64_t kWeights = 1 << 20;

model_config::ModelConfig config() {
  return model_config::ModelConfig::from_json(test::tiny_config());
}

// Rows that are all trained.
data::RowSizes rows(std::size_t count, std::size_t length) {
  const data::Example row{
      .tokens = std::vector<int>(length, 1), .trained = std::vector<std::uint8_t>(length, 1)};
  return data::RowSizes(std::vector<data::RowCounts>(count, data::counts_of(row)));
}

std::uint64_t bytes(const model_config::FinetuneParams& params, int batch_size, int length) {
  const auto count = static_cast<std::uint64_t>(batch_size);
  const auto trained = static_cast<std::uint64_t>(length);
  const std::uint64_t unit = model_config::padding(activations_here());
  const std::uint64_t padded = (trained + unit - 1) / unit * unit;
  return model_config::finetune_bytes(
      config(),
      kWeights,
      params,
      {.tokens = count * padded, .trained = count * trained},
      activations_here());
}

TEST(BatchSizeTest, AutoTakesTheLargestThatFits) {
  const model_config::FinetuneParams params;
  const auto choose = [&](std::uint64_t limit) {
    return choose_batch_size(config(), kWeights, params, rows(1000, 200), limit);
  };
  EXPECT_EQ(choose(0).batch_size, 8);
  EXPECT_EQ(choose(bytes(params, 8, 200)).batch_size, 8);
  EXPECT_EQ(choose(bytes(params, 8, 200) - 1).batch_size, 4);
  EXPECT_EQ(choose(bytes(params, 2, 200)).batch_size, 2);
  // What memory takes from a batch, accumulation gives back.
  EXPECT_EQ(choose(0).accumulation, 1);
  EXPECT_EQ(choose(bytes(params, 2, 200)).accumulation, 4);
  EXPECT_NE(choose(bytes(params, 2, 200)).reason.find("sees 8 rows"), std::string::npos);
  const BatchSizeChoice tight = choose(bytes(params, 1, 200));
  EXPECT_EQ(tight.batch_size, 1);
  EXPECT_EQ(tight.memory.total(), bytes(params, 1, 200));
  EXPECT_NE(tight.reason.find("memory"), std::string::npos) << tight.reason;
}

TEST(BatchSizeTest, AnEarlierAttemptsChoiceStands) {
  model_config::FinetuneParams params;
  const auto choice = choose_batch_size(config(), kWeights, params, rows(1000, 200), 0, 2);
  EXPECT_EQ(choice.batch_size, 2);
  EXPECT_EQ(choice.accumulation, 4);
  params.batch_size = 2;  // asked for: the update has two rows
  EXPECT_EQ(choose_batch_size(config(), kWeights, params, rows(1000, 200), 0, 2).accumulation, 1);
}

TEST(BatchSizeTest, AutoLeavesStepsInASmallDataSet) {
  const model_config::FinetuneParams params;
  const BatchSizeChoice choice = choose_batch_size(config(), kWeights, params, rows(40, 200), 0);
  EXPECT_EQ(choice.batch_size, 2);
  EXPECT_NE(choice.reason.find("few steps"), std::string::npos) << choice.reason;
  EXPECT_EQ(choose_batch_size(config(), kWeights, params, rows(3, 200), 0).batch_size, 1);
  model_config::FinetuneParams ranks = params;
  ranks.data_parallel = 4;  // that share what one process would take
  EXPECT_EQ(choose_batch_size(config(), kWeights, ranks, rows(128, 200), 0).batch_size, 2);
}

TEST(BatchSizeTest, LengthIsCutToTheLimit) {
  model_config::FinetuneParams params;
  params.max_seq_length = 64;
  EXPECT_EQ(
      choose_batch_size(config(), kWeights, params, rows(1000, 5000), 0).memory.total(),
      bytes(params, 8, 64));
}

TEST(BatchSizeTest, AskedForIsKeptOrRefusedWithWhatWouldFit) {
  model_config::FinetuneParams params;
  params.batch_size = 32;
  EXPECT_EQ(choose_batch_size(config(), kWeights, params, rows(100, 1000), 0).batch_size, 32);
  try {
    static_cast<void>(
        choose_batch_size(config(), kWeights, params, rows(100, 1000), bytes(params, 32, 512)));
    FAIL() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInsufficientMemory);
    EXPECT_EQ(error.param(), "params.batch_size");
    EXPECT_NE(std::string(error.what()).find("max_seq_length 512 would fit"), std::string::npos)
        << error.what();
  }
}

TEST(BatchSizeTest, SaysWhenNothingFits) {
  const model_config::FinetuneParams params;
  try {
    static_cast<void>(choose_batch_size(config(), kWeights, params, rows(10, 1000), 1000));
    FAIL() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("no max_seq_length would fit"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace hub::train
