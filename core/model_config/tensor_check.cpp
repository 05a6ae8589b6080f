#include "core/model_config/tensor_check.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/error.h"
#include "core/model_config/layer_shape.h"
#include "core/model_config/quantization.h"
#include "core/model_config/text_part.h"

namespace hub::model_config {
namespace {

using Shape = std::vector<std::int64_t>;

constexpr std::size_t kMostNamed = 100;  // problems in one message

bool is_float(const std::string& dtype) {
  return dtype == "F32" || dtype == "F16" || dtype == "BF16";
}

enum class Kind : std::uint8_t {
  kFloats,
  kWords,  // packed weights
  kBytes,  // scales of modes other than affine
};

bool is_of(Kind kind, const std::string& dtype) {
  return kind == Kind::kFloats ? is_float(dtype) : dtype == (kind == Kind::kWords ? "U32" : "U8");
}

std::string_view wanted(Kind kind) {
  return kind == Kind::kFloats ? "of floats" : kind == Kind::kWords ? "U32" : "U8";
}

// Takes the tensors that a model needs one by one; what is left belongs to nobody.
class TensorCheck {
 public:
  TensorCheck(const ModelConfig& config, const std::vector<WeightFile>& files) : config_(config) {
    for (const auto& [tensor, file] : tensors_by_name(files)) {
      left_[tensor->name] = tensor;
    }
  }

  std::vector<std::string> run() {
    const std::int64_t layers = count_layers();
    matrix(config_.embedding_path(), config_.vocab_size, config_.hidden_size);
    for (int layer = 0; layer < config_.num_hidden_layers && layer < layers; ++layer) {
      const std::string path = config_.layer_path(layer) + ".";
      const LayerShape shape = layer_shape(config_, layer);
      for (const LinearShape& each : shape.linears) {
        linear(path + each.name, each);
      }
      for (const TensorShape& tensor : shape.others) {
        const TensorInfo* found = find(path + tensor.name);
        const bool published =
            found != nullptr && !tensor.published.empty() && found->shape == tensor.published;
        floats(path + tensor.name, published ? tensor.published : tensor.shape);
      }
    }
    const LayerShape outer = outer_shape(config_);
    for (const LinearShape& each : outer.linears) {
      linear(config_.path(each.name), each);
    }
    for (const TensorShape& tensor : outer.others) {
      floats(config_.path(tensor.name), tensor.shape);
    }
    if (!config_.encoder) {
      floats(config_.path("model.norm.weight"), {config_.hidden_size});
    }
    if (!config_.tie_word_embeddings) {
      matrix(config_.path("lm_head"), config_.vocab_size, config_.hidden_size);
    }
    name_the_rest();
    return std::move(problems_);
  }

 private:
  // The layers that the tensors have. Those beyond config.json's are one complaint, not one each.
  std::int64_t count_layers() {
    std::int64_t count = 0;
    for (const auto& [name, tensor] : left_) {
      count = std::max(count, std::int64_t{config_.layer_of(name).value_or(-1)} + 1);
    }
    if (count != config_.num_hidden_layers) {
      problems_.push_back(
          fmt::format(
              "'num_hidden_layers' is {}, but the tensors are of {} layers",
              config_.num_hidden_layers,
              count));
      std::erase_if(left_, [this](const auto& entry) {
        return config_.layer_of(entry.first).value_or(-1) >= config_.num_hidden_layers;
      });
    }
    return count;
  }

  const TensorInfo* take(const std::string& name) {
    const auto found = left_.find(name);
    if (found == left_.end()) {
      return nullptr;
    }
    const TensorInfo* tensor = found->second;
    left_.erase(found);
    return tensor;
  }

  void check(const std::string& name, const Shape& shape, Kind kind) {
    const TensorInfo* tensor = take(name);
    if (tensor == nullptr) {
      problems_.push_back(fmt::format("missing: {} [{}]", name, fmt::join(shape, ", ")));
    } else if (tensor->shape != shape || !is_of(kind, tensor->dtype)) {
      problems_.push_back(
          fmt::format(
              "{} is {}, wanted [{}] {}",
              name,
              tensor->describe(),
              fmt::join(shape, ", "),
              wanted(kind)));
    }
  }
  void floats(const std::string& name, const Shape& shape) { check(name, shape, Kind::kFloats); }

