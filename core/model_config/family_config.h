#pragma once

#include <string_view>

#include "core/model_config/config_fields.h"

namespace hub::model_config {

// What config.json of one family means beyond what all have in common.
struct FamilyConfig {
  std::string_view model_type;
  // What fields that may be absent are then, as the family's file in mlx_lm/models says.
  void (*set_defaults)(ModelConfig& config);
  // Reads what not all families have, and complains about what is not computed. Shape, context,
  // rotary embedding and the norms' eps are in `config` already.
  void (*read)(ModelConfig& config, Fields& fields);
};

// Null when there is no such family.
const FamilyConfig* find_family(std::string_view model_type);

}  // namespace hub::model_config
