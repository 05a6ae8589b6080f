#include "core/obs/metrics.h"

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hub::obs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, CountersAndHistogramsAreWrittenAsPrometheusReadsThem) {
  Metrics metrics;
  CounterFamily counter = metrics.counter("hub_things_total", "Things");
  counter.add({{"kind", "a"}});
  counter.add({{"kind", "a"}}, 2);
  counter.add({{"kind", "b\"\n"}});
  HistogramFamily histogram = metrics.histogram("hub_wait_seconds", "Waits", {0.1, 1});
  histogram.observe({}, 0.1);  // a bound is within its bucket
  histogram.observe({}, 0.5);
  histogram.observe({}, 7);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# HELP hub_things_total Things\n# TYPE hub_things_total counter\n"));
  EXPECT_THAT(text, HasSubstr("hub_things_total{kind=\"a\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("hub_things_total{kind=\"b\\\"\\n\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hub_wait_seconds_bucket{le=\"0.1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hub_wait_seconds_bucket{le=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("hub_wait_seconds_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("hub_wait_seconds_count 3\n"));
}

TEST(MetricsTest, CountsFromElsewhereAreAddedToTheirBuckets) {
  Metrics metrics;
  HistogramFamily histogram = metrics.histogram("hub_wait_seconds", "Waits", {0.1, 1});
  histogram.add({}, {2, 1, 1}, 9.5);
  EXPECT_THROW(histogram.add({}, {2, 1}, 1), std::length_error);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("hub_wait_seconds_bucket{le=\"1\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("hub_wait_seconds_count 4\n"));
  EXPECT_THAT(text, HasSubstr("hub_wait_seconds_sum 9.5\n"));
}

TEST(MetricsTest, WhatIsLookedUpIsAskedAtEachScrape) {
  Metrics metrics;
  int scrapes = 0;
  metrics.on_scrape([&scrapes](MetricSnapshot& snapshot) {
    snapshot.gauge("hub_now", "Now", ++scrapes, {{"a", "1"}});
    snapshot.gauge("hub_now", "Now", 0, {{"a", "2"}});
    snapshot.counter("hub_ever_total", "Ever", 5);
    snapshot.histogram("hub_times_seconds", "Times", {}, {1, 2}, {1, 2, 3}, 4.5);
  });
  static_cast<void>(metrics.text());
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# TYPE hub_now gauge\nhub_now{a=\"1\"} 2\nhub_now{a=\"2\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE hub_ever_total counter\nhub_ever_total 5\n"));
  EXPECT_THAT(text, HasSubstr("hub_times_seconds_bucket{le=\"2\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("hub_times_seconds_bucket{le=\"+Inf\"} 6\n"));
}

TEST(MetricsTest, ANameThatPrometheusDoesNotAllowIsRefused) {
  Metrics metrics;
  EXPECT_THROW(metrics.counter("hub-things", "Things"), std::invalid_argument);
}

TEST(BoundedNamesTest, FurtherNamesAreOne) {
  BoundedNames names(2);
  EXPECT_EQ(names("a"), "a");
  EXPECT_EQ(names("b"), "b");
  EXPECT_EQ(names("c"), "other");
  EXPECT_EQ(names("a"), "a");
}

TEST(MetricsTest, ManyThreadsCountTogether) {
  Metrics metrics;
  CounterFamily counter = metrics.counter("hub_things_total", "Things");
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&counter] {
      for (int n = 0; n < 1000; ++n) {
        counter.add({{"kind", std::to_string(n % 3)}});
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    static_cast<void>(metrics.text());
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(metrics.text(), HasSubstr("hub_things_total{kind=\"0\"} 1336\n"));
}

}  // namespace
}  // namespace hub::obs
