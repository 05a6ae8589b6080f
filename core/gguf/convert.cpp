#include "core/gguf/convert.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/gguf/affine.h"
#include "core/gguf/dequantize.h"
#include "core/gguf/gguf_file.h"
#include "core/gguf/llama_names.h"
#include "core/gguf/model_documents.h"
#include "core/model_config/safetensors_writer.h"

namespace hub::gguf {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using model_config::PlannedTensor;
using model_config::SafetensorsWriter;

constexpr std::uint64_t kChunkBytes = 8ULL << 20U;

// The bits of a matrix after conversion; 0: its values stay as they are.
int packed_bits(const TensorInfo& tensor) {
  switch (tensor.type) {
    case TensorType::kF32:
    case TensorType::kF16:
    case TensorType::kBF16:
      return 0;
    case TensorType::kQ40:
    case TensorType::kQ41:
    case TensorType::kQ2K:
    case TensorType::kQ3K:
    case TensorType::kQ4K:
      return 4;
    case TensorType::kQ50:
    case TensorType::kQ51:
    case TensorType::kQ80:
    case TensorType::kQ5K:
    case TensorType::kQ6K:
      return 8;
  }
  return 0;
}

std::string module_of(const std::string& name) {
  return name.substr(0, name.rfind('.'));
}

// A tensor of the file and its name on the Hub.
struct Source {
  const TensorInfo* tensor;
  std::string name;
  int bits;
  std::uint64_t head_rows;  // of interleaved rows; 0: in order
};

// Writes the tensors of one file, a few megabytes at a time. One thread.
class Conversion {
 public:
  explicit Conversion(const GgufFile& file) : file_(file) {
    const auto heads = positive("llama.attention.head_count");
    const auto kv_heads = file.find("llama.attention.head_count_kv") == nullptr
                              ? heads
                              : positive("llama.attention.head_count_kv");
    for (const TensorInfo& tensor : file.tensors()) {
      if (tensor.name == "rope_freqs.weight") {
        continue;  // it is in config.json's rope_scaling
      }
      const auto name = hub_name(tensor.name);
      if (!name || tensor.shape.size() > 2) {
        fail(fmt::format("the tensor {} has no place in a llama", tensor.name));
      }
      Source source{&tensor, *name, packed_bits(tensor), 0};
      const std::uint64_t count = interleaved_heads(tensor.name, heads, kv_heads);
      const std::uint64_t rows = tensor.shape.front();
      if (count > 0) {
        if (rows % (2 * count) != 0) {
          fail(fmt::format("{} has {} rows for {} heads", tensor.name, rows, count));
        }
        source.head_rows = rows / count;
      }
      if (source.bits > 0 && tensor.shape.size() != 2) {
        fail(fmt::format("{} is quantized, but no matrix", tensor.name));
      }
      sources_.push_back(std::move(source));
    }
    if (sources_.empty()) {
      fail("it holds no tensors");
    }
  }

  [[nodiscard]] bool tied() const {
    return std::none_of(sources_.begin(), sources_.end(), [](const Source& source) {
      return source.name == "lm_head.weight";
    });
  }

  [[nodiscard]] QuantizedModules quantized() const {
    QuantizedModules modules;
    for (const Source& source : sources_) {
      if (source.bits > 0) {
        modules.bits[module_of(source.name)] = source.bits;
      } else if (source.tensor->shape.size() == 2) {
        modules.unquantized.push_back(module_of(source.name));
      }
    }
    return modules;
  }

  [[nodiscard]] ConversionReport report() const {
    ConversionReport report;
    report.tensors = sources_.size();
    for (const Source& source : sources_) {
      const std::string type(traits(source.tensor->type).name);
      ++report.types[type];
      if (source.bits > 0 && repacked_bits(source.tensor->type) == 0) {
        report.requantized.push_back({source.name, type, source.bits});
      }
    }
    return report;
  }

  void write(
      const std::filesystem::path& path,
      const std::function<bool(std::uint64_t, std::uint64_t)>& on_progress) {
    std::uint64_t total = 0;
    for (const Source& source : sources_) {
      total += source.tensor->bytes;
    }
    SafetensorsWriter writer(path, planned());
    std::uint64_t done = 0;
    for (const Source& source : sources_) {
      write(writer, source, [&](std::uint64_t bytes) {
        done += bytes;
        if (on_progress && !on_progress(done, total)) {
          throw Error(ErrorCode::kCancelled, "the conversion was stopped", {}, "cancelled");
        }
      });
    }
    writer.finish();
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(
        ErrorCode::kUnprocessable,
        fmt::format("{}: {}", file_.path().filename().string(), what),
        {},
        "gguf_unsupported");
  }

  [[nodiscard]] std::uint64_t positive(const std::string& key) const {
    const std::int64_t value = file_.integer(key);
    if (value < 1 || value > (1 << 20)) {
      fail(fmt::format("{} is {}", key, value));
    }
    return static_cast<std::uint64_t>(value);
  }

  [[nodiscard]] std::vector<PlannedTensor> planned() const {
    std::vector<PlannedTensor> tensors;
    for (const Source& source : sources_) {
      const TensorInfo& tensor = *source.tensor;
      if (source.bits == 0) {
        tensors.push_back(
            {source.name, std::string(traits(tensor.type).name), tensor.shape, tensor.bytes});
        continue;
      }
      const std::string module = module_of(source.name);
      const std::uint64_t rows = tensor.rows();
      const std::uint64_t groups = tensor.columns() / kGroupValues;
      const std::uint64_t words = groups * static_cast<std::uint64_t>(source.bits);
      tensors.push_back({source.name, "U32", {rows, words}, rows * words * 4});
      tensors.push_back({module + ".scales", "F16", {rows, groups}, rows * groups * 2});
      tensors.push_back({module + ".biases", "F16", {rows, groups}, rows * groups * 2});
    }
    return tensors;
  }

