#include "core/data/report.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace hub::data {
namespace {

using base::Json;

Json token_json(const TokenReport& report) {
  const double share = report.tokens == 0 ? 0.0
                                          : static_cast<double>(report.trained_tokens) /
                                                static_cast<double>(report.tokens);
  return {
      {"min", report.lengths.min},
      {"median", report.lengths.median},
      {"p95", report.lengths.p95},
      {"max", report.lengths.max},
      {"total", report.tokens},
      {"trained", report.trained_tokens},
      {"trained_share", share},
      {"truncated_rows", report.truncated},
      {"skipped_rows", report.skipped},
      {"max_seq_length", report.max_seq_length},
      {"rows_measured", report.rows_measured},
  };
}

}  // namespace

LengthStats length_stats(std::vector<std::size_t> lengths) {
  if (lengths.empty()) {
    return {};
  }
  std::sort(lengths.begin(), lengths.end());
  const std::size_t count = lengths.size();
  return {
      .min = lengths.front(),
      .median = lengths[(count - 1) / 2],
      .p95 = lengths[(95 * count + 99) / 100 - 1],
      .max = lengths.back()};
}

Json Report::to_json() const {
  Json lines = Json::array();
  for (const Problem& problem : problems.first()) {
    lines.push_back({{"line", problem.line}, {"message", problem.message}});
  }
  return {
      {"rows", rows},
      {"format", format},
      {"file_type", to_string(file_type)},
      {"digest", digest},
      {"size_bytes", bytes},
      {"problem_count", problems.count()},
      {"problems", std::move(lines)},
      {"tokens", token_report ? token_json(*token_report) : Json(nullptr)},
  };
}

Report make_report(
    const Dataset& dataset, const ExampleBuilder* builder, std::size_t max_measured) {
  Report report;
  report.rows = dataset.rows.size();
  report.format = dataset.format();
  report.file_type = dataset.file_type;
  report.digest = dataset.digest;
  report.bytes = dataset.bytes;
  report.problems = dataset.problems;
  if (builder == nullptr) {
    return report;
  }
  TokenReport tokens;
  tokens.max_seq_length = builder->options().max_seq_length;
  tokens.rows_measured = std::min(dataset.rows.size(), max_measured);
  std::vector<std::size_t> lengths;
  lengths.reserve(tokens.rows_measured);
  for (std::size_t i = 0; i < tokens.rows_measured; ++i) {
    BuiltRow built = builder->build(dataset.rows[i]);
    if (!built.problem.empty()) {
      report.problems.add(dataset.rows[i].line, std::move(built.problem));
    }
    if (built.full_length > 0) {
      lengths.push_back(built.full_length);
    }
    tokens.truncated += built.truncated ? 1 : 0;
    tokens.skipped += built.example ? 0 : 1;
    if (built.example) {
      const RowCounts count = counts_of(*built.example);
      tokens.tokens += count.all_tokens();
      tokens.trained_tokens += count.all_trained();
    }
  }
  tokens.lengths = length_stats(std::move(lengths));
  report.token_report = tokens;
  return report;
}

}  // namespace hub::data
