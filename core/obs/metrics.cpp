#include "core/obs/metrics.h"

#include <limits>
#include <stdexcept>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace hub::obs {

void CounterFamily::add(const Labels& labels, double value) {
  family_->Add(labels).Increment(value);
}

void HistogramFamily::observe(const Labels& labels, double value) {
  family_->Add(labels, upper_bounds_).Observe(value);
}

void HistogramFamily::add(const Labels& labels, const std::vector<double>& counts, double sum) {
  if (counts.size() != upper_bounds_.size() + 1) {
    throw std::length_error("counts of other buckets than the histogram's");
  }
  family_->Add(labels, upper_bounds_).ObserveMultiple(counts, sum);
}

MetricSnapshot::MetricSnapshot() = default;
MetricSnapshot::~MetricSnapshot() = default;

namespace {

prometheus::ClientMetric with_labels(Labels labels) {
  prometheus::ClientMetric metric;
  for (auto& [name, value] : labels) {
    metric.label.push_back({name, value});
  }
  return metric;
}

}  // namespace

prometheus::MetricFamily& MetricSnapshot::family(const std::string& name, const std::string& help) {
  auto& family = families_[name];
  if (!family) {
    family = std::make_unique<prometheus::MetricFamily>();
    family->name = name;
    family->help = help;
  }
  return *family;
}

void MetricSnapshot::gauge(
    const std::string& name, const std::string& help, double value, Labels labels) {
  prometheus::ClientMetric metric = with_labels(std::move(labels));
  metric.gauge.value = value;
  auto& to = family(name, help);
  to.type = prometheus::MetricType::Gauge;
  to.metric.push_back(std::move(metric));
}

void MetricSnapshot::counter(
    const std::string& name, const std::string& help, double value, Labels labels) {
  prometheus::ClientMetric metric = with_labels(std::move(labels));
  metric.counter.value = value;
  auto& to = family(name, help);
  to.type = prometheus::MetricType::Counter;
  to.metric.push_back(std::move(metric));
}

void MetricSnapshot::histogram(
    const std::string& name,
    const std::string& help,
    Labels labels,
    const std::vector<double>& upper_bounds,
    const std::vector<std::uint64_t>& counts,
    double sum) {
  prometheus::ClientMetric metric = with_labels(std::move(labels));
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const double bound =
        i < upper_bounds.size() ? upper_bounds[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({total, bound});
  }
  metric.histogram.sample_count = total;
  metric.histogram.sample_sum = sum;
  auto& to = family(name, help);
  to.type = prometheus::MetricType::Histogram;
  to.metric.push_back(std::move(metric));
}

std::vector<prometheus::MetricFamily> MetricSnapshot::take() {
  std::vector<prometheus::MetricFamily> families;
  families.reserve(families_.size());
  for (auto& [name, family] : families_) {
    families.push_back(std::move(*family));
  }
  families_.clear();
  return families;
}

Metrics::Metrics() : registry_(std::make_unique<prometheus::Registry>()) {}
Metrics::~Metrics() = default;

CounterFamily Metrics::counter(const std::string& name, const std::string& help) {
  return CounterFamily(prometheus::BuildCounter().Name(name).Help(help).Register(*registry_));
}

HistogramFamily Metrics::histogram(
    const std::string& name, const std::string& help, std::vector<double> upper_bounds) {
  return {
      prometheus::BuildHistogram().Name(name).Help(help).Register(*registry_),
      std::move(upper_bounds)};
}

void Metrics::on_scrape(std::function<void(MetricSnapshot&)> look) {
  const std::lock_guard lock(mutex_);
  looks_.push_back(std::move(look));
}

std::string Metrics::text() {
  MetricSnapshot snapshot;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& look : looks_) {
      look(snapshot);
    }
  }
  std::vector<prometheus::MetricFamily> families = registry_->Collect();
  for (auto& family : snapshot.take()) {
    families.push_back(std::move(family));
  }
  return prometheus::TextSerializer().Serialize(families);
}

std::string BoundedNames::operator()(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (known_.contains(name)) {
    return name;
  }
  if (known_.size() >= most_) {
    return "other";
  }
  known_.insert(name);
  return name;
}

}  // namespace hub::obs
