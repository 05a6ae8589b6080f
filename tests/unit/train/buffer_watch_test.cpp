#include "core/train/buffer_watch.h"

#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/tensor/ops.h"
#include "core/train/trainer.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(ArraysOf, CountsEachArrayOnce) {
  const mx::array a = mx::ones({4});
  mx::eval(a);
  const mx::array b = a + a;
  const mx::array c = b * a;
  EXPECT_EQ(arrays_of({a}), 1U);
  EXPECT_EQ(arrays_of({c}), 3U);
  EXPECT_EQ(arrays_of({c, b}), 3U);
  const auto halves = mx::split(c, 2);
  EXPECT_EQ(arrays_of({halves[0]}), 5U) << "what comes with it is computed, too";
  mx::eval(c);
  EXPECT_EQ(arrays_of({c}), 1U) << "what it was made of is gone";
}

TEST(BufferWatch, TellsOnceAndGivesBackAlways) {
  mx::array x = mx::ones({1 << 20});
  for (int i = 0; i < 16; ++i) {
    x = x + 1.0F;
  }
  const auto fill_cache = [] {
    tensor::set_cache_limit(64 << 20);
    mx::array freed = mx::ones({1 << 20});
    mx::eval(freed);
  };
  BufferWatch roomy(1000);
  EXPECT_EQ(roomy.before_evaluation({x}), std::nullopt);
  EXPECT_EQ(BufferWatch(std::nullopt).before_evaluation({x}), std::nullopt);
  BufferWatch narrow(20);
  fill_cache();
  ASSERT_GT(tensor::memory().cache, 0U);
  EXPECT_THAT(narrow.before_evaluation({x}).value_or(""), HasSubstr("the device allows 20"));
  EXPECT_EQ(tensor::memory().cache, 0U);
  fill_cache();
  EXPECT_EQ(narrow.before_evaluation({x}), std::nullopt);
  EXPECT_EQ(tensor::memory().cache, 0U);
}

TEST(BufferWatch, ATrainingSaysItOnceAndComesToTheSame) {
  const TinyModel model;
  const auto params = tiny_params();
  std::vector<std::string> said;
  const auto train = [&](std::optional<std::size_t> limit) {
    said.clear();
    TrainHooks hooks;
    hooks.buffer_limit = limit;
    hooks.log = [&](const std::string& message) { said.push_back(message); };
    Trainer trainer(
        model.get(), fresh(model.get(), params), {counting_rows(12), {}}, params, 4, hooks);
    trainer.run();
    return flat(trainer.trained());
  };
  const auto wanted = train(std::nullopt);
  EXPECT_THAT(said, Not(testing::Contains(HasSubstr("buffers"))));
  EXPECT_EQ(train(1'000'000), wanted);
  EXPECT_THAT(said, Not(testing::Contains(HasSubstr("buffers"))));
  EXPECT_EQ(train(100), wanted);
  EXPECT_THAT(
      said,
      testing::Contains(AllOf(HasSubstr("the device allows 100"), HasSubstr("grad_checkpoint")))
          .Times(1));
}

TEST(DeviceBufferLimit, IsNoneOnACpu) {
  if (!tensor::default_device_is_gpu()) {
    EXPECT_EQ(device_buffer_limit(), std::nullopt);
  }
}

}  // namespace
}  // namespace hub::train
