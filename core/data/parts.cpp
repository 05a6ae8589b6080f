#include "core/data/parts.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/system_error.h"
#include "core/data/split.h"

namespace hub::data {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

constexpr std::int64_t kLargestSeed = (std::int64_t{1} << 53U) - 1;
// Another stream of numbers than the epochs' and the job's own split.
constexpr std::uint64_t kPartsStream = 0x7061727473ULL;

// Rows of the same text, in order of their first one.
std::vector<std::vector<std::size_t>> groups_of(const std::vector<Row>& rows) {
  std::unordered_map<std::string_view, std::size_t> known;
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto [place, is_new] = known.emplace(rows[i].json, groups.size());
    if (is_new) {
      groups.emplace_back();
    }
    groups[place->second].push_back(i);
  }
  return groups;
}

std::size_t wanted(std::size_t rows, double share) {
  if (share <= 0.0) {
    return 0;
  }
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(std::llround(static_cast<double>(rows) * share)));
}

double read_share(const base::JsonReader& reader, const char* name) {
  const double share = reader.optional_number(name, 0.0, 1.0).value_or(0.0);
  if (share >= 1.0) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' must be at least 0 and below 1, got {}", reader.path_of(name), share),
        reader.path_of(name));
  }
  return share;
}

}  // namespace

PartShares PartShares::from_json(const Json& json, const std::string& path) {
  const base::JsonReader reader(json, path);
  reader.refuse_unknown({"valid", "test", "seed"});
  PartShares shares;
  shares.valid = read_share(reader, "valid");
  shares.test = read_share(reader, "test");
  shares.seed =
      static_cast<std::uint64_t>(reader.optional_int("seed", 0, kLargestSeed).value_or(0));
  const double both = shares.valid + shares.test;
  if (both <= 0.0 || both >= 1.0) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}.valid' and '{}.test' must be above 0 and below 1 together, got {}",
            path,
            path,
            both),
        path);
  }
  return shares;
}

Json PartShares::to_json() const {
  return {{"valid", valid}, {"test", test}, {"seed", seed}};
}

Parts split_parts(const std::vector<Row>& rows, const PartShares& shares) {
  const auto groups = groups_of(rows);
  Parts parts;
  const std::size_t valid = wanted(rows.size(), shares.valid);
  const std::size_t test = wanted(rows.size(), shares.test);
  for (const std::size_t number : epoch_order(groups.size(), shares.seed, kPartsStream)) {
    const auto& group = groups[number];
    auto& part = parts.test.size() + group.size() <= test     ? parts.test
                 : parts.valid.size() + group.size() <= valid ? parts.valid
                                                              : parts.train;
    part.insert(part.end(), group.begin(), group.end());
  }
  const bool lacking =
      parts.train.empty() || (valid > 0 && parts.valid.empty()) || (test > 0 && parts.test.empty());
  if (lacking) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "{} rows, {} of them different, cannot be split into parts of {} to validate, {} to "
            "test and some to train (equal rows stay together)",
            rows.size(),
            groups.size(),
            valid,
            test),
        "split",
        "dataset_invalid");
  }
  for (auto* part : {&parts.train, &parts.valid, &parts.test}) {
    std::sort(part->begin(), part->end());
  }
  return parts;
}

void write_rows(
    const std::filesystem::path& file,
    const std::vector<Row>& rows,
    const std::vector<std::size_t>& places) {
  errno = 0;
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  for (const std::size_t place : places) {
    const std::string& json = rows[place].json;
    // A row of a JSON array may stand on several lines.
    const bool one_line = json.find_first_of("\r\n") == std::string::npos;
    out << (one_line ? json : Json::parse(json).dump()) << '\n';
  }
  out.close();
  if (!out) {
    base::throw_system_error("write", file, errno == 0 ? ENOSPC : errno);
  }
  base::sync_path(file);
}

}  // namespace hub::data
