#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/data/example_source.h"

namespace hub::data {

// Rows in a file without a name, which is gone with this object or the process; memory holds 24
// bytes a row, whatever its length. Write it first, then share it; one thread writes.
class ExampleStore final : public ExampleSource {
 public:
  // Throws kUnavailable when no file can be made in `folder`.
  explicit ExampleStore(const std::filesystem::path& folder);
  ~ExampleStore() override;
  ExampleStore(const ExampleStore&) = delete;
  ExampleStore& operator=(const ExampleStore&) = delete;

  // Throws kUnavailable when the disk is full. Not of packed rows.
  void add(const Example& row);
  // After the last add().
  void finish();

  [[nodiscard]] std::size_t size() const override { return index_.size(); }
  [[nodiscard]] RowCounts counts(std::size_t i) const override;
  [[nodiscard]] Example get(std::size_t i) const override;

 private:
  struct Place {
    std::uint64_t offset;  // tokens before it in the file
    std::uint32_t tokens;
    std::uint32_t trained;
    std::uint32_t rejected_tokens;
    std::uint32_t rejected_trained;
  };
  void append(const Example& sequence);
  void flush();

  int file_ = -1;
  std::vector<Place> index_;
  std::vector<std::uint32_t> buffer_;  // tokens that are not in the file yet
  std::uint64_t written_ = 0;          // tokens
};

}  // namespace hub::data
