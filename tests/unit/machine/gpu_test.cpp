#include "core/machine/gpu.h"

#include <gtest/gtest.h>

namespace hub::machine {
namespace {

TEST(NvmlReaderTest, ReadsWhatEachGpuTells) {
  const auto reader = make_nvml_reader(HUB_FAKE_NVML);
  const auto gpus = reader->read();
  ASSERT_EQ(gpus.size(), 2U);
  EXPECT_EQ(gpus[0].gpu, "0");
  EXPECT_EQ(gpus[0].name, "NVIDIA H200");
  EXPECT_EQ(gpus[0].driver, "580.1");
  EXPECT_DOUBLE_EQ(gpus[0].utilization.value(), 0.75);
  EXPECT_EQ(gpus[0].memory_total_bytes, 1000U);
  EXPECT_EQ(gpus[0].memory_used_bytes, 600U);
  EXPECT_DOUBLE_EQ(gpus[0].celsius.value(), 61);
  EXPECT_DOUBLE_EQ(gpus[0].power_watts.value(), 350.5);
  EXPECT_FALSE(gpus[0].power_limit_watts);
  EXPECT_EQ(gpus[1].name, "NVIDIA T4");
  EXPECT_FALSE(gpus[1].utilization);
  EXPECT_FALSE(gpus[1].memory_total_bytes);
  EXPECT_FALSE(gpus[1].celsius);
}

TEST(NvmlReaderTest, WithoutTheLibraryThereIsNoGpu) {
  EXPECT_TRUE(make_nvml_reader("libthere-is-no-such-library.so.1")->read().empty());
}

}  // namespace
}  // namespace hub::machine
