#include "core/data/report.h"

#include <gmock/gmock.h>

#include "tests/unit/data/fixture.h"

namespace hub::data {
namespace {

const char* const kLines =
    R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]})"
    "\nbroken\n"
    R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"1 2 3 4 5 6 7 8 9"}]})"
    "\n"
    R"({"messages":[{"role":"user","content":"q"}]})"
    "\n";

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
  EXPECT_EQ(json["format"], "chat");
  EXPECT_EQ(json["file_type"], "jsonl");
  EXPECT_EQ(json["digest"], base::sha256_hex(kLines));
  EXPECT_EQ(json["size_bytes"], std::string(kLines).size());
  EXPECT_EQ(json["problem_count"], 1);
  EXPECT_EQ(json["problems"][0]["line"], 2);
  EXPECT_TRUE(json["tokens"].is_null());
}

TEST(Report, WithAModelItTellsOfTokens) {
  const auto builder = builder_with(
      template_of("{% for m in messages %}{{ m.content }}<|eot_id|>{% endfor %}"),
      {.max_seq_length = 10});
  const Json json = make_report(read_lines(kLines), &builder).to_json();
  const Json& tokens = json["tokens"];
  EXPECT_EQ(json["problem_count"], 2);
  EXPECT_EQ(json["problems"][1]["line"], 4);
  EXPECT_EQ(tokens["min"], 2);     // q, the end of the turn
  EXPECT_EQ(tokens["median"], 4);  // and a, its end
  EXPECT_GT(tokens["max"], 10);
  EXPECT_EQ(tokens["truncated_rows"], 1);
  EXPECT_EQ(tokens["skipped_rows"], 1);
  EXPECT_EQ(tokens["max_seq_length"], 10);
  EXPECT_EQ(tokens["total"], 4 + 10);
  EXPECT_EQ(tokens["trained"], 2 + 8);
  EXPECT_DOUBLE_EQ(tokens["trained_share"], 10.0 / 14.0);
  EXPECT_EQ(tokens["rows_measured"], 3);
}

TEST(Report, OfALargeFileItMeasuresTheFirstRows) {
  const auto builder = builder_with(nullptr);
  const Report report =
      make_report(read_lines("{\"text\":\"a\"}\n{\"text\":\"b\"}\n"), &builder, 1);
  ASSERT_TRUE(report.token_report);
  EXPECT_EQ(report.token_report->rows_measured, 1U);
  EXPECT_EQ(report.token_report->lengths.max, 3U);
  EXPECT_EQ(report.rows, 2U);
}

}  // namespace
}  // namespace hub::data
