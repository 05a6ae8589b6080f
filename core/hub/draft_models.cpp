#include "core/hub/draft_models.h"

#include <string>

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::hub {
namespace {

using base::Error;

const DraftChoice* choice_for(
    const std::vector<DraftChoice>& choices, const std::string& model_name) {
  const DraftChoice* found = nullptr;
  for (const DraftChoice& choice : choices) {
    const bool is_for_it = choice.model == model_name;
    if (is_for_it || (choice.model.empty() && (found == nullptr || found->model.empty()))) {
      found = &choice;
    }
  }
  return found;
}

[[noreturn]] void refuse(const std::string& why) {
  throw Error(
      base::ErrorCode::kUnprocessable,
      "draft_model: " + why,
      "draft_model",
      "draft_model_unusable");
}

registry::ResolvedModel resolve(const std::string& value, registry::ModelResolver& resolver) {
  try {
    return resolver.resolve(value);
  } catch (const Error& error) {  // whoever asks for another model cannot do anything about it
    refuse(error.what());
  }
}

}  // namespace

std::optional<DraftFolder> find_draft(
    const std::vector<DraftChoice>& choices,
    const ServedModel& model,
    registry::ModelResolver& resolver,
    const artifacts::ArtifactStore& artifacts) {
  const DraftChoice* choice = choice_for(choices, model.base_name);
  if (choice == nullptr) {
    return std::nullopt;
  }
  DraftFolder draft{.folder = choice->draft, .is_for_all = choice->model.empty()};
  if (choice->draft.find('/') == std::string::npos) {
    const registry::ResolvedModel resolved = resolve(choice->draft, resolver);
    if (resolved.adapter) {
      refuse(fmt::format("a whole model was wanted, '{}' is an adapter", choice->draft));
    }
    draft.version_id = resolved.base.id;
    draft.folder = artifacts.absolute(resolved.base.folder);
  }
  return draft;
}

}  // namespace hub::hub
