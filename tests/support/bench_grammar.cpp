// Times grammars on a model's tokenizer: compiling, the mask of each step, taking a token. One JSON
// object a line; scripts/bench_grammar.py builds, runs and prints it. Not part of the product.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/unit/text/grammar_cases.h"
#include "tests/unit/text/grammar_walk.h"

namespace hub::text {
namespace {

// Of this thread's processor time: what others take of a busy machine does not count.
double now() {
  std::timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

double microseconds(const std::function<void()>& action) {
  const double start = now();
  action();
  return now() - start;
}

double share(std::vector<double>& times, double part) {
  std::ranges::sort(times);
  return times.empty()
             ? 0
             : times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
}

// Random answers until there are enough steps; each answer begins with cold caches, as a request's.
void measure(const GrammarModel& model, GrammarSpec::Kind kind, const GrammarCase& grammar) {
  const GrammarSpec spec{.kind = kind, .text = std::string(grammar.text)};
  std::shared_ptr<const Grammar> compiled;
  // Compiling has a thread of its own, so by the clock.
  const auto start = std::chrono::steady_clock::now();
  compiled = model.compiler.compile(spec);
  const std::chrono::duration<double, std::micro> compile =
      std::chrono::steady_clock::now() - start;
  std::vector<double> begins;
  std::vector<double> clones;
  std::vector<double> masks;
  std::vector<double> accepts;
  std::vector<std::uint32_t> mask(model.words());
  unsigned seed = 0;
  for (; masks.size() < 3000 && seed < 400; ++seed) {
    GrammarState state(*compiled);
    begins.push_back(microseconds([&] { state = GrammarState(*compiled); }));
    GrammarWalk walk(model, state, seed);
    walk.run([](GrammarState&, const auto&) {});
    for (const int id : walk.ids()) {
      masks.push_back(microseconds([&] { state.fill_mask(mask); }));
      accepts.push_back(microseconds([&] { state.accept(id); }));
    }
    clones.push_back(microseconds([&] { static_cast<void>(state.clone()); }));
  }
  const nlohmann::ordered_json line = {
      {"name", grammar.name},
      {"compile_us", compile.count()},
      {"begin_us", share(begins, 0.5)},
      {"clone_us", share(clones, 0.5)},
      {"steps", masks.size()},
      {"answers", seed},
      {"mask_median_us", share(masks, 0.5)},
      {"mask_p99_us", share(masks, 0.99)},
      {"mask_max_us", share(masks, 1)},
      {"accept_median_us", share(accepts, 0.5)},
      {"accept_p99_us", share(accepts, 0.99)}};
  fmt::print("{}\n", line.dump());
  std::fflush(stdout);
}

void measure_all(const std::string& folder) {
  const auto tokenizer = Tokenizer::load(folder);
  const int logits = tokenizer->vocabulary_size();
  std::unique_ptr<GrammarModel> model;
  const double start = microseconds([&] {
    model.reset(new GrammarModel{.tokenizer = tokenizer, .logits = logits, .ends = {2}});
  });
  fmt::print("{}\n", nlohmann::ordered_json{{"logits", logits}, {"start_us", start}}.dump());
  for (const GrammarCase& schema : kSchemas) {
    measure(*model, GrammarSpec::Kind::kJsonSchema, schema);
  }
  measure(*model, GrammarSpec::Kind::kJsonObject, {.name = "json_object", .text = ""});
  for (const GrammarCase& regex : kRegexes) {
    measure(*model, GrammarSpec::Kind::kRegex, regex);
  }
  measure(*model, GrammarSpec::Kind::kLark, {.name = "lark_sums", .text = kArithmetic});
}

}  // namespace
}  // namespace hub::text

int main(int argc, char** argv) {
  try {
    if (argc != 2) {
      fmt::print(stderr, "wanted: the folder of a tokenizer.json whose token 2 ends an answer\n");
      return 2;
    }
    hub::text::measure_all(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
