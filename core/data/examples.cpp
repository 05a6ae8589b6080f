#include "core/data/examples.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/lenient_json.h"
#include "core/data/assistant_spans.h"
#include "core/data/chat_shapes.h"
#include "core/data/preference.h"
#include "core/data/row_shape.h"

namespace hub::data {
namespace {

using base::Json;

// A row's tokens before truncation.
struct Tokens {
  Example example;
  std::string problem;
};

// A token counts when all its bytes are the model's: one that also holds the prompt's last bytes is
// never produced alone. Both lists ascend.
Tokens mark_spans(text::Tokenizer::Encoding encoding, const std::vector<TextSpan>& spans) {
  Tokens result;
  result.example.trained.resize(encoding.ids.size(), 0);
  std::size_t span = 0;
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    const auto [begin, end] = encoding.offsets[i];
    while (span < spans.size() && spans[span].end <= begin) {
      ++span;
    }
    if (span < spans.size() && begin < end && begin >= spans[span].begin &&
        end <= spans[span].end) {
      result.example.trained[i] = 1;
    }
  }
  result.example.tokens = std::move(encoding.ids);
  return result;
}

Tokens all_trained(std::vector<int> ids) {
  Tokens result;
  result.example.trained.assign(ids.size(), 1);
  result.example.tokens = std::move(ids);
  return result;
}

// The text's end is learned, also where the tokenizer itself has written it.
void append_eos(Example& example, std::optional<int> eos) {
  if (eos && (example.tokens.empty() || example.tokens.back() != *eos)) {
    example.tokens.push_back(*eos);
    example.trained.push_back(1);
  } else if (eos) {
    example.trained.back() = 1;
  }
}

std::optional<int> eos_of(const std::filesystem::path& folder, const text::Tokenizer& tokenizer) {
  const std::filesystem::path path = folder / "tokenizer_config.json";
  if (!std::filesystem::exists(path)) {
    return std::nullopt;
  }
  const auto config = base::parse_json_if_valid(base::read_file(path));
  if (!config || !config->is_object() || !config->contains("eos_token")) {
    return std::nullopt;
  }
  Json token = config->at("eos_token");
  if (token.is_object() && token.contains("content")) {
    token = Json(token["content"]);
  }
  return token.is_string() ? tokenizer.token_to_id(token.get<std::string>()) : std::nullopt;
}

}  // namespace

std::size_t Example::trained_count() const {
  return static_cast<std::size_t>(std::count(trained.begin(), trained.end(), 1));
}

RowCounts counts_of(const Example& example) {
  RowCounts counts;
  counts.tokens = example.tokens.size();
  counts.trained = example.trained_count();
  if (example.rejected) {
    counts.rejected_tokens = example.rejected->tokens.size();
    counts.rejected_trained = example.rejected->trained_count();
  }
  return counts;
}

ExampleBuilder::ExampleBuilder(
    std::shared_ptr<const text::Tokenizer> tokenizer,
    std::shared_ptr<const text::ChatTemplate> chat_template,
    std::optional<int> eos,
    ExampleOptions options)
    : tokenizer_(std::move(tokenizer)),
      chat_template_(std::move(chat_template)),
      eos_(eos),
      options_(std::move(options)) {}

ExampleBuilder ExampleBuilder::load(
    const std::filesystem::path& folder, const ExampleOptions& options) {
  auto tokenizer = text::Tokenizer::load(folder);
  const std::optional<int> eos = eos_of(folder, *tokenizer);
  return {std::move(tokenizer), text::ChatTemplate::load(folder), eos, options};
}

namespace {

Tokens chat_tokens(
    const text::Tokenizer& tokenizer,
    const text::ChatTemplate& chat_template,
    const Json& row,
    const Json& messages,
    std::size_t first = 0) {
  const auto tools = row_tools(row);
  RenderedChat chat = render_chat(chat_template, messages, tools ? &*tools : nullptr, first);
  Tokens tokens = mark_spans(tokenizer.encode_with_offsets(chat.text), chat.assistant);
  tokens.problem = std::move(chat.problem);
  return tokens;
}

Tokens plain_completion(
    const text::Tokenizer& tokenizer,
    const std::string& prompt,
    const std::string& answer,
    std::optional<int> eos) {
  const std::string all = prompt + answer;
  Tokens tokens = mark_spans(
      tokenizer.encode_with_offsets(all, true), {{.begin = prompt.size(), .end = all.size()}});
  append_eos(tokens.example, eos);
  return tokens;
}

// Cut to the longest length, if then a trained token is left.
BuiltRow finish(Tokens tokens, const ExampleOptions& options, RowFormat format) {
  BuiltRow built;
  Example& example = tokens.example;
  if (options.train_on_prompt) {
    std::fill(example.trained.begin(), example.trained.end(), std::uint8_t{1});
    tokens.problem.clear();
  }
  built.problem = std::move(tokens.problem);
  built.full_length = example.tokens.size();
  const auto limit = static_cast<std::size_t>(std::max(options.max_seq_length, 0));
  built.truncated = built.full_length > limit;
  example.tokens.resize(std::min(built.full_length, limit));
  example.trained.resize(example.tokens.size());
  if (!example.trained.empty()) {
    example.trained[0] = 0;
  }
  if (example.trained_count() > 0) {
    built.example = std::move(example);
  } else if (built.truncated) {
    built.problem = fmt::format(
        "skipped: nothing to train on is left of {} tokens after cutting at max_seq_length {}",
        built.full_length,
        limit);
  } else if (built.problem.empty()) {
    const bool turns = format == RowFormat::kChat || format == RowFormat::kShareGpt;
    built.problem = turns ? "skipped: no assistant message has a token to train on"
                          : "skipped: it has no token to train on";
  }
  return built;
}

// Two answers as one row.
BuiltRow join(BuiltRow chosen, BuiltRow rejected) {
  BuiltRow pair;
  pair.full_length = std::max(chosen.full_length, rejected.full_length);
  pair.truncated = chosen.truncated || rejected.truncated;
  for (const auto& [name, half] :
       {std::pair("chosen", &chosen), std::pair("rejected", &rejected)}) {
    if (pair.problem.empty() && !half->problem.empty()) {
      pair.problem = fmt::format("with '{}' as the answer: {}", name, half->problem);
    }
  }
  if (!chosen.example || !rejected.example) {
    return pair;
  }
  if (chosen.example->tokens == rejected.example->tokens) {
    pair.problem = fmt::format(
        "skipped: 'chosen' and 'rejected' are the same{}",
        pair.truncated ? " after cutting at max_seq_length" : "");
    return pair;
  }
  pair.example = *std::move(chosen.example);
  pair.example->rejected = std::make_shared<const Example>(*std::move(rejected.example));
  return pair;
}

}  // namespace

