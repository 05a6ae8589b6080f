#include "core/data/report.h"

#include <gmock/gmock.h>

#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

const char* const kLines =
    "{\"text\":\"a\"}\n"
    "broken\n"
    "{\"text\":\"one two three four five six seven eight nine ten\"}\n"
    "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}\n";

TEST(LengthStats, AreThoseOfTheSortedLengths) {
  std::vector<std::size_t> lengths;
  for (std::size_t i = 100; i > 0; --i) {
    lengths.push_back(i);
  }
  const LengthStats stats = length_stats(lengths);
  EXPECT_EQ(stats.min, 1U);
  EXPECT_EQ(stats.median, 50U);
  EXPECT_EQ(stats.p95, 95U);
  EXPECT_EQ(stats.max, 100U);
  EXPECT_EQ(length_stats({7}).p95, 7U);
  EXPECT_EQ(length_stats({3, 1, 2}).median, 2U);
  EXPECT_EQ(length_stats({}).max, 0U);
}

TEST(Report, WithoutAModelItTellsOfTheFile) {
  const Report report = make_report(read_lines(kLines), nullptr);
  const Json json = report.to_json();
  EXPECT_EQ(json["rows"], 3);
  EXPECT_EQ(json["format"], "mixed");
  EXPECT_EQ(json["digest"], base::sha256_hex(kLines));
  EXPECT_EQ(json["size_bytes"], std::string(kLines).size());
  EXPECT_EQ(json["problem_count"], 1);
  EXPECT_EQ(json["problems"][0]["line"], 2);
  EXPECT_TRUE(json["tokens"].is_null());
}

TEST(Report, WithAModelItTellsOfTokens) {
  const auto builder = builder_with(
      template_of("{% for m in messages %}{{ m.content }}{% endfor %}"), {.max_seq_length = 10});
  const Json json = make_report(read_lines(kLines), &builder).to_json();
  const Json& tokens = json["tokens"];
  EXPECT_EQ(json["problem_count"], 2);
  EXPECT_EQ(json["problems"][1]["line"], 4);
  EXPECT_EQ(tokens["min"], 1);     // "q"
  EXPECT_EQ(tokens["median"], 3);  // BOS a EOS
  EXPECT_GT(tokens["max"], 10);
  EXPECT_EQ(tokens["truncated_rows"], 1);
  EXPECT_EQ(tokens["skipped_rows"], 1);
  EXPECT_EQ(tokens["max_seq_length"], 10);
  EXPECT_EQ(tokens["total"], 3 + 10);
  EXPECT_EQ(tokens["trained"], 2 + 9);
  EXPECT_DOUBLE_EQ(tokens["trained_share"], 11.0 / 13.0);
  EXPECT_EQ(tokens["rows_measured"], 3);
}

TEST(Report, OfALargeFileItMeasuresTheFirstRows) {
  const auto builder = builder_with(nullptr);
  const Report report = make_report(read_lines(kLines), &builder, 1);
  ASSERT_TRUE(report.token_report);
  EXPECT_EQ(report.token_report->rows_measured, 1U);
  EXPECT_EQ(report.token_report->lengths.max, 3U);
  EXPECT_EQ(report.rows, 3U);
}

}  // namespace
}  // namespace hub::data
