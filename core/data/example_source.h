#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "core/data/examples.h"

namespace hub::data {

// Rows that a training takes by number, in any order. Immutable once it is shared; thread-safe.
class ExampleSource {
 public:
  virtual ~ExampleSource() = default;

  [[nodiscard]] virtual std::size_t size() const = 0;
  // Of row i. Cheap.
  [[nodiscard]] virtual RowCounts counts(std::size_t i) const = 0;
  // Throws kUnavailable when the disk refuses.
  [[nodiscard]] virtual Example get(std::size_t i) const = 0;
};

// The rows of a training or an evaluation: those of a source, some of them, or several in one.
// Cheap to copy, but for the list of rows.
class Examples {
 public:
  Examples() = default;
  // In memory.
  Examples(std::vector<Example> rows);  // NOLINT(google-explicit-constructor): a list is rows
  explicit Examples(std::shared_ptr<const ExampleSource> source);

  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] RowCounts counts(std::size_t i) const;
  [[nodiscard]] std::vector<RowCounts> counts() const;
  [[nodiscard]] Example get(std::size_t i) const;
  [[nodiscard]] std::vector<Example> get(std::span<const std::size_t> rows) const;

  // These rows of it, in this order.
  [[nodiscard]] Examples pick(std::span<const std::size_t> rows) const;
  // Each list of rows joined to one (Example::packed). Not of preference rows.
  [[nodiscard]] Examples join(std::span<const std::vector<std::size_t>> lists) const;

 private:
  std::shared_ptr<const ExampleSource> source_;
  std::vector<std::vector<std::uint32_t>> rows_;  // each: rows of the source
};

}  // namespace hub::data
