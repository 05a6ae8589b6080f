#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/data/dataset.h"
#include "core/data/examples.h"
#include "tests/unit/text/golden.h"

namespace hub::data {

using base::Json;
using text::TempFolder;

inline base::Error thrown_by(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return base::Error(base::ErrorCode::kInternal, "");
}

inline Dataset read_lines(const std::string& bytes, const ReadLimits& limits = {}) {
  const TempFolder folder;
  folder.write("data.jsonl", bytes);
  return read_dataset(folder.path() / "data.jsonl", limits);
}

inline ExampleSet examples_of(const std::string& bytes, const ExampleBuilder& builder) {
  const TempFolder folder;
  folder.write("data.jsonl", bytes);
  return read_examples(folder.path() / "data.jsonl", builder);
}

inline Row row_of(const Json& json) {
  return read_lines(json.dump()).rows.at(0);
}

inline Json message(const std::string& role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

// The small Llama-3-like tokenizer (bytes of its own alphabet, BOS and EOS), loaded once.
inline std::shared_ptr<const text::Tokenizer> small_tokenizer() {
  static const auto tokenizer = text::Tokenizer::load(text::tokenizer_folder("split_style"));
  return tokenizer;
}

inline std::shared_ptr<const text::ChatTemplate> template_of(
    const std::string& source, Json config = Json::object()) {
  const TempFolder folder;
  config["chat_template"] = source;
  folder.write("tokenizer_config.json", config.dump());
  return text::ChatTemplate::load(folder.path());
}

inline std::shared_ptr<const text::ChatTemplate> golden_template(const std::string& name) {
  return template_of(
      base::read_file(text::golden_folder() / "templates" / (name + ".jinja")),
      {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
}

inline ExampleBuilder builder_with(
    const std::shared_ptr<const text::ChatTemplate>& chat_template,
    const ExampleOptions& options = {}) {
  return {small_tokenizer(), chat_template, small_tokenizer()->token_to_id("<|eot_id|>"), options};
}

// The trained tokens' text, runs joined by "|".
inline std::string trained_text(const Example& example, const text::Tokenizer& tokenizer) {
  std::string all;
  std::vector<int> run;
  for (std::size_t i = 0; i <= example.tokens.size(); ++i) {
    if (i < example.tokens.size() && example.trained[i] != 0) {
      run.push_back(example.tokens[i]);
    } else if (!run.empty()) {
      all += (all.empty() ? "" : "|") + tokenizer.decode(run, false);
      run.clear();
    }
  }
  return all;
}

}  // namespace hub::data
