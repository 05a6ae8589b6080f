// EngineConfig::activation_bits.
#include <gtest/gtest.h>

#include "core/engine/engine.h"
#include "core/tensor/ops.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/engine/engine_fixture.h"

namespace hub::engine {
namespace {

TEST_F(EngineTest, TogetherEachSaysWhatItSaysAloneWithActivationsInFewBits) {
  EngineConfig few = config();
  few.activation_bits = 8;
  if (tensor::default_device_is_gpu()) {
    EXPECT_EQ(thrown_by([&] { Engine refused(few); }).param(), "activation_bits");
    return;
  }
  test::TempDir adapter;
  write_tiny_adapter(adapter.path(), folder_.path());
  const auto rounded = alone_and_together(few, adapter.path());
  const auto floats = alone_and_together(config(), adapter.path());
  for (std::size_t i = 0; i < floats.size(); ++i) {
    EXPECT_NE(rounded[i].logprobs, floats[i].logprobs) << i;
    EXPECT_NEAR(rounded[i].logprobs[0], floats[i].logprobs[0], 0.5) << i;
  }
}

}  // namespace
}  // namespace hub::engine
