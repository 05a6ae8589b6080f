#include "core/peft/import_adapter.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/model_config/safetensors_header.h"
#include "core/model_config/safetensors_writer.h"
#include "core/peft/factor_file.h"
#include "core/peft/peft_config.h"

namespace hub::peft {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;
using model_config::SafetensorsHeader;
using model_config::TensorInfo;

constexpr std::uint64_t kJsonLimit = 16U << 20U;
constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kTensorFile = "adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kLayers = "model.layers.";
constexpr std::size_t kMostNamed = 20;

Json read_config(const fs::path& folder) {
  return base::parse_json(base::read_file(folder / kConfigFile, kJsonLimit), kConfigFile);
}

// "model.layers.3.self_attn.q_proj" of one half of an adapter's pair.
struct Half {
  int layer = 0;
  std::string name;  // relative to the layer
  bool is_b = false;

  [[nodiscard]] std::string path() const { return fmt::format("{}{}.{}", kLayers, layer, name); }
};

// nullopt for a tensor that is no factor of a linear in a layer.
std::optional<Half> half_of(std::string name) {
  Half half;
  const auto cut_end = [&name](std::string_view end) {
    const bool has = name.ends_with(end);
    if (has) {
      name.resize(name.size() - end.size());
    }
    return has;
  };
  // Saved files name no adapter; states taken from a model do.
  if (cut_end(".lora_B.weight") || cut_end(".lora_B.default.weight")) {
    half.is_b = true;
  } else if (!cut_end(".lora_A.weight") && !cut_end(".lora_A.default.weight")) {
    return std::nullopt;
  }
  if (!name.starts_with(kPrefix)) {
    return std::nullopt;
  }
  name.erase(0, kPrefix.size());
  const std::size_t dot = name.find('.', kLayers.size());
  if (!name.starts_with(kLayers) || dot == std::string::npos) {
    return std::nullopt;
  }
  const auto read = std::from_chars(name.data() + kLayers.size(), name.data() + dot, half.layer);
  if (read.ec != std::errc() || read.ptr != name.data() + dot || half.layer < 0) {
    return std::nullopt;
  }
  half.name = name.substr(dot + 1);
  return half;
}

// Both halves of one module, as PEFT has them.
struct Pair {
  const TensorInfo* a = nullptr;  // [r, in]
  const TensorInfo* b = nullptr;  // [out, r]

  [[nodiscard]] bool fits() const {
    return a != nullptr && b != nullptr && a->shape.size() == 2 && b->shape.size() == 2 &&
           a->shape[0] == b->shape[1];
  }
  [[nodiscard]] int rank() const { return static_cast<int>(a->shape[0]); }
};

class Import {
 public:
  Import(const fs::path& folder, int layers)
      : file_(folder / kTensorFile),
        config_(PeftConfig::from_json(read_config(folder))),
        header_(SafetensorsHeader::read(file_)),
        layers_(layers) {
    collect();
    measure();
  }

  ImportReport write(const fs::path& target) {
    std::vector<model_config::PlannedTensor> planned;
    const auto width = static_cast<std::uint64_t>(report_.rank);
    each_module([&](const std::string& path, const std::string& name) {
      const auto [in, out] = shapes_.at(name);
      planned.push_back({path + ".lora_a", "F32", {in, width}, in * width * sizeof(float)});
      planned.push_back({path + ".lora_b", "F32", {width, out}, out * width * sizeof(float)});
    });
    model_config::SafetensorsWriter writer(target / "adapters.safetensors", planned);
    each_module([&](const std::string& path, const std::string& name) {
      write_module(writer, path, name);
    });
    writer.finish();
    base::write_file_atomically(target / kConfigFile, mlx_config().dump(2) + "\n");
    return report_;
  }

 private:
  using Floats = std::vector<float>;

  void collect() {
    std::vector<std::string> strange;
    for (const TensorInfo& tensor : header_.tensors) {
      const auto half = half_of(tensor.name);
      if (!half || half->layer >= layers_) {
        strange.push_back(tensor.name);
        continue;
      }
      Pair& pair = pairs_[half->path()];
      (half->is_b ? pair.b : pair.a) = &tensor;
      report_.targets.insert(half->name);
      first_ = std::min(first_, half->layer);
    }
    for (const auto& [path, pair] : pairs_) {
      if (!pair.fits()) {
        strange.push_back(path + " (its factors do not fit each other)");
      }
    }
    if (!strange.empty() || pairs_.empty()) {
      const std::size_t more = strange.size() > kMostNamed ? strange.size() - kMostNamed : 0;
      strange.resize(strange.size() - more);
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format(
              "{}: {}{}",
              file_.string(),
              pairs_.empty() && strange.empty()
                  ? "it holds no factors"
                  : fmt::format(
                        "these are no factors of linears in the base's {} layers: {}",
                        layers_,
                        fmt::join(strange, ", ")),
              more > 0 ? fmt::format(", and {} more", more) : ""),
          {},
          "adapter_does_not_fit");
    }
  }

