#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model_config/pooling.h"

namespace hub::engine {

using model_config::Pooling;

// Texts whose vectors are wanted.
struct EmbedRequest {
  std::string request_id;
  std::vector<std::vector<int>> inputs;  // token ids; at least one text of at least one token
  Pooling pooling = Pooling::kMean;
  std::optional<int> dimensions = std::nullopt;  // the vectors' first elements; absent: all
  bool normalize = true;                         // to length 1, after that
  // Id of an attached adapter (Engine::attach); absent: the base.
  std::optional<std::string> adapter = std::nullopt;
};

using Vectors = std::vector<std::vector<float>>;  // one for each text, in the order of the request

struct EmbedState;  // shared by the engine's thread and the reader

// Waits for one request's vectors; belongs to one thread. Destroying it ends the request within one
// step.
class PendingVectors {
 public:
  explicit PendingVectors(std::shared_ptr<EmbedState> state);
  ~PendingVectors();
  PendingVectors(PendingVectors&&) noexcept;
  PendingVectors& operator=(PendingVectors&&) = delete;

  // Waits. At most once. Throws what went wrong: kCancelled when it was ended early.
  [[nodiscard]] Vectors get();

  // When its first forward began: base::steady_seconds(); 0: it has not.
  [[nodiscard]] double began() const;

  // A function that ends the request early, callable from any thread and also after this is gone.
  [[nodiscard]] std::function<void()> canceller() const;

 private:
  std::shared_ptr<EmbedState> state_;
  std::future<Vectors> vectors_;
};

}  // namespace hub::engine
