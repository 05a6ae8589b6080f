#include "core/machine/host.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/machine/process.h"
#include "tests/support/temp_dir.h"

namespace hub::machine {
namespace {

#ifndef __APPLE__

class HostTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    const auto file = folder_.path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  HostReading read() {
    return read_host(folder_.path(), {folder_.path() / "proc", folder_.path() / "sys"});
  }
  test::TempDir folder_;
};

TEST_F(HostTest, ReadsWhatLinuxTells) {
  write("proc/stat", "cpu  100 20 300 4000 50 6 7 8 0 0\ncpu0 1 2 3\nbtime 1700000000\n");
  write("proc/loadavg", "1.25 0.5 0.1 1/100 4242\n");
  write(
      "proc/meminfo",
      "MemTotal:       1000 kB\nMemFree: 100 kB\nMemAvailable:  600 kB\nSwapTotal: 50 kB\n"
      "SwapFree: 30 kB\n");
  write("proc/pressure/memory", "some avg10=12.50 avg60=1.00 avg300=0.00 total=5\nfull avg10=0\n");
  write("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
  write("sys/class/thermal/thermal_zone0/temp", "51000\n");
  write("sys/class/thermal/cooling_device0/type", "Processor\n");
  write("sys/class/hwmon/hwmon1/name", "nvme\n");
  write("sys/class/hwmon/hwmon1/temp1_input", "38850\n");
  write("sys/class/hwmon/hwmon1/temp1_label", "Composite\n");
  write("sys/class/hwmon/hwmon1/fan1_input", "1200\n");
  const HostReading reading = read();
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  EXPECT_DOUBLE_EQ(reading.cpu_seconds.at("user"), 100 / ticks);
  EXPECT_DOUBLE_EQ(reading.cpu_seconds.at("steal"), 8 / ticks);
  EXPECT_GT(reading.cpus, 0);
  EXPECT_DOUBLE_EQ(reading.load1.value(), 1.25);
  EXPECT_EQ(reading.memory_total_bytes, 1000U * 1024);
  EXPECT_EQ(reading.memory_available_bytes, 600U * 1024);
  EXPECT_EQ(reading.swap_used_bytes, 20U * 1024);
  EXPECT_DOUBLE_EQ(reading.memory_pressure.value(), 0.125);
  ASSERT_EQ(reading.temperatures.size(), 2U);
  EXPECT_EQ(reading.temperatures[0].sensor, "x86_pkg_temp");
  EXPECT_DOUBLE_EQ(reading.temperatures[0].celsius, 51);
  EXPECT_EQ(reading.temperatures[1].sensor, "nvme Composite");
  EXPECT_GT(reading.disk_total_bytes.value(), 0U);
}

TEST_F(HostTest, WhatIsNotToldIsEmpty) {
  const HostReading reading = read();
  EXPECT_TRUE(reading.cpu_seconds.empty());
  EXPECT_FALSE(reading.load1);
  EXPECT_FALSE(reading.memory_total_bytes);
  EXPECT_FALSE(reading.memory_pressure);
  EXPECT_FALSE(reading.swap_used_bytes);
  EXPECT_TRUE(reading.temperatures.empty());
}

TEST_F(HostTest, BrokenFilesTellNothing) {
  write("proc/stat", "nonsense\n");
  write("proc/meminfo", "MemTotal:\nMemAvailable: many kB\n");
  write("proc/pressure/memory", "some avg10=much\n");
  write("sys/class/thermal/thermal_zone0/temp", "hot\n");
  const HostReading reading = read();
  EXPECT_TRUE(reading.cpu_seconds.empty());
  EXPECT_FALSE(reading.memory_total_bytes);
  EXPECT_FALSE(reading.memory_pressure);
  EXPECT_TRUE(reading.temperatures.empty());
}

TEST_F(HostTest, SensorsAreBounded) {
  for (int i = 0; i < 40; ++i) {
    write("sys/class/thermal/thermal_zone" + std::to_string(i) + "/temp", "40000\n");
  }
  EXPECT_EQ(read().temperatures.size(), kMostSensors);
}

#endif

TEST(ProcessTest, ReadsThisProcess) {
  const ProcessReading self = read_process(::getpid());
  EXPECT_GE(self.cpu_seconds.value(), 0);
  EXPECT_GT(self.resident_bytes.value(), 1U << 20U);
  EXPECT_GE(self.threads.value(), 1U);
  EXPECT_GE(self.open_descriptors.value(), 3U);
  EXPECT_GE(self.most_descriptors.value(), self.open_descriptors.value());
  EXPECT_GT(self.start_time_seconds.value(), 1.6e9);
}

TEST(ProcessTest, ThereIsNoSuchProcess) {
  const ProcessReading none = read_process(999'999'999);
  EXPECT_FALSE(none.cpu_seconds);
  EXPECT_FALSE(none.resident_bytes);
}

}  // namespace
}  // namespace hub::machine
