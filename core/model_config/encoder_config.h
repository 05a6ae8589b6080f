#pragma once

#include <filesystem>
#include <string_view>

#include "core/model_config/config_fields.h"
#include "core/model_config/layer_shape.h"

// Text encoders: BERT (arXiv:1810.04805) and RoBERTa (arXiv:1907.11692), as transformers' classes
// BertModel, RobertaModel and XLMRobertaModel read and name them.
namespace hub::model_config {

void set_encoder_defaults(ModelConfig& config);
void read_bert(ModelConfig& config, Fields& fields);
void read_roberta(ModelConfig& config, Fields& fields);

// Whether `model_type` is one of theirs.
bool is_encoder_type(std::string_view model_type);

// What sentence-transformers' files beside config.json say: how tokens are pooled
// (1_Pooling/config.json, which a version's flat folder holds as 1_Pooling_config.json), how long
// the texts are that an encoder was trained with (sentence_bert_config.json). Throws kUnprocessable
// for a pooling that is not computed, and for an encoder with a further layer behind
// (modules.json).
void read_sentence_files(ModelConfig& config, const std::filesystem::path& folder);

// As layer_shape.h has them, of a config with `encoder`.
LayerShape encoder_layer(const ModelConfig& config);
LayerShape encoder_outer(const ModelConfig& config);
bool is_dropped_of_encoder(std::string_view tensor);

}  // namespace hub::model_config
