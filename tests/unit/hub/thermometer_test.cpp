#include "core/hub/thermometer.h"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text << "\n";
}

TEST(Thermometer, AFileHoldsDegreesOrThousandths) {
  const test::TempDir folder;
  const auto file = folder.path() / "sensor";
  const auto thermometer = make_file_thermometer(file);
  EXPECT_FALSE(thermometer->read().has_value());
  write(file, "71.5");
  EXPECT_DOUBLE_EQ(thermometer->read()->celsius, 71.5);
  write(file, "98250");
  EXPECT_DOUBLE_EQ(thermometer->read()->celsius, 98.25);
  write(file, "hot");
  EXPECT_FALSE(thermometer->read().has_value());
}

#ifdef __linux__
TEST(Thermometer, TheSystemsIsTheHottestOfTheProcessor) {
  const test::TempDir folder;
  const fs::path& root = folder.path();
  EXPECT_FALSE(make_system_thermometer(root)->read().has_value());
  write(root / "thermal/thermal_zone0/type", "x86_pkg_temp");
  write(root / "thermal/thermal_zone0/temp", "61000");
  write(root / "thermal/thermal_zone1/type", "iwlwifi_1");
  write(root / "thermal/thermal_zone1/temp", "99000");
  write(root / "hwmon/hwmon3/name", "coretemp");
  write(root / "hwmon/hwmon3/temp1_input", "72000");
  write(root / "hwmon/hwmon3/temp1_label", "Package id 0");
  write(root / "hwmon/hwmon4/name", "nvme");
  write(root / "hwmon/hwmon4/temp1_input", "90000");
  const auto reading = make_system_thermometer(root)->read();
  ASSERT_TRUE(reading.has_value());
  EXPECT_DOUBLE_EQ(reading->celsius, 72.0);
  EXPECT_EQ(reading->sensor, "coretemp Package id 0");
}
#endif

TEST(CoolingRule, RestsFromTheLimitUntilItIsCool) {
  CoolingRule rule(95, 85);
  EXPECT_FALSE(rule.update(Temperature{94.9, "s"}));
  EXPECT_TRUE(rule.update(Temperature{95.0, "s"}));
  EXPECT_TRUE(rule.update(Temperature{90.0, "s"})) << "not to and fro around the limit";
  EXPECT_FALSE(rule.update(Temperature{85.0, "s"}));
  EXPECT_FALSE(rule.update(Temperature{90.0, "s"}));
  EXPECT_TRUE(rule.update(Temperature{120.0, "s"}));
  EXPECT_FALSE(rule.update(std::nullopt)) << "without a sensor work goes on";
  CoolingRule off(0, 0);
  EXPECT_FALSE(off.update(Temperature{500.0, "s"}));
}

}  // namespace
}  // namespace hub::hub