  // The one rank, the one scale, and each target's width.
  void measure() {
    for (const auto& [path, pair] : pairs_) {
      report_.rank = std::max(report_.rank, pair.rank());
      const std::string name = half_name(path);
      const auto in = static_cast<std::uint64_t>(pair.a->shape[1]);
      const auto out = static_cast<std::uint64_t>(pair.b->shape[0]);
      const auto [known, is_new] = shapes_.emplace(name, std::pair{in, out});
      if (!is_new && known->second != std::pair{in, out}) {
        throw Error(
            ErrorCode::kUnprocessable,
            fmt::format("{}: {} has other widths than in other layers", file_.string(), path),
            {},
            "adapter_does_not_fit");
      }
      if (pair.rank() != config_.rank(path)) {
        throw Error(
            ErrorCode::kUnprocessable,
            fmt::format(
                "{} has rank {}, but {} says {}",
                path,
                pair.rank(),
                kConfigFile,
                config_.rank(path)),
            {},
            "adapter_does_not_fit");
      }
    }
    const double plain = config_.scale();
    report_.scale = plain != 0.0 ? plain : 1.0;
    report_.num_layers = layers_ - first_;
    report_.base_model = config_.base_model();
  }

  // Every module that mlx-lm will look for: the same in each of the last layers.
  template <typename Do>
  void each_module(const Do& act) const {
    for (int layer = first_; layer < layers_; ++layer) {
      for (const std::string& name : report_.targets) {
        act(fmt::format("{}{}.{}", kLayers, layer, name), name);
      }
    }
  }

  void write_module(
      model_config::SafetensorsWriter& writer, const std::string& path, const std::string& name) {
    const auto [in, out] = shapes_.at(name);
    const auto width = static_cast<std::size_t>(report_.rank);
    Floats a(in * width, 0.0F);
    Floats b(out * width, 0.0F);
    const auto found = pairs_.find(path);
    if (found == pairs_.end()) {
      ++report_.filled;
    } else {
      fill(path, found->second, a, b);
    }
    writer.write(path + ".lora_a", 0, a.data(), a.size() * sizeof(float));
    writer.write(path + ".lora_b", 0, b.data(), b.size() * sizeof(float));
  }

  void fill(const std::string& path, const Pair& pair, Floats& a, Floats& b) {
    const Factor lora_a = read_factor(file_, *pair.a).transposed();  // [in, r]
    const Factor lora_b = read_factor(file_, *pair.b).transposed();  // [r, out]
    const auto width = static_cast<std::size_t>(report_.rank);
    const auto rank = static_cast<std::size_t>(pair.rank());
    for (std::size_t row = 0; row < static_cast<std::size_t>(lora_a.rows); ++row) {
      std::copy_n(
          lora_a.values.begin() + static_cast<std::ptrdiff_t>(row * rank),
          rank,
          a.begin() + static_cast<std::ptrdiff_t>(row * width));
    }
    const double ratio = config_.scale(path, pair.rank()) / report_.scale;
    std::transform(lora_b.values.begin(), lora_b.values.end(), b.begin(), [ratio](float value) {
      return ratio == 1.0 ? value : static_cast<float>(static_cast<double>(value) * ratio);
    });
    report_.folded += ratio == 1.0 ? 0U : 1U;
    report_.padded += rank < width ? 1U : 0U;
  }

  [[nodiscard]] Json mlx_config() const {
    Json parameters = Json::object();
    parameters["dropout"] = config_.dropout();
    parameters["keys"] = report_.targets;
    parameters["rank"] = report_.rank;
    parameters["scale"] = report_.scale;
    Json config = Json::object();
    config["fine_tune_type"] = "lora";
    config["lora_parameters"] = parameters;
    config["model"] = report_.base_model;
    config["num_layers"] = report_.num_layers;
    config["mlx_model_hub"] = {{"imported_from", report_.to_json()}};
    return config;
  }

  static std::string half_name(const std::string& path) {
    return path.substr(path.find('.', kLayers.size()) + 1);
  }

  const fs::path file_;
  const PeftConfig config_;
  const SafetensorsHeader header_;
  const int layers_;
  std::map<std::string, Pair> pairs_;                                      // by module path
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> shapes_;  // in, out by target
  int first_ = 1 << 30;  // the first layer that has factors
  ImportReport report_;
};

}  // namespace

Json ImportReport::to_json() const {
  return {
      {"format", "peft"},
      {"base_model", base_model.empty() ? Json(nullptr) : Json(base_model)},
      {"rank", rank},
      {"scale", scale},
      {"scales_folded", folded},
      {"ranks_padded", padded},
      {"modules_filled", filled}};
}

std::string ImportReport::note() const {
  std::vector<std::string> changes;
  if (folded > 0) {
    changes.push_back(
        fmt::format("the scale of {} modules is multiplied into their lora_b", folded));
  }
  if (padded > 0) {
    changes.push_back(fmt::format("{} modules of smaller rank are filled with zeros", padded));
  }
  if (filled > 0) {
    changes.push_back(fmt::format("{} modules without factors got zeros", filled));
  }
  return changes.empty() ? std::string()
                         : fmt::format("{}; the products are unchanged", fmt::join(changes, "; "));
}

bool is_peft_folder(const fs::path& folder) {
  return fs::is_regular_file(folder / kConfigFile) && PeftConfig::is_peft(read_config(folder));
}

ImportReport import_adapter(const fs::path& folder, int layers, const fs::path& target) {
  if (!fs::exists(folder / kTensorFile)) {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format(
            "{} has no {}: weights in other formats (adapter_model.bin is a pickle) are not read",
            folder.string(),
            kTensorFile),
        {},
        "adapter_not_supported");
  }
  return Import(folder, layers).write(target);
}

}  // namespace hub::peft
