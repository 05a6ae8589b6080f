#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/db/statement.h"
#include "core/registry/records.h"

namespace hub::registry {

enum class ModelOrder : std::uint8_t { kCreated, kName, kUpdated };

// All conditions must hold; absent ones always do.
struct ModelQuery {
  std::optional<std::string> name_contains{};  // without regard to case
  std::optional<std::string>
      text{};  // in the name, the description, a tag's key or value; as above
  std::vector<std::pair<std::string, std::optional<std::string>>> tags{};  // no value: any
  std::optional<VersionState> state{};                                     // of the current version
  std::optional<VersionKind> kind{};
  std::optional<std::string> architecture{};
  std::optional<std::string> base{};  // the base as registered, or a model that its adapters go on
  ModelOrder order = ModelOrder::kCreated;
  bool descending = false;
  std::string after{};  // `next` of the page before
  int limit = 50;
};

struct VersionQuery {
  std::optional<std::string> model_id{};
  std::optional<std::string> name_contains{};  // of the model
  std::optional<VersionKind> kind{};
  std::optional<VersionState> state{};
  std::optional<std::string> digest{};
  std::optional<std::string> dataset_digest{};
  std::string after{};
  int limit = 50;
};

// The WHERE part of a statement and its values while they are put together.
class Conditions {
 public:
  // `condition` holds {} where the value goes.
  void add(std::string_view condition, const std::string& value);
  void add(const std::string& condition);
  // Keeps a value that conditions name as ?<the number returned>.
  std::size_t keep(const std::string& value);
  // "" or "WHERE … AND … ".
  [[nodiscard]] const std::string& text() const { return text_; }
  void bind_to(db::Statement& statement) const;

 private:
  std::string text_{};
  std::vector<std::string> values_{};
};

// Over `models AS m`. Throws kInvalidArgument (param "cursor") for an `after` that no page of this
// order gave.
Conditions conditions_of(const ModelQuery& query);
// Over `versions AS v JOIN models AS m`.
Conditions conditions_of(const VersionQuery& query);
// The terms of ORDER BY, and what `after` of the page after `model` is.
std::string order_of(const ModelQuery& query);
std::string cursor_of(const Model& model, ModelOrder order);

}  // namespace hub::registry
