#include "api/handlers/list_filters.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "api/handlers/request_json.h"
#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::array<std::pair<std::string_view, registry::ModelOrder>, 3> kOrders{
    {{"created", registry::ModelOrder::kCreated},
     {"name", registry::ModelOrder::kName},
     {"updated", registry::ModelOrder::kUpdated}}};

// nullopt when absent or empty.
std::optional<std::string> given(const Request& request, const char* name) {
  std::string value = request.query_value(name);
  return value.empty() ? std::nullopt : std::optional(std::move(value));
}

[[noreturn]] void refuse(const char* name, std::string_view wanted, const std::string& got) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("query parameter '{}' must be {}, got \"{}\"", name, wanted, got.substr(0, 60)),
      name);
}

std::optional<registry::VersionState> read_state(const Request& request) {
  const auto word = given(request, "state");
  if (!word) {
    return std::nullopt;
  }
  const auto state = registry::version_state_from(*word);
  if (!state) {
    refuse("state", "one of pending, ready, corrupt", *word);
  }
  return state;
}

std::optional<registry::VersionKind> read_kind(const Request& request) {
  const auto word = given(request, "kind");
  return word ? std::optional(read_version_kind(*word, "kind")) : std::nullopt;
}

// "name" or "-name".
void read_order(const Request& request, registry::ModelQuery& query) {
  const auto word = given(request, "sort");
  if (!word) {
    return;
  }
  query.descending = word->starts_with('-');
  const std::string_view name = std::string_view(*word).substr(query.descending ? 1 : 0);
  const auto* found = std::find_if(
      kOrders.begin(), kOrders.end(), [&](const auto& order) { return order.first == name; });
  if (found == kOrders.end()) {
    refuse("sort", "created, name or updated, or one of them with '-' before it", *word);
  }
  query.order = found->second;
}

// "task:chat,draft": every one of them; without a colon any value will do.
void read_tags(const Request& request, registry::ModelQuery& query) {
  std::string rest = request.query_value("tag");
  while (!rest.empty()) {
    const std::string tag = rest.substr(0, rest.find(','));
    rest = tag.size() == rest.size() ? "" : rest.substr(tag.size() + 1);
    const std::size_t colon = tag.find(':');
    if (tag.empty() || colon == 0) {
      refuse(
          "tag", "key:value, or key, or several with commas between", request.query_value("tag"));
    }
    query.tags.emplace_back(
        tag.substr(0, colon),
        colon == std::string::npos ? std::nullopt : std::optional(tag.substr(colon + 1)));
  }
}

}  // namespace

registry::VersionKind read_version_kind(const std::string& word, const std::string& field) {
  const auto kind = registry::version_kind_from(word);
  if (!kind) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be one of base, adapter, merged, quantized, got \"{}\"",
            field,
            word.substr(0, 60)),
        field);
  }
  return *kind;
}

registry::ModelQuery read_model_query(const Request& request) {
  refuse_unknown_query(
      request,
      {"limit", "cursor", "sort", "name", "q", "tag", "state", "kind", "architecture", "base"});
  const Page page = read_page(request);
  registry::ModelQuery query;
  query.limit = page.limit;
  query.after = page.cursor;
  query.name_contains = given(request, "name");
  query.text = given(request, "q");
  query.state = read_state(request);
  query.kind = read_kind(request);
  query.architecture = given(request, "architecture");
  query.base = given(request, "base");
  read_order(request, query);
  read_tags(request, query);
  return query;
}

registry::VersionQuery read_version_query(
    hub::Hub& hub, const Request& request, const std::string& model_id) {
  if (model_id.empty()) {
    refuse_unknown_query(
        request, {"limit", "cursor", "kind", "state", "digest", "dataset", "model"});
  } else {
    refuse_unknown_query(request, {"limit", "cursor", "kind", "state", "digest", "dataset"});
  }
  const Page page = read_page(request);
  registry::VersionQuery query;
  query.limit = page.limit;
  query.after = id_cursor(page);
  query.kind = read_kind(request);
  query.state = read_state(request);
  query.digest = given(request, "digest");
  if (!model_id.empty()) {
    query.model_id = model_id;
  } else if (const auto model = given(request, "model")) {
    query.model_id = hub.models.get_model(*model).id;
  }
  if (const auto dataset = given(request, "dataset")) {
    query.dataset_digest = hub.datasets.get(*dataset).digest;
  }
  return query;
}

}  // namespace hub::api
