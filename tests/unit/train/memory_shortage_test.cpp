// A step whose batch does not fit into memory is done again in parts.
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "core/tensor/ops.h"
#include "core/train/trainer.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

using testing::HasSubstr;

// Has no memory for more than so many tokens at once, from the chosen forward on.
class NarrowModel final : public models::LanguageModel {
 public:
  NarrowModel(const models::LanguageModel& inner, int most_tokens)
      : inner_(inner), most_tokens_(most_tokens) {}

  [[nodiscard]] const model_config::ModelConfig& config() const override { return inner_.config(); }
  [[nodiscard]] mx::array hidden(
      const mx::array& tokens,
      const models::Attend& attend,
      nn::AdapterSpans adapters) const override {
    if (tokens.shape(0) > most_tokens_) {
      ++refused;
      throw std::runtime_error("[malloc] Unable to allocate 4 bytes.");
    }
    return inner_.hidden(tokens, attend, adapters);
  }
  [[nodiscard]] mx::array logits(
      const mx::array& hidden, nn::AdapterSpans adapters) const override {
    return inner_.logits(hidden, adapters);
  }
  [[nodiscard]] std::vector<const nn::Linear*> linears() const override { return inner_.linears(); }
  [[nodiscard]] std::uint64_t weight_bytes() const override { return inner_.weight_bytes(); }

  mutable int refused = 0;

 private:
  const models::LanguageModel& inner_;
  int most_tokens_;
};

class MemoryShortageTest : public testing::Test {
 protected:
  MemoryShortageTest() {
    params_.epochs = 2;
    params_.max_seq_length = 16;
    params_.batch_size = 8;
    hooks_.log = [this](const std::string& message) { said_ += message + "\n"; };
    hooks_.checkpoint = [this](const TrainState& state, const Trainable& /*trained*/) {
      states_.push_back(state);
    };
  }

  std::vector<float> train(const models::LanguageModel& model) {
    Trainer trainer(
        model, fresh(model_.get(), params_), {counting_rows(24), {}}, params_, 8, hooks_);
    if (resumed_) {
      trainer.restore(*std::exchange(resumed_, std::nullopt));
    }
    trainer.run();
    return flat(trainer.trained());
  }

  TinyModel model_;
  model_config::FinetuneParams params_ = tiny_params();
  TrainHooks hooks_;
  std::string said_;
  std::vector<TrainState> states_;
  std::optional<TrainState> resumed_;
};

TEST_F(MemoryShortageTest, UpdatesStayTheSameWithFewerRowsAtOnce) {
  const auto wanted = train(model_.get());
  EXPECT_THAT(said_, Not(HasSubstr("memory ran out")));
  const NarrowModel narrow(model_.get(), 40);  // two rows of 16
  const auto got = train(narrow);
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], wanted[i], 2e-4F) << i;  // Adam makes much of a gradient's last bits
  }
  EXPECT_EQ(narrow.refused, 2) << "eight rows, then four; later steps know";
  EXPECT_THAT(said_, HasSubstr("memory ran out in step 1"));
  EXPECT_THAT(said_, HasSubstr("with 2 rows at once"));
}

TEST_F(MemoryShortageTest, AResumedTrainingKnowsIt) {
  params_.save_every = 2;
  const NarrowModel narrow(model_.get(), 40);
  const auto whole = train(narrow);
  ASSERT_FALSE(states_.empty());
  EXPECT_EQ(states_.front().rows_at_once, 2);
  resumed_ = states_.front();
  const NarrowModel again(model_.get(), 40);
  EXPECT_EQ(train(again), whole) << "to the bit";
  EXPECT_EQ(again.refused, 0);
}

TEST_F(MemoryShortageTest, OneRowThatDoesNotFitFails) {
  const NarrowModel narrow(model_.get(), 4);
  try {
    train(narrow);
    FAIL() << "trained";
  } catch (const std::exception& error) {
    EXPECT_TRUE(tensor::is_out_of_memory(error)) << error.what();
  }
  EXPECT_EQ(narrow.refused, 4);
}

TEST_F(MemoryShortageTest, OtherErrorsPass) {
  EXPECT_FALSE(tensor::is_out_of_memory(std::runtime_error("[matmul] shapes do not fit")));
  EXPECT_TRUE(tensor::is_out_of_memory(std::bad_alloc()));
  EXPECT_TRUE(tensor::is_out_of_memory(std::runtime_error("cudaMallocAsync: out of memory")));
}

}  // namespace
}  // namespace hub::train