  void matrix(const std::string& path, std::int64_t rows, std::int64_t columns) {
    if (left_.contains(path + ".scales")) {
      packed(path, {}, rows, columns);
    } else {
      floats(path + ".weight", {rows, columns});
    }
  }

  // `leading`: nothing, or the number of experts.
  void packed(
      const std::string& path, const Shape& leading, std::int64_t rows, std::int64_t columns) {
    const TensorInfo* scales = find(path + ".scales");
    const auto q = packing_of(config_, path, find(path + ".weight"), *scales, columns);
    if (!q) {
      problems_.push_back(
          fmt::format(
              "{}.scales is {}: {} [{}, {}]",
              path,
              scales->describe(),
              config_.quantization ? "no quantization that config.json allows gives that for"
                                   : "config.json has no 'quantization' for the packed",
              rows,
              columns));
      for (const char* part : {".weight", ".scales", ".biases"}) {
        left_.erase(path + part);
      }
      return;
    }
    const auto shape = [&](std::int64_t width) {
      Shape result = leading;
      result.insert(result.end(), {rows, width});
      return result;
    };
    const Shape groups = shape(columns / q->group_size);
    check(path + ".weight", shape(columns * q->bits / 32), Kind::kWords);
    check(path + ".scales", groups, q->mode == "affine" ? Kind::kFloats : Kind::kBytes);
    if (q->mode == "affine") {
      floats(path + ".biases", groups);
    }
  }

  // The weights of all experts, stacked or one by one.
  void experts(const std::string& path, const LinearShape& shape) {
    if (left_.contains(path + ".scales")) {
      packed(path, {shape.experts}, shape.out, shape.in);
    } else if (
        left_.contains(path + ".weight") ||
        !left_.contains(unstacked_expert(path, 0) + ".weight")) {
      floats(path + ".weight", {shape.experts, shape.out, shape.in});
    } else {
      for (int expert = 0; expert < shape.experts; ++expert) {
        floats(unstacked_expert(path, expert) + ".weight", {shape.out, shape.in});
      }
    }
    if (shape.bias) {
      floats(path + ".bias", {shape.experts, shape.out});
    }
  }

  void linear(const std::string& path, const LinearShape& shape) {
    if (shape.experts > 0) {
      experts(path, shape);
      return;
    }
    matrix(path, shape.out, shape.in);
    if (shape.bias) {
      floats(path + ".bias", {shape.out});
    }
  }

  [[nodiscard]] const TensorInfo* find(const std::string& name) const {
    const auto found = left_.find(name);
    return found == left_.end() ? nullptr : found->second;
  }

  void name_the_rest() {
    for (const auto& [name, tensor] : left_) {
      if (!is_dropped(config_, name)) {
        problems_.push_back(fmt::format("unused: {}", name));
      }
    }
  }

  const ModelConfig& config_;
  std::map<std::string, const TensorInfo*> left_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> tensor_problems(
    const ModelConfig& config, const std::vector<WeightFile>& files) {
  return TensorCheck(config, files).run();
}

std::string listed(const std::vector<std::string>& problems) {
  if (problems.size() <= kMostNamed) {
    return fmt::format("{}", fmt::join(problems, "; "));
  }
  return fmt::format(
      "{}; and {} more",
      fmt::join(problems.begin(), problems.begin() + kMostNamed, "; "),
      problems.size() - kMostNamed);
}

void check_model_folder(const std::filesystem::path& folder) {
  std::vector<std::string> problems;
  std::string reason = "model_invalid";
  const auto attempt = [&](const auto& read) -> decltype(std::optional(read())) {
    try {
      return read();
    } catch (const base::Error& error) {
      std::string what = error.what();
      // The folder is named once, at the front.
      if (const std::string prefix = folder.string() + ": "; what.starts_with(prefix)) {
        what = what.substr(prefix.size());
      }
      problems.push_back(std::move(what));
      if (!error.reason().empty()) {
        reason = error.reason();
      }
      return std::nullopt;
    }
  };
  const auto config = attempt([&] { return ModelConfig::load(folder); });
  const auto files = attempt(
      [&] { return config ? read_text_weights(folder, *config) : read_weight_files(folder); });
  if (config && files) {
    for (std::string& problem : tensor_problems(*config, *files)) {
      problems.push_back(std::move(problem));
    }
  }
  if (!problems.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("{} cannot be used as a model: {}", folder.string(), listed(problems)),
        {},
        reason);
  }
}

}  // namespace hub::model_config
