#include "core/hub/key_metrics.h"

namespace hub::hub {
namespace {

constexpr std::size_t kMostKeys = 50;

}  // namespace

KeyMetrics::KeyMetrics(obs::Metrics& metrics)
    : names_(kMostKeys),
      requests_(metrics.counter("mlx_hub_key_requests_total", "Requests with an API key")),
      refused_(metrics.counter(
          "mlx_hub_key_refused_requests_total", "Requests beyond a limit of their API key")),
      tokens_(metrics.counter("mlx_hub_key_tokens_total", "Tokens of requests with an API key")) {}

void KeyMetrics::admitted(const std::string& key) {
  requests_.add({{"key", names_(key)}});
}

void KeyMetrics::refused(const std::string& key, registry::KeyLimit limit) {
  refused_.add({{"key", names_(key)}, {"limit", std::string(to_string(limit))}});
}

void KeyMetrics::tokens(const std::string& key, std::int64_t prompt, std::int64_t completion) {
  const std::string name = names_(key);
  tokens_.add({{"key", name}, {"gen_ai_token_type", "input"}}, static_cast<double>(prompt));
  tokens_.add({{"key", name}, {"gen_ai_token_type", "output"}}, static_cast<double>(completion));
}

}  // namespace hub::hub