  void write(
      SafetensorsWriter& writer,
      const Source& source,
      const std::function<void(std::uint64_t)>& on_bytes) {
    const TensorInfo& tensor = *source.tensor;
    // A vector is so many rows of one value, so that biases of q and k can be put in order, too.
    const bool is_vector = tensor.shape.size() == 1;
    const std::uint64_t rows = is_vector ? tensor.columns() : tensor.rows();
    const std::uint64_t row_bytes = tensor.bytes / rows;
    const std::uint64_t unit = std::max<std::uint64_t>(source.head_rows, 1);
    const std::uint64_t step = std::max<std::uint64_t>(kChunkBytes / row_bytes / unit, 1) * unit;
    std::vector<std::uint8_t> bytes;
    for (std::uint64_t row = 0; row < rows; row += step) {
      const std::uint64_t count = std::min(step, rows - row);
      bytes.resize(static_cast<std::size_t>(count * row_bytes));
      file_.read(tensor, row * row_bytes, bytes);
      if (source.head_rows > 0) {
        bytes = in_order(bytes, count, row_bytes, source.head_rows);
      }
      if (source.bits == 0) {
        writer.write(source.name, row * row_bytes, bytes.data(), bytes.size());
      } else {
        write_packed(writer, source, bytes, row, count);
      }
      on_bytes(bytes.size());
    }
  }

  static std::vector<std::uint8_t> in_order(
      const std::vector<std::uint8_t>& bytes,
      std::uint64_t rows,
      std::uint64_t row_bytes,
      std::uint64_t head_rows) {
    std::vector<std::uint8_t> ordered(bytes.size());
    for (std::uint64_t row = 0; row < rows; ++row) {
      const auto from = static_cast<std::ptrdiff_t>(source_row(row, head_rows) * row_bytes);
      std::copy_n(
          bytes.begin() + from,
          row_bytes,
          ordered.begin() + static_cast<std::ptrdiff_t>(row * row_bytes));
    }
    return ordered;
  }

  static void write_packed(
      SafetensorsWriter& writer,
      const Source& source,
      const std::vector<std::uint8_t>& bytes,
      std::uint64_t row,
      std::uint64_t count) {
    const std::uint64_t columns = source.tensor->columns();
    const std::uint64_t groups = columns / kGroupValues;
    const std::uint64_t words = groups * static_cast<std::uint64_t>(source.bits);
    std::vector<std::uint32_t> packed(count * words);
    std::vector<std::uint16_t> scales(count * groups);
    std::vector<std::uint16_t> biases(count * groups);
    const AffineRows out{packed, scales, biases};
    try {
      if (repacked_bits(source.tensor->type) > 0) {
        repack(source.tensor->type, bytes, out);
      } else {
        std::vector<float> values(count * columns);
        dequantize(source.tensor->type, bytes, values);
        quantize(values, source.bits, out);
      }
    } catch (const Error& error) {
      throw Error(
          error.code(), fmt::format("{}: {}", source.name, error.what()), {}, error.reason());
    }
    const std::string module = module_of(source.name);
    writer.write(source.name, row * words * 4, packed.data(), packed.size() * 4);
    writer.write(module + ".scales", row * groups * 2, scales.data(), scales.size() * 2);
    writer.write(module + ".biases", row * groups * 2, biases.data(), biases.size() * 2);
  }

  const GgufFile& file_;
  std::vector<Source> sources_;
};

}  // namespace

Json ConversionReport::to_json() const {
  Json anew = Json::object();
  for (const Requantized& one : requantized) {
    Json& entry = anew[one.from];
    entry = {
        {"tensors", entry.is_null() ? 1 : entry["tensors"].get<int>() + 1}, {"bits", one.bits}};
  }
  Json counts = Json::object();
  for (const auto& [type, count] : types) {
    counts[type] = count;
  }
  return {{"tensors", tensors}, {"types", std::move(counts)}, {"requantized", std::move(anew)}};
}

std::string ConversionReport::note() const {
  if (requantized.empty()) {
    return {};
  }
  std::map<std::string, std::pair<int, int>> by_type;
  for (const Requantized& one : requantized) {
    ++by_type[one.from].first;
    by_type[one.from].second = one.bits;
  }
  std::vector<std::string> parts;
  parts.reserve(by_type.size());
  for (const auto& [type, counted] : by_type) {
    parts.push_back(fmt::format("{} of {} to {} bits", counted.first, type, counted.second));
  }
  return fmt::format(
      "{} of {} tensors were re-quantized, since MLX has no form for their type: {}",
      requantized.size(),
      tensors,
      fmt::join(parts, ", "));
}

ConversionReport convert(
    const std::filesystem::path& gguf,
    const std::filesystem::path& folder,
    const std::function<bool(std::uint64_t, std::uint64_t)>& on_progress) {
  const GgufFile file(gguf);
  if (file.find("general.architecture") != nullptr &&
      file.text("general.architecture") != "llama") {
    static_cast<void>(config_json(file, true, {}));  // says so
  }
  Conversion conversion(file);
  const Json config = config_json(file, conversion.tied(), conversion.quantized());
  const std::map<std::string, Json> documents{
      {"config.json", config},
      {"generation_config.json", generation_config_json(config)},
      {"tokenizer.json", tokenizer_json(file)},
      {"tokenizer_config.json", tokenizer_config_json(file)}};
  for (const auto& [name, document] : documents) {
    base::write_file_atomically(
        folder / name, document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  }
  conversion.write(folder / "model.safetensors", on_progress);
  return conversion.report();
}

}  // namespace hub::gguf