BuiltRow ExampleBuilder::build_pair(const Json& row) const {
  const auto finished = [this](Tokens tokens) {
    return finish(std::move(tokens), options_, RowFormat::kPreference);
  };
  if (chat_template_ == nullptr) {
    if (!is_plain_preference(row)) {
      BuiltRow refused;
      refused.problem =
          "the model has no chat template, so it can be trained on 'prompt', 'chosen' and "
          "'rejected' that are texts without 'system', but not on messages";
      return refused;
    }
    const auto plain = [&](const char* answer) {
      return finished(plain_completion(*tokenizer_, row.at("prompt"), row.at(answer), eos_));
    };
    return join(plain("chosen"), plain("rejected"));
  }
  const Json pair = preference_pair(row);
  const auto chat = [&](const char* answer) {
    return finished(
        chat_tokens(*tokenizer_, *chat_template_, row, pair.at(answer), pair.at("shared")));
  };
  return join(chat("chosen"), chat("rejected"));
}

BuiltRow ExampleBuilder::build(const Row& row) const {
  BuiltRow built;
  Tokens tokens;
  try {
    const Json json = base::parse_json(row.json, "the line");
    if (row.format == RowFormat::kPreference) {
      return build_pair(json);
    }
    if (row.format == RowFormat::kText) {
      tokens = all_trained(tokenizer_->encode(json.at("text").get<std::string>(), true));
      append_eos(tokens.example, eos_);
    } else if (chat_template_ != nullptr) {
      tokens = chat_tokens(*tokenizer_, *chat_template_, json, row_messages(json, row.format));
    } else if (row.format == RowFormat::kCompletion) {
      tokens = plain_completion(*tokenizer_, json.at("prompt"), json.at("completion"), eos_);
    } else if (row.format == RowFormat::kChoice) {
      tokens = plain_completion(
          *tokenizer_, json.at("prompt"), json.at("choices").at(answer_index(json)), eos_);
    } else if (row.format == RowFormat::kAlpaca) {
      tokens = plain_completion(*tokenizer_, alpaca_prompt(json), json.at("output"), eos_);
    } else {
      built.problem = fmt::format(
          "the model has no chat template, so it cannot be trained on {}", fields_of(row.format));
      return built;
    }
  } catch (const base::Error& error) {
    built.problem = error.what();
    return built;
  }
  return finish(std::move(tokens), options_, row.format);
}

ExampleReport read_examples(
    const std::filesystem::path& file, const ExampleBuilder& builder, const TakeExample& take) {
  ExampleReport report;
  Problems of_rows;
  bool is_checked = false;
  const auto build = [&](const Row& row) {
    if (!is_checked) {  // all rows of a file have one format
      check_objective(builder.options().objective, to_string(row.format));
      is_checked = true;
    }
    BuiltRow built = builder.build(row);
    report.truncated += built.truncated ? 1 : 0;
    if (!built.problem.empty()) {
      of_rows.add(row.line, std::move(built.problem));
    }
    if (built.example) {
      ++report.examples;
      take(*std::move(built.example));
    } else {
      ++report.skipped;
    }
  };
  Dataset dataset = read_rows(file, build);
  if (!is_checked) {
    check_objective(builder.options().objective, dataset.format());
  }
  report.problems = std::move(dataset.problems);
  report.problems.add(of_rows);
  report.digest = std::move(dataset.digest);
  return report;
}

ExampleSet read_examples(const std::filesystem::path& file, const ExampleBuilder& builder) {
  ExampleSet set;
  set.report = read_examples(
      file, builder, [&set](Example example) { set.examples.push_back(std::move(example)); });
  return set;
}

}  // namespace hub::data
