#pragma once

#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/mlflow/client.h"
#include "core/net/http_client.h"

// How MLflow's REST calls are written and read: for client*.cpp.
namespace hub::mlflow {

// mlflow/utils/validation.py, and what a server of 3.17 refused or cut.
inline constexpr std::size_t kMostItems = 1000;  // of one log-batch
inline constexpr std::size_t kMostParams = 100;
inline constexpr std::size_t kLongestParam = 6000;  // bytes
inline constexpr std::size_t kLongestTag = 8000;
inline constexpr std::size_t kLongestDigest = 36;

// At most `bytes` of UTF-8, cut between characters.
std::string cut(std::string text, std::size_t bytes);
// [{"key","value"}]
base::Json pairs(const Tags& tags, std::size_t longest);
// proto3's JSON has no bare NaN, and MLflow stores 0 for one.
base::Json number(double value);
// As a string in a search's filter, and the filter for a tag.
std::string in_quotes(std::string_view text);
std::string tag_filter(const std::string& tag, const std::string& value);

// Throws what an answer of 400 and above means (client.h).
[[noreturn]] void refuse(const net::HttpResponse& response, const std::string& what);
// Fields of an answer. Throw where they are missing.
std::string text_of(const base::Json& object, const char* key);
const base::Json& object_of(const base::Json& object, const char* key);
// The first element of a list in an answer; null where there is none.
base::Json first_of(const base::Json& answer, const char* key);

}  // namespace hub::mlflow
