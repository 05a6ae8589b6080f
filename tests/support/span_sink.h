#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "core/obs/span_exporter.h"
#include "tests/support/fake_server.h"

namespace hub::test {

// An exporter whose receiver keeps what it got. Everything is sent at the end, at once.
class SpanSink {
 public:
  [[nodiscard]] obs::SpanExporter& exporter() { return exporter_; }
  [[nodiscard]] std::uint64_t waiting() const { return exporter_.counts().waiting; }

  // Ends the exporter. What was exported, by name, of which each is there once.
  std::map<std::string, base::Json> spans() {
    exporter_.stop();
    std::map<std::string, base::Json> spans;
    for (const std::string& request : server_.requests()) {
      const base::Json body = base::Json::parse(request.substr(request.find("\r\n\r\n") + 4));
      for (const base::Json& span : body["resourceSpans"][0]["scopeSpans"][0]["spans"]) {
        EXPECT_TRUE(spans.emplace(span["name"].get<std::string>(), span).second) << span;
      }
    }
    return spans;
  }
  // As the protocol writes its value; "absent".
  static std::string attribute(const base::Json& span, const std::string& key) {
    for (const base::Json& entry : span["attributes"]) {
      if (entry["key"] == key) {
        return entry["value"].dump();
      }
    }
    return "absent";
  }

  // For an exporter of one's own.
  [[nodiscard]] obs::SpanExporter::Options options() const {
    obs::SpanExporter::Options options;
    options.endpoint = server_.url("");
    options.interval = std::chrono::seconds(60);
    return options;
  }

 private:
  FakeServer server_{std::vector<std::string>(4, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")};
  obs::SpanExporter exporter_{options()};
};

}  // namespace hub::test
