// The tokenizer's files of a model folder: model_documents.h.
#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/gguf/model_documents.h"

namespace hub::gguf {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

// llama.cpp's kinds of tokens (llama.h, enum llama_token_type).
constexpr std::int64_t kUnknownToken = 2;
constexpr std::int64_t kControlToken = 3;
constexpr std::size_t kLongestPiece = 256;
// Llama 3's own pattern: contractions, words, up to three digits, signs, line ends, spaces.
constexpr const char* kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

[[noreturn]] void refuse(const GgufFile& file, const std::string& what) {
  throw Error(
      ErrorCode::kUnprocessable,
      fmt::format("{}: {}", file.path().filename().string(), what),
      {},
      "gguf_unsupported");
}

struct SpecialToken {
  std::size_t id;
  std::string text;
};

bool is_sentencepiece(const GgufFile& file) {
  return file.text("tokenizer.ggml.model") == "llama";
}

std::vector<SpecialToken> special_tokens(const GgufFile& file) {
  const auto& tokens = file.texts("tokenizer.ggml.tokens");
  const auto& types = file.integers("tokenizer.ggml.token_type");
  if (types.size() != tokens.size()) {
    refuse(file, fmt::format("{} tokens have {} types", tokens.size(), types.size()));
  }
  std::vector<SpecialToken> special;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (types[i] == kControlToken || (types[i] == kUnknownToken && is_sentencepiece(file))) {
      special.push_back({i, tokens[i]});
    }
  }
  return special;
}

std::optional<std::string> token(const GgufFile& file, const std::string& name) {
  const std::string key = fmt::format("tokenizer.ggml.{}_token_id", name);
  if (file.find(key) == nullptr) {
    return std::nullopt;
  }
  const auto& tokens = file.texts("tokenizer.ggml.tokens");
  const std::int64_t id = file.integer(key);
  if (id < 0 || static_cast<std::size_t>(id) >= tokens.size()) {
    refuse(file, fmt::format("{} is {}, there are {} tokens", key, id, tokens.size()));
  }
  return tokens[static_cast<std::size_t>(id)];
}

Json added_token(const std::string& text) {
  return {
      {"content", text},
      {"single_word", false},
      {"lstrip", false},
      {"rstrip", false},
      {"normalized", false},
      {"special", true}};
}

Json byte_level(bool add_prefix_space, bool use_regex) {
  return {
      {"type", "ByteLevel"},
      {"add_prefix_space", add_prefix_space},
      {"trim_offsets", true},
      {"use_regex", use_regex}};
}

Json sequence(const char* key, Json parts) {
  return {{"type", "Sequence"}, {key, std::move(parts)}};
}

// How llama.cpp's named pre-tokenizer cuts text.
Json pre_tokenizer(const GgufFile& file, const std::string& pre) {
  if (pre == "smollm") {  // every digit alone, then GPT-2's pattern
    return sequence(
        "pretokenizers",
        {{{"type", "Digits"}, {"individual_digits", true}}, byte_level(false, true)});
  }
  if (pre == "gpt-2") {
    return byte_level(false, true);
  }
  if (pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3") {
    return sequence(
        "pretokenizers",
        {{{"type", "Split"},
          {"pattern", {{"Regex", kLlama3Pattern}}},
          {"behavior", "Isolated"},
          {"invert", false}},
         byte_level(false, false)});
  }
  refuse(
      file,
      fmt::format(
          "the pre-tokenizer '{}' is not converted, only smollm, gpt-2 and llama-bpe",
          pre.substr(0, 60)));
}

