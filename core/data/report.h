#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/data/dataset.h"
#include "core/data/examples.h"

namespace hub::data {

struct LengthStats {
  std::size_t min = 0;
  std::size_t median = 0;  // the lower one of two
  std::size_t p95 = 0;     // nearest rank
  std::size_t max = 0;
};

// Throws nothing; all zero for no lengths.
LengthStats length_stats(std::vector<std::size_t> lengths);

// The part of a report that depends on a model's tokenizer.
struct TokenReport {
  LengthStats lengths;        // tokens a row, before truncation, of its longer answer
  std::size_t truncated = 0;  // rows longer than max_seq_length
  std::size_t skipped = 0;    // rows that give no trained token
  std::uint64_t tokens = 0;   // after truncation
  std::uint64_t trained_tokens = 0;
  int max_seq_length = 0;
  std::size_t rows_measured = 0;  // fewer than `rows` for a large file: the first ones
};

// What POST /datasets answers about a file.
struct Report {
  std::size_t rows = 0;  // good lines
  std::string format;    // Dataset::format()
  FileType file_type = FileType::kJsonl;
  std::string digest;
  std::uint64_t bytes = 0;
  Problems problems;
  std::optional<TokenReport> token_report;

  // {"rows","format","file_type","digest","size_bytes","problem_count","problems":[{"line","message"}],
  //  "tokens": null |
  //  {"min","median","p95","max","total","trained","trained_share","truncated_rows",
  //  "skipped_rows","max_seq_length","rows_measured"}}
  [[nodiscard]] base::Json to_json() const;
};

// `builder` may be nullptr: then without the token report. At most `max_measured` rows are
// tokenized, so that the answer to a large upload does not take minutes.
Report make_report(
    const Dataset& dataset, const ExampleBuilder* builder, std::size_t max_measured = 20'000);

}  // namespace hub::data
