#include "core/model_config/merge_params.h"

#include <nlohmann/json.hpp>

#include "core/base/json_reader.h"

namespace hub::model_config {

MergeParams MergeParams::from_json(const base::Json& json, const std::string& path) {
  const base::JsonReader reader(json, path);
  reader.refuse_unknown({"dequantize", "check"});
  MergeParams params;
  params.dequantize = reader.optional_bool("dequantize").value_or(false);
  params.check = reader.optional_bool("check").value_or(true);
  return params;
}

base::Json MergeParams::to_json() const {
  base::Json json = base::Json::object();
  json["dequantize"] = dequantize;
  json["check"] = check;
  return json;
}

}  // namespace hub::model_config
