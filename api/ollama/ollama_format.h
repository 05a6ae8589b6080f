#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/openai/answer_format.h"

namespace hub::api {

// Answers of Ollama's POST /api/chat and POST /api/generate: one JSON object, or a stream of them,
// a line each, the last with "done": true and the durations in nanoseconds. One choice. A call
// whose arguments are no JSON object is text.
class OllamaFormat final : public WireFormat {
 public:
  enum class Route : std::uint8_t { kChat, kGenerate };
  OllamaFormat(AnswerHead head, Route route);

  [[nodiscard]] std::string whole(
      const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const override;
  [[nodiscard]] std::string_view stream_type() const override { return kNdjson; }
  [[nodiscard]] std::string opening(int index) override;
  [[nodiscard]] std::string piece(int index, const AnswerPiece& piece) override;
  [[nodiscard]] std::string ending(const AnswerUsage& usage) override;
  [[nodiscard]] std::string failure(const base::Error& error) override;
  [[nodiscard]] std::string keep_alive() override { return {}; }

 private:
  [[nodiscard]] base::Json object(
      const AnswerPiece& piece, const std::vector<chat::ToolCall>& calls) const;
  std::string told_call();
  void finish(base::Json& object, std::string_view finish_reason, const AnswerUsage& usage) const;

  const AnswerHead head_;
  const Route route_;
  std::string finish_reason_;
  std::optional<chat::ToolCall> call_;  // that is being read: calls are told whole
  bool said_ = false;                   // a stream has told text
};

// {"error": message}, one line without its end.
std::string ollama_error(std::string_view message);

// The answer to a request that only loads or unloads a model; `reason`: "load", "unload".
std::string ollama_load_answer(
    OllamaFormat::Route route, const std::string& model, const std::string& reason);

// The answers of POST /api/embed and POST /api/embeddings.
struct OllamaEmbedding {
  const std::vector<std::vector<float>>& vectors;
  std::string model;
  std::int64_t prompt_tokens = 0;
  double seconds = 0.0;
  double load_seconds = 0.0;
};
std::string ollama_embed_answer(const OllamaEmbedding& embedding);
std::string ollama_embeddings_answer(const OllamaEmbedding& embedding);

}  // namespace hub::api
