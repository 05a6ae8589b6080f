#include "core/data/example_source.h"

#include <numeric>
#include <utility>

namespace hub::data {
namespace {

class InMemory final : public ExampleSource {
 public:
  explicit InMemory(std::vector<Example> rows) : rows_(std::move(rows)) {}

  [[nodiscard]] std::size_t size() const override { return rows_.size(); }
  [[nodiscard]] RowCounts counts(std::size_t i) const override { return counts_of(rows_.at(i)); }
  [[nodiscard]] Example get(std::size_t i) const override { return rows_.at(i); }

 private:
  std::vector<Example> rows_;
};

void append(Example& packed, const Example& row) {
  const std::size_t begin = packed.tokens.size();
  packed.tokens.insert(packed.tokens.end(), row.tokens.begin(), row.tokens.end());
  packed.trained.insert(packed.trained.end(), row.trained.begin(), row.trained.end());
  if (begin > 0 && !row.tokens.empty()) {
    packed.packed.push_back(begin);
    packed.trained[begin] = 0;  // nothing of its own row precedes it
  }
}

}  // namespace

Examples::Examples(std::vector<Example> rows)
    : Examples(std::make_shared<const InMemory>(std::move(rows))) {}

Examples::Examples(std::shared_ptr<const ExampleSource> source) : source_(std::move(source)) {
  rows_.resize(source_->size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i] = {static_cast<std::uint32_t>(i)};
  }
}

RowCounts Examples::counts(std::size_t i) const {
  RowCounts sum;
  for (const std::uint32_t row : rows_.at(i)) {
    const RowCounts own = source_->counts(row);
    sum.tokens += own.tokens;
    sum.trained += own.trained;
    sum.rejected_tokens += own.rejected_tokens;
    sum.rejected_trained += own.rejected_trained;
  }
  return sum;
}

std::vector<RowCounts> Examples::counts() const {
  std::vector<RowCounts> all;
  all.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    all.push_back(counts(i));
  }
  return all;
}

Example Examples::get(std::size_t i) const {
  const std::vector<std::uint32_t>& rows = rows_.at(i);
  if (rows.size() == 1) {
    return source_->get(rows.front());
  }
  Example joined;
  for (const std::uint32_t row : rows) {
    append(joined, source_->get(row));
  }
  return joined;
}

std::vector<Example> Examples::get(std::span<const std::size_t> rows) const {
  std::vector<Example> result;
  result.reserve(rows.size());
  for (const std::size_t row : rows) {
    result.push_back(get(row));
  }
  return result;
}

Examples Examples::pick(std::span<const std::size_t> rows) const {
  Examples result;
  result.source_ = source_;
  result.rows_.reserve(rows.size());
  for (const std::size_t row : rows) {
    result.rows_.push_back(rows_.at(row));
  }
  return result;
}

Examples Examples::join(std::span<const std::vector<std::size_t>> lists) const {
  Examples result;
  result.source_ = source_;
  result.rows_.reserve(lists.size());
  for (const std::vector<std::size_t>& list : lists) {
    std::vector<std::uint32_t>& joined = result.rows_.emplace_back();
    for (const std::size_t row : list) {
      joined.insert(joined.end(), rows_.at(row).begin(), rows_.at(row).end());
    }
  }
  return result;
}

}  // namespace hub::data
