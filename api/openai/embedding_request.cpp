#include "api/openai/embedding_request.h"

#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/openai/keep_alive.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

using Encoding = EmbeddingRequest::Encoding;
using engine::Pooling;

constexpr std::array kEncodings{
    std::pair{std::string_view("float"), Encoding::kFloat},
    std::pair{std::string_view("base64"), Encoding::kBase64}};
constexpr std::array kPoolings{
    std::pair{std::string_view("mean"), Pooling::kMean},
    std::pair{std::string_view("last"), Pooling::kLast},
    std::pair{std::string_view("cls"), Pooling::kCls}};

// The value of `field`, one of `known`; nullopt when it is absent.
template <typename Value, std::size_t Count>
std::optional<Value> read_name(
    const JsonReader& body,
    std::string_view field,
    const std::array<std::pair<std::string_view, Value>, Count>& known) {
  const std::optional<std::string> name = body.optional_string(field);
  if (!name) {
    return std::nullopt;
  }
  std::string names;
  for (const auto& [text, value] : known) {
    if (text == *name) {
      return value;
    }
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", text);
  }
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("'{}' must be one of {}, got '{}'", field, names, *name),
      std::string(field));
}

void refuse_empty(const std::vector<Prompt>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto* text = std::get_if<std::string>(&inputs[i]);
    if (text != nullptr && text->empty()) {
      const std::string path = inputs.size() == 1 ? "input" : fmt::format("input[{}]", i);
      throw Error(
          ErrorCode::kInvalidArgument, fmt::format("'{}' must not be an empty string", path), path);
    }
  }
}

}  // namespace

EmbeddingRequest EmbeddingRequest::from_json(const Json& body) {
  const JsonReader reader(body);
  EmbeddingRequest request;
  request.model = reader.optional_string("model").value_or("");
  request.encoding = read_name(reader, "encoding_format", kEncodings).value_or(Encoding::kFloat);
  request.pooling = read_name(reader, "pooling", kPoolings);
  request.normalize = reader.optional_bool("normalize").value_or(true);
  request.keep_alive_seconds = read_keep_alive(reader);
  if (const auto dimensions =
          reader.optional_int("dimensions", 1, std::numeric_limits<int>::max())) {
    request.dimensions = static_cast<int>(*dimensions);
  }
  static_cast<void>(reader.optional_string("user"));
  request.inputs = read_prompts(reader.value("input"), "input", kMaxInputs);
  refuse_empty(request.inputs);
  return request;
}

}  // namespace hub::api
