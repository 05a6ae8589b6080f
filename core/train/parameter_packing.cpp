#include "core/train/parameter_packing.h"

#include <algorithm>

#include <mlx/ops.h>

namespace hub::train {

bool updates_each_value_alone(const model_config::OptimizerParams& params) {
  return params.name != "muon" && params.name != "adafactor";
}

ParameterPacking::ParameterPacking(
    std::span<const mx::array> parameters, std::span<const double> decays, bool wanted) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const mx::array& parameter = parameters[i];
    shapes_.push_back(parameter.shape());
    sizes_.push_back(static_cast<int>(parameter.size()));
    std::size_t group = groups_.size();
    if (wanted && parameter.size() < kLarge) {
      const auto fits = [&](const std::vector<std::size_t>& members) {
        const mx::array& first = parameters[members.front()];
        return first.size() < kLarge && first.dtype() == parameter.dtype() &&
               decays[members.front()] == decays[i];
      };
      group = static_cast<std::size_t>(
          std::find_if(groups_.begin(), groups_.end(), fits) - groups_.begin());
    }
    if (group == groups_.size()) {
      groups_.emplace_back();
      decays_.push_back(decays[i]);
    }
    groups_[group].push_back(i);
  }
}

std::vector<mx::array> ParameterPacking::pack(const std::vector<mx::array>& arrays) const {
  if (joins_nothing()) {
    return arrays;
  }
  std::vector<mx::array> packed;
  packed.reserve(groups_.size());
  for (const auto& members : groups_) {
    if (members.size() == 1) {
      packed.push_back(arrays[members.front()]);
      continue;
    }
    std::vector<mx::array> flat;
    flat.reserve(members.size());
    for (const std::size_t member : members) {
      flat.push_back(mx::flatten(arrays[member]));
    }
    packed.push_back(mx::concatenate(flat, 0));
  }
  return packed;
}

std::vector<mx::array> ParameterPacking::unpack(const std::vector<mx::array>& packed) const {
  if (joins_nothing()) {
    return packed;
  }
  std::vector<mx::array> arrays(shapes_.size(), packed.front());
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    const auto& members = groups_[group];
    if (members.size() == 1) {
      arrays[members.front()] = packed[group];
      continue;
    }
    int begin = 0;
    for (const std::size_t member : members) {
      const int end = begin + sizes_[member];
      arrays[member] =
          mx::reshape(mx::slice(packed[group], mx::Shape{begin}, mx::Shape{end}), shapes_[member]);
      begin = end;
    }
  }
  return arrays;
}

namespace {

// Of `count` runs of equally many parts: `change` applied to the first parts of all, to the second,
// …, each result's arrays being parts of their own run.
template <class Change>
std::vector<mx::array> by_part(
    const std::vector<mx::array>& state, std::size_t count, const Change& change) {
  const std::size_t parts = state.size() / count;
  std::vector<std::vector<mx::array>> changed;
  for (std::size_t part = 0; part < parts; ++part) {
    std::vector<mx::array> arrays;
    arrays.reserve(count);
    for (std::size_t run = 0; run < count; ++run) {
      arrays.push_back(state[(run * parts) + part]);
    }
    changed.push_back(change(arrays));
  }
  std::vector<mx::array> result;
  for (std::size_t run = 0; parts > 0 && run < changed.front().size(); ++run) {
    for (const auto& arrays : changed) {
      result.push_back(arrays[run]);
    }
  }
  return result;
}

}  // namespace

std::vector<mx::array> ParameterPacking::unpack_state(const std::vector<mx::array>& packed) const {
  if (joins_nothing() || packed.size() % groups_.size() != 0) {
    return packed;
  }
  return by_part(packed, groups_.size(), [this](const auto& arrays) { return unpack(arrays); });
}

std::vector<mx::array> ParameterPacking::pack_state(const std::vector<mx::array>& state) const {
  if (joins_nothing() || state.size() % shapes_.size() != 0) {
    return state;
  }
  return by_part(state, shapes_.size(), [this](const auto& arrays) { return pack(arrays); });
}

}  // namespace hub::train