// Puts the first token before each text, where the model was trained so.
Json post_processor(const GgufFile& file) {
  const Value* add = file.find("tokenizer.ggml.add_bos_token");
  const bool adds = add != nullptr && std::holds_alternative<bool>(*add) && std::get<bool>(*add);
  const auto bos = token(file, "bos");
  if (!adds || !bos) {
    return nullptr;
  }
  const Json special = {{"SpecialToken", {{"id", *bos}, {"type_id", 0}}}};
  return {
      {"type", "TemplateProcessing"},
      {"single", {special, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
      {"pair",
       {special,
        {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
        {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}}},
      {"special_tokens",
       {{*bos,
         {{"id", *bos},
          {"ids", {file.integer("tokenizer.ggml.bos_token_id")}},
          {"tokens", {*bos}}}}}}};
}

Json vocabulary(const GgufFile& file) {
  std::vector<std::pair<const std::string, Json>> entries;
  const auto& tokens = file.texts("tokenizer.ggml.tokens");
  entries.reserve(tokens.size());
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!seen.emplace(tokens[i], i).second) {
      refuse(
          file,
          fmt::format("token {} is there twice, as {} and {}", tokens[i], seen.at(tokens[i]), i));
    }
    entries.emplace_back(tokens[i], i);
  }
  Json json = Json::object();
  // Not one by one: an ordered object looks each new key up from its begin.
  static_cast<std::vector<std::pair<const std::string, Json>>&>(json.get_ref<Json::object_t&>()) =
      std::move(entries);
  return json;
}

Json bpe(Json vocab, Json merges, bool ignore_merges, bool byte_fallback, const Json& unknown) {
  return {
      {"type", "BPE"},
      {"dropout", nullptr},
      {"unk_token", unknown},
      {"continuing_subword_prefix", nullptr},
      {"end_of_word_suffix", nullptr},
      {"fuse_unk", byte_fallback},
      {"byte_fallback", byte_fallback},
      {"ignore_merges", ignore_merges},
      {"vocab", std::move(vocab)},
      {"merges", std::move(merges)}};
}

// The merges that SentencePiece's scores mean: every way to make a piece of two others, best piece
// first (transformers' SentencePieceExtractor does the same).
Json merges_by_score(const GgufFile& file) {
  const auto& tokens = file.texts("tokenizer.ggml.tokens");
  const auto& scores = file.numbers("tokenizer.ggml.scores");
  if (scores.size() != tokens.size()) {
    refuse(file, fmt::format("{} tokens have {} scores", tokens.size(), scores.size()));
  }
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    ids.emplace(tokens[i], i);
    if (std::isnan(scores[i])) {
      refuse(file, fmt::format("the score of token {} is no number", i));
    }
  }
  struct Merge {
    double score;
    std::size_t left;
    std::size_t right;
  };
  std::vector<Merge> merges;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view piece = tokens[i];
    for (std::size_t cut = 1; cut < std::min(piece.size(), kLongestPiece); ++cut) {
      const auto left = ids.find(piece.substr(0, cut));
      const auto right = ids.find(piece.substr(cut));
      if (left != ids.end() && right != ids.end()) {
        merges.push_back({scores[i], left->second, right->second});
      }
    }
  }
  std::sort(merges.begin(), merges.end(), [](const Merge& a, const Merge& b) {
    return std::tuple(b.score, a.left, a.right) < std::tuple(a.score, b.left, b.right);
  });
  Json json = Json::array();
  for (const Merge& merge : merges) {
    json.push_back(Json::array({tokens[merge.left], tokens[merge.right]}));
  }
  return json;
}

Json empty_document(const GgufFile& file) {
  Json added = Json::array();
  for (const SpecialToken& special : special_tokens(file)) {
    Json entry = {{"id", special.id}};
    entry.update(added_token(special.text));
    added.push_back(std::move(entry));
  }
  return {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", std::move(added)}};
}

Json sentencepiece_json(const GgufFile& file) {
  const std::string space = "\u2581";
  Json json = empty_document(file);
  json["normalizer"] = sequence(
      "normalizers",
      {{{"type", "Prepend"}, {"prepend", space}},
       {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", space}}});
  json["pre_tokenizer"] = nullptr;
  json["post_processor"] = post_processor(file);
  json["decoder"] = sequence(
      "decoders",
      {{{"type", "Replace"}, {"pattern", {{"String", space}}}, {"content", " "}},
       {{"type", "ByteFallback"}},
       {{"type", "Fuse"}},
       {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}});
  const auto unknown = token(file, "unknown");
  json["model"] =
      bpe(vocabulary(file),
          merges_by_score(file),
          false,
          true,
          unknown ? Json(*unknown) : Json(nullptr));
  return json;
}

}  // namespace

Json tokenizer_json(const GgufFile& file) {
  if (is_sentencepiece(file)) {
    return sentencepiece_json(file);
  }
  if (file.text("tokenizer.ggml.model") != "gpt2") {
    refuse(
        file,
        fmt::format(
            "the tokenizer '{}' is not converted, only gpt2 and llama",
            file.text("tokenizer.ggml.model").substr(0, 60)));
  }
  const std::string& pre = file.text("tokenizer.ggml.pre");
  Json json = empty_document(file);
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = pre_tokenizer(file, pre);
  // Of smollm's and GPT-2's family no model puts a token before the text.
  const bool is_llama3 = pre != "smollm" && pre != "gpt-2";
  json["post_processor"] = is_llama3 ? post_processor(file) : Json(nullptr);
  json["decoder"] = byte_level(true, true);
  json["model"] =
      bpe(vocabulary(file), file.texts("tokenizer.ggml.merges"), is_llama3, false, nullptr);
  return json;
}

Json tokenizer_config_json(const GgufFile& file) {
  Json decoder = Json::object();
  for (const SpecialToken& special : special_tokens(file)) {
    decoder[std::to_string(special.id)] = added_token(special.text);
  }
  Json json = {{"add_prefix_space", false}, {"added_tokens_decoder", std::move(decoder)}};
  const auto bos = token(file, "bos");
  const auto eos = token(file, "eos");
  Json additional = Json::array();
  for (const auto& one : {bos, eos}) {
    if (one) {
      additional.push_back(*one);
    }
  }
  json["additional_special_tokens"] = std::move(additional);
  const auto put = [&json](const char* key, const std::optional<std::string>& text) {
    if (text) {
      json[key] = *text;
    }
  };
  put("bos_token", bos);
  if (file.find("tokenizer.chat_template") != nullptr) {
    json["chat_template"] = file.text("tokenizer.chat_template");
  }
  json["clean_up_tokenization_spaces"] = false;
  put("eos_token", eos);
  json["model_max_length"] = file.integer("llama.context_length");
  put("pad_token", token(file, "padding"));
  json["tokenizer_class"] = "PreTrainedTokenizerFast";
  put("unk_token", token(file, "unknown"));
  return json;
}

}  // namespace hub::gguf
