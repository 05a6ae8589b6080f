#include "api/handlers/metric_files.h"

#include <cstring>
#include <map>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hub::api {
namespace {

using base::Json;

std::vector<Json> reports() {
  return {
      {{"step", 1},
       {"train_loss", 2.5},
       {"eval_loss", nullptr},
       {"time", "2026-11-23T10:15:30.500Z"}},
      {{"step", 2}, {"eval_loss", 1.25}, {"time", "1970-01-02T00:00:01Z"}}};
}

// RFC 3720, B.4.
TEST(MetricFiles, CrcIsCastagnolis) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
}

TEST(MetricFiles, CsvHasAColumnForEachFigure) {
  EXPECT_EQ(
      metrics_csv(reports()),
      "step,time,train_loss,eval_loss\r\n"
      "1,2026-11-23T10:15:30.500Z,2.5,\r\n"
      "2,1970-01-02T00:00:01Z,,1.25\r\n");
  EXPECT_EQ(metrics_csv({}), "step,time\r\n");
}

template <typename Number>
Number number_at(const std::string& bytes, std::size_t at) {
  Number value{};
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

// The bytes of each record, their checksums looked at.
std::vector<std::string> records_of(const std::string& file) {
  const auto masked = [](std::string_view bytes) {
    const std::uint32_t crc = crc32c(bytes);
    return ((crc >> 15U) | (crc << 17U)) + 0xA282EAD8U;
  };
  std::vector<std::string> records;
  std::size_t at = 0;
  while (at < file.size()) {
    const auto length = number_at<std::uint64_t>(file, at);
    EXPECT_EQ(number_at<std::uint32_t>(file, at + 8), masked({file.data() + at, 8}));
    records.push_back(file.substr(at + 12, length));
    EXPECT_EQ(number_at<std::uint32_t>(file, at + 12 + length), masked(records.back()));
    at += 16 + length;
  }
  return records;
}

TEST(MetricFiles, TensorBoardFramesAnEventForEachFigure) {
  const auto records = records_of(metrics_tfevents(reports()));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_NE(records[0].find("brain.Event:2"), std::string::npos);
  EXPECT_EQ(records[1][0], '\x09');  // field 1, 64 bits: the time
  EXPECT_EQ(number_at<double>(records[1], 1), 1795428930.5);
  EXPECT_EQ(records[1].substr(9, 2), std::string("\x10\x01"));  // field 2: the step
  EXPECT_NE(records[1].find("train/train_loss"), std::string::npos);
  EXPECT_EQ(number_at<float>(records[1], records[1].size() - 4), 2.5F);
  EXPECT_EQ(number_at<double>(records[2], 1), 86401.0);
  EXPECT_NE(records[2].find("train/eval_loss"), std::string::npos);
}

}  // namespace
}  // namespace hub::api
