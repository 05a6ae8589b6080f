#include "core/mlflow/wire.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::mlflow {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

std::string cut(std::string text, std::size_t bytes) {
  if (text.size() > bytes) {
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) {
      --bytes;
    }
    text.resize(bytes);
  }
  return text;
}

Json pairs(const Tags& tags, std::size_t longest) {
  Json list = Json::array();
  for (const auto& [key, value] : tags) {
    list.push_back({{"key", key}, {"value", cut(value, longest)}});
  }
  return list;
}

Json number(double value) {
  if (std::isnan(value)) {
    return "NaN";
  }
  if (std::isinf(value)) {
    return value > 0 ? "Infinity" : "-Infinity";
  }
  return value;
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("''") : std::string(1, c);
  }
  return out + "'";
}

std::string tag_filter(const std::string& tag, const std::string& value) {
  return fmt::format("tags.`{}` = {}", tag, in_quotes(value));
}

namespace {

// The server's words, from JSON or, where a proxy or a bug speaks, the beginning of the text.
struct Refusal {
  std::string code;
  std::string message;
};

Refusal refusal_of(const net::HttpResponse& response) {
  const Json body = Json::parse(response.body, nullptr, false);
  if (body.is_object() && body.contains("error_code") && body["error_code"].is_string()) {
    const auto message = body.find("message");
    const bool told = message != body.end() && message->is_string();
    return {body["error_code"].get<std::string>(), told ? message->get<std::string>() : ""};
  }
  return {"", cut(response.body, 200)};
}

}  // namespace

void refuse(const net::HttpResponse& response, const std::string& what) {
  const auto [code, message] = refusal_of(response);
  const std::string said = fmt::format(
      "MLflow refused {}: {} {}{}",
      what,
      response.status,
      code.empty() ? "" : code + ": ",
      message);
  const int status = response.status;
  if (status == 401 || status == 403) {
    throw Error(
        ErrorCode::kPermissionDenied,
        said,
        {},
        status == 401 ? "mlflow_denied" : "mlflow_forbidden");
  }
  // A body that it cannot parse is answered by 500 and a page: but ours are made by a library.
  if (status == 429 || status >= 500) {
    throw Error(ErrorCode::kUnavailable, said, {}, "mlflow_unavailable");
  }
  if (code == "RESOURCE_DOES_NOT_EXIST") {
    throw Error(ErrorCode::kNotFound, said, {}, "mlflow_refused");
  }
  if (code == "RESOURCE_ALREADY_EXISTS" || code == "ALREADY_EXISTS") {
    throw Error(ErrorCode::kConflict, said, {}, "mlflow_refused");
  }
  throw Error(ErrorCode::kUnprocessable, said, {}, "mlflow_refused");
}

std::string text_of(const Json& object, const char* key) {
  return JsonReader(object, "MLflow's answer").string(key);
}

const Json& object_of(const Json& object, const char* key) {
  const Json* found = JsonReader(object, "MLflow's answer").optional_object(key);
  if (found == nullptr) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("MLflow's answer has no '{}'", key),
        {},
        "mlflow_unavailable");
  }
  return *found;
}

Json first_of(const Json& answer, const char* key) {
  const auto list = answer.find(key);
  return list != answer.end() && list->is_array() && !list->empty() ? list->front() : Json();
}

}  // namespace hub::mlflow
