// What keys and values in few bits, and activations in 8 bits, cost and change, on a model and a
// text. One JSON object a line;
// scripts/bench_kv_cache.py builds, runs and prints it. Not part of the product.
//
//   hub_bench_kv_cache MODEL_FOLDER TOKENS.json ROUNDS CACHED…
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/models/attend.h"
#include "core/models/language_model.h"

namespace hub::models {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kChunk = 256;
constexpr int kSteps = 12;  // of one round

struct Kind {
  int kv_bits;
  int activation_bits;
};
const std::vector<Kind> kKinds{{0, 32}, {8, 32}, {4, 32}, {0, 8}, {8, 8}};

// By the bits of their activations.
struct Models {
  std::unique_ptr<LanguageModel> floats;
  std::unique_ptr<LanguageModel> rounding;

  [[nodiscard]] const LanguageModel& of(const Kind& kind) const {
    return kind.activation_bits == 8 ? *rounding : *floats;
  }
};

mx::array ids_of(const std::vector<int>& tokens, int begin, int end) {
  return mx::array(tokens.data() + begin, mx::Shape{end - begin}, mx::int32);
}

// The hidden states of tokens [begin, end), which go into the cache; evaluated.
mx::array read(
    const LanguageModel& model,
    const std::vector<int>& tokens,
    int begin,
    int end,
    KvCache& cache) {
  const std::vector<SequenceRows> rows{{&cache, end - begin}};
  cache.reserve(end - begin);
  const mx::array hidden = model.hidden(ids_of(tokens, begin, end), cached_attend(model, rows), {});
  std::vector<mx::array> all = cache.arrays();
  all.push_back(hidden);
  mx::eval(all);
  cache.advance(end - begin);
  return hidden;
}

struct Quality {
  double surprise = 0;    // -log p of the text's tokens, summed
  double divergence = 0;  // KL(floats || bits), summed
  int same_best = 0;
};

// Log probabilities of every position, [rows, vocabulary].
mx::array log_probabilities(const LanguageModel& model, const mx::array& hidden) {
  const mx::array logits = model.logits(hidden, {});
  return mx::subtract(logits, mx::logsumexp(logits, 1, true));
}

void add(Quality& sum, const mx::array& wanted, const mx::array& got, const mx::array& next) {
  const mx::array picked = mx::take_along_axis(got, mx::expand_dims(next, 1), 1);
  const mx::array surprise = mx::negative(mx::sum(picked));
  const mx::array divergence = mx::sum(mx::multiply(mx::exp(wanted), mx::subtract(wanted, got)));
  const mx::array same =
      mx::sum(mx::astype(mx::equal(mx::argmax(wanted, 1), mx::argmax(got, 1)), mx::int32));
  mx::eval({surprise, divergence, same});
  sum.surprise += surprise.item<float>();
  sum.divergence += divergence.item<float>();
  sum.same_best += same.item<int>();
}

void measure_quality(const Models& models, const std::vector<int>& tokens) {
  std::vector<KvCache> caches;
  caches.reserve(kKinds.size());
  for (const Kind& kind : kKinds) {
    caches.emplace_back(models.floats->config(), KvCacheOptions{.bits = kind.kv_bits});
  }
  std::vector<Quality> sums(kKinds.size());
  const int last = static_cast<int>(tokens.size()) - 1;
  for (int begin = 0; begin < last; begin += kChunk) {
    const int end = std::min(begin + kChunk, last);
    const mx::array next = ids_of(tokens, begin + 1, end + 1);
    const LanguageModel& model = *models.floats;
    const mx::array floats = log_probabilities(model, read(model, tokens, begin, end, caches[0]));
    mx::eval(floats);
    add(sums[0], floats, floats, next);
    for (std::size_t i = 1; i < kKinds.size(); ++i) {
      const LanguageModel& other = models.of(kKinds[i]);
      add(sums[i],
          floats,
          log_probabilities(other, read(other, tokens, begin, end, caches[i])),
          next);
    }
  }
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    fmt::print(
        "{{\"bits\": {}, \"activation_bits\": {}, \"tokens\": {}, \"perplexity\": {:.5f}, \"kl\": "
        "{:.3e}, "
        "\"same_best\": {:.5f}, \"bytes_per_token\": {}}}\n",
        kKinds[i].kv_bits,
        kKinds[i].activation_bits,
        last,
        std::exp(sums[i].surprise / last),
        sums[i].divergence / last,
        static_cast<double>(sums[i].same_best) / last,
        kv_bytes_per_token(*models.floats, {.bits = kKinds[i].kv_bits}));
    std::fflush(stdout);
  }
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Steps of one token each with the same number of cached ones, and the prompt before them; the
// kinds take turns, so that what else the machine does meets all of them.
void measure_speed(const Models& models, const std::vector<int>& tokens, int cached, int rounds) {
  std::vector<std::vector<double>> steps(kKinds.size());
  std::vector<std::vector<double>> prompts(kKinds.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < kKinds.size(); ++i) {
      const LanguageModel& model = models.of(kKinds[i]);
      KvCache cache(model.config(), {.bits = kKinds[i].kv_bits});
      const auto begun = Clock::now();
      for (int begin = 0; begin < cached; begin += kChunk) {
        read(model, tokens, begin, std::min(begin + kChunk, cached), cache);
      }
      prompts[i].push_back(std::chrono::duration<double>(Clock::now() - begun).count());
      for (int step = 0; step < kSteps; ++step) {
        const auto start = Clock::now();
        mx::eval(model.logits(read(model, tokens, cached, cached + 1, cache), {}));
        steps[i].push_back(std::chrono::duration<double>(Clock::now() - start).count());
        cache.trim(cached);
      }
    }
  }
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    fmt::print(
        "{{\"bits\": {}, \"activation_bits\": {}, \"cached\": {}, \"decode_tok_s\": {:.2f}, "
        "\"best_decode_tok_s\": {:.2f}, "
        "\"prompt_tok_s\": {:.1f}}}\n",
        kKinds[i].kv_bits,
        kKinds[i].activation_bits,
        cached,
        1.0 / median(steps[i]),
        1.0 / *std::ranges::min_element(steps[i]),
        cached / median(prompts[i]));
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace hub::models

int main(int argc, char** argv) {
  using namespace hub::models;  // NOLINT(google-build-using-namespace)
  if (argc < 4) {
    fmt::print(stderr, "usage: hub_bench_kv_cache MODEL_FOLDER TOKENS.json ROUNDS CACHED...\n");
    return 2;
  }
  const Models models{load_model(argv[1]), load_model(argv[1], {.activation_bits = 8})};
  const auto tokens =
      hub::base::parse_json(hub::base::read_file(argv[2]), argv[2]).get<std::vector<int>>();
  measure_quality(models, tokens);
  for (int i = 4; i < argc; ++i) {
    measure_speed(models, tokens, std::stoi(argv[i]), std::stoi(argv[3]));
  }
  return 0;
}
