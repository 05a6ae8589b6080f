#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Histogram;
class Registry;
struct MetricFamily;
template <typename T>
class Family;
}  // namespace prometheus

namespace hub::obs {

using Labels = std::map<std::string, std::string>;

// The series of one counter, by labels; they come to be when first used. Thread-safe.
class CounterFamily {
 public:
  explicit CounterFamily(prometheus::Family<prometheus::Counter>& family) : family_(&family) {}
  void add(const Labels& labels, double value = 1);

 private:
  prometheus::Family<prometheus::Counter>* family_;
};

// The same of a histogram.
class HistogramFamily {
 public:
  HistogramFamily(
      prometheus::Family<prometheus::Histogram>& family, std::vector<double> upper_bounds)
      : family_(&family), upper_bounds_(std::move(upper_bounds)) {}
  void observe(const Labels& labels, double value);
  // Values that were counted elsewhere: one count a bucket, the last above all bounds. Throws
  // std::length_error for another number of counts.
  void add(const Labels& labels, const std::vector<double>& counts, double sum);

 private:
  prometheus::Family<prometheus::Histogram>* family_;
  std::vector<double> upper_bounds_;
};

// What is looked up when somebody asks, instead of being counted as it happens.
class MetricSnapshot {
 public:
  MetricSnapshot();
  ~MetricSnapshot();
  // `help` of the first call for a name counts.
  void gauge(const std::string& name, const std::string& help, double value, Labels labels = {});
  void counter(const std::string& name, const std::string& help, double value, Labels labels = {});
  // `counts` of each bucket alone, the last above all bounds.
  void histogram(
      const std::string& name,
      const std::string& help,
      Labels labels,
      const std::vector<double>& upper_bounds,
      const std::vector<std::uint64_t>& counts,
      double sum);
  [[nodiscard]] std::vector<prometheus::MetricFamily> take();

 private:
  prometheus::MetricFamily& family(const std::string& name, const std::string& help);
  std::map<std::string, std::unique_ptr<prometheus::MetricFamily>> families_;
};

// A process's metrics in Prometheus' data model. Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Names and help as in docs/metrics.md; the families live as long as this. Throws
  // std::invalid_argument for a name that Prometheus does not allow.
  CounterFamily counter(const std::string& name, const std::string& help);
  HistogramFamily histogram(
      const std::string& name, const std::string& help, std::vector<double> upper_bounds);

  // Called at each text(), on its thread, in order.
  void on_scrape(std::function<void(MetricSnapshot&)> look);

  // Prometheus' text format, version 0.0.4.
  std::string text();

 private:
  std::unique_ptr<prometheus::Registry> registry_;
  std::mutex mutex_;
  std::vector<std::function<void(MetricSnapshot&)>> looks_;  // guarded by mutex_
};

// The first `most` names as they are, all further ones "other", so that what clients choose cannot
// make series without end. Thread-safe.
class BoundedNames {
 public:
  explicit BoundedNames(std::size_t most) : most_(most) {}
  std::string operator()(const std::string& name);

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::set<std::string> known_;  // guarded by mutex_
};

}  // namespace hub::obs
