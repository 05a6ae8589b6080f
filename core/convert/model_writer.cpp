#include "core/convert/model_writer.h"

#include <map>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/tensor/ops.h"

namespace hub::convert {
namespace {

namespace fs = std::filesystem;
using model_config::PlannedTensor;
using model_config::SafetensorsWriter;
// Keys sorted, as mlx-lm writes them.
using SortedJson = nlohmann::json;

// Descriptions of a model that its weights do not decide.
const std::set<std::string> kDocuments = {".json", ".jinja", ".txt", ".model"};
const std::set<std::string> kNotCopied = {
    "config.json", "model.safetensors.index.json", "source.json", "adapter_config.json"};

// The steps' tensors cut into files.
class Shards {
 public:
  Shards(const fs::path& folder, const std::vector<Step>& steps, std::uint64_t most_bytes)
      : folder_(folder) {
    std::uint64_t size = 0;
    for (const Step& step : steps) {
      for (const PlannedTensor& tensor : step.outputs) {
        if (shards_.empty() || size + tensor.bytes > most_bytes) {
          shards_.emplace_back();
          size = 0;
        }
        size += tensor.bytes;
        bytes_ += tensor.bytes;
        place_[tensor.name] = shards_.size() - 1;
        shards_.back().push_back(tensor);
      }
    }
    if (place_.empty()) {
      throw base::Error(base::ErrorCode::kUnprocessable, "the model has no tensors");
    }
  }

  void write(const PlannedTensor& tensor, const mx::array& array) {
    if (array.nbytes() != tensor.bytes) {
      throw base::Error(
          base::ErrorCode::kInternal,
          fmt::format(
              "{} has {} bytes, planned were {}", tensor.name, array.nbytes(), tensor.bytes));
    }
    const std::size_t shard = place_.at(tensor.name);
    if (shard != open_ || !writer_) {
      close();
      open_ = shard;
      writer_ = std::make_unique<SafetensorsWriter>(folder_ / name(shard), shards_[shard]);
    }
    writer_->write(tensor.name, 0, array.data<char>(), array.nbytes());
  }

  void finish(std::uint64_t total_parameters) {
    close();
    if (shards_.size() > 1) {
      SortedJson map = SortedJson::object();
      for (const auto& [tensor, shard] : place_) {
        map[tensor] = name(shard);
      }
      const SortedJson index = {
          {"metadata", {{"total_size", bytes_}, {"total_parameters", total_parameters}}},
          {"weight_map", std::move(map)}};
      base::write_file_atomically(folder_ / "model.safetensors.index.json", index.dump(4) + "\n");
    }
    base::sync_path(folder_);
  }

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] std::string name(std::size_t shard) const {
    return shards_.size() == 1
               ? "model.safetensors"
               : fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, shards_.size());
  }
  void close() {
    if (writer_) {
      writer_->finish();
      writer_.reset();
    }
  }

  const fs::path folder_;
  std::vector<std::vector<PlannedTensor>> shards_;
  std::map<std::string, std::size_t> place_;
  std::uint64_t bytes_ = 0;
  std::unique_ptr<SafetensorsWriter> writer_;
  std::size_t open_ = 0;
};

const std::map<std::string, mx::Dtype> kDtypes = {
    {"F32", mx::float32},
    {"F16", mx::float16},
    {"BF16", mx::bfloat16},
    {"U32", mx::uint32},
    {"U8", mx::uint8}};

}  // namespace

PlannedTensor planned(
    const std::string& name,
    const std::vector<std::int64_t>& shape,
    const std::string& dtype,
    std::uint64_t bytes) {
  return {name, dtype, std::vector<std::uint64_t>(shape.begin(), shape.end()), bytes};
}

PlannedTensor planned(
    const std::string& name, const std::vector<std::int64_t>& shape, mx::Dtype dtype) {
  std::uint64_t bytes = mx::size_of(dtype);
  for (const std::int64_t dimension : shape) {
    bytes *= static_cast<std::uint64_t>(dimension);
  }
  for (const auto& [spelling, known] : kDtypes) {
    if (known == dtype) {
      return planned(name, shape, spelling, bytes);
    }
  }
  throw base::Error(base::ErrorCode::kInternal, fmt::format("{}: weights have no such type", name));
}

mx::Dtype dtype_from(const std::string& safetensors_dtype) {
  const auto found = kDtypes.find(safetensors_dtype);
  if (found == kDtypes.end()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("tensors of type {} cannot be converted", safetensors_dtype));
  }
  return found->second;
}

void write_weights(
    const fs::path& folder,
    const std::vector<Step>& steps,
    std::uint64_t total_parameters,
    std::uint64_t shard_bytes,
    const KeepGoing& keep_going) {
  Shards shards(folder, steps, shard_bytes);
  std::uint64_t done = 0;
  for (const Step& step : steps) {
    if (keep_going && !keep_going(done, shards.bytes())) {
      throw base::Error(base::ErrorCode::kCancelled, "the conversion was stopped");
    }
    const std::vector<mx::array> arrays = step.make();
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
      shards.write(step.outputs[i], arrays.at(i));
      done += step.outputs[i].bytes;
    }
  }
  shards.finish(total_parameters);
}

void write_documents(
    const fs::path& source, const fs::path& folder, const base::Json& quantization) {
  for (const auto& entry : fs::directory_iterator(source)) {
    const std::string name = entry.path().filename().string();
    const bool is_document = kDocuments.contains(entry.path().extension().string()) ||
                             name.starts_with("LICENSE") || name.starts_with("LICENCE");
    if (entry.is_regular_file() && is_document && !kNotCopied.contains(name)) {
      base::write_file_atomically(folder / name, base::read_file(entry.path()));
    }
  }
  const base::Json config =
      base::parse_json(base::read_file(source / "config.json"), "config.json");
  SortedJson sorted(config);
  sorted.erase("_name_or_path");
  sorted.erase("vision_config");  // whose weights are not written
  sorted.erase("quantization");
  sorted.erase("quantization_config");
  if (!quantization.is_null()) {
    sorted["quantization"] = SortedJson(quantization);
    sorted["quantization_config"] = sorted["quantization"];
  }
  base::write_file_atomically(folder / "config.json", sorted.dump(4) + "\n");
}

}  // namespace hub::convert
