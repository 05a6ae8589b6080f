#include "core/data/parts.h"

#include <set>

#include <gmock/gmock.h>

#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Row> rows_of(const std::vector<int>& values) {
  std::vector<Row> rows;
  rows.reserve(values.size());
  for (const int value : values) {
    rows.push_back(
        {.format = RowFormat::kText,
         .line = rows.size() + 1,
         .json = Json{{"text", std::to_string(value)}}.dump()});
  }
  return rows;
}

std::vector<Row> different(int count) {
  std::vector<int> values(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = i;
  }
  return rows_of(values);
}

TEST(Parts, EveryRowIsInOnePartAndTheSizesAreThoseAskedFor) {
  const Parts parts = split_parts(different(1000), {.valid = 0.05, .test = 0.1, .seed = 3});
  EXPECT_EQ(parts.valid.size(), 50U);
  EXPECT_EQ(parts.test.size(), 100U);
  EXPECT_EQ(parts.train.size(), 850U);
  std::set<std::size_t> all;
  for (const auto* part : {&parts.train, &parts.valid, &parts.test}) {
    EXPECT_TRUE(std::is_sorted(part->begin(), part->end()));
    all.insert(part->begin(), part->end());
  }
  EXPECT_EQ(all.size(), 1000U);
}

TEST(Parts, TheSeedAloneDecidesAndTheSplitStaysTheSameForever) {
  const auto rows = different(20);
  const Parts parts = split_parts(rows, {.valid = 0.1, .test = 0.1, .seed = 0});
  // From the algorithm written down anew in another language.
  EXPECT_THAT(parts.test, ElementsAre(2, 7));
  EXPECT_THAT(parts.valid, ElementsAre(6, 14));
  EXPECT_NE(split_parts(rows, {.valid = 0.1, .test = 0.1, .seed = 1}).valid, parts.valid);
}

TEST(Parts, EqualRowsStayTogether) {
  std::vector<int> values;
  values.reserve(300);
  for (int i = 0; i < 300; ++i) {
    values.push_back(i % 60);
  }
  const auto rows = rows_of(values);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Parts parts = split_parts(rows, {.valid = 0.2, .test = 0.2, .seed = seed});
    std::set<std::string> held;
    for (const auto* part : {&parts.valid, &parts.test}) {
      for (const std::size_t place : *part) {
        held.insert(rows[place].json);
      }
    }
    EXPECT_EQ(held.size(), 24U);
    for (const std::size_t place : parts.train) {
      EXPECT_FALSE(held.contains(rows[place].json));
    }
  }
}

TEST(Parts, WhatCannotBeSplitIsRefused) {
  EXPECT_EQ(split_parts(different(3), {.valid = 0.01, .test = 0.01}).train.size(), 1U);
  for (const auto& rows : {different(2), rows_of({1, 1, 1, 1}), rows_of({1, 1, 2, 2})}) {
    const base::Error error =
        thrown_by([&rows] { split_parts(rows, {.valid = 0.3, .test = 0.3}); });
    EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
    EXPECT_EQ(error.param(), "split");
  }
}

TEST(Parts, SharesAreReadWithTheirPath) {
  const PartShares shares =
      PartShares::from_json(Json::parse(R"({"valid":0.05,"test":0.1,"seed":7})"), "split");
  EXPECT_EQ(shares.to_json().dump(), R"({"valid":0.05,"test":0.1,"seed":7})");
  EXPECT_EQ(PartShares::from_json(Json::parse(R"({"test":0.1})"), "split").valid, 0.0);
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {R"({"valid":1.0})", "split.valid"},
      {R"({"valid":-0.1})", "split.valid"},
      {R"({"test":"some"})", "split.test"},
      {R"({"seed":1})", "split"},
      {R"({"valid":0.5,"test":0.5})", "split"},
      {R"({"valid":0.5,"seed":-1})", "split.seed"},
      {R"({"valid":0.5,"train":0.5})", "split.train"}};
  for (const auto& [text, param] : wrong) {
    const base::Error error =
        thrown_by([&json = text] { PartShares::from_json(Json::parse(json), "split"); });
    EXPECT_EQ(error.param(), param) << text;
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
  }
}

TEST(Parts, RowsAreWrittenALineEach) {
  const TempFolder folder;
  auto rows = rows_of({1, 2, 3});
  rows[2].json = "{\"text\":\n \"3\"}";
  write_rows(folder.path() / "out.jsonl", rows, {0, 2});
  EXPECT_EQ(base::read_file(folder.path() / "out.jsonl"), "{\"text\":\"1\"}\n{\"text\":\"3\"}\n");
  EXPECT_EQ(
      thrown_by([&] { write_rows("/dev/full", rows, {0}); }).code(), base::ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace hub::data
