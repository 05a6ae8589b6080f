#include "api/handlers/metric_files.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdio>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace hub::api {
namespace {

using base::Json;

constexpr std::uint32_t kPolynomial = 0x82F63B78U;  // Castagnoli's, bits reversed
constexpr std::uint32_t kMask = 0xA282EAD8U;        // TFRecord's

bool is_figure(const std::string& name, const Json& value) {
  return name != "step" && name != "time" && name != "ordinal" && value.is_number();
}

std::string text_of(const Json& report, const char* key) {
  const auto found = report.find(key);
  return found != report.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t step_of(const Json& report) {
  const auto found = report.find("step");
  return found != report.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

// Seconds since 1970 of "2026-11-23T10:15:30.123Z"; 0 for anything else.
double seconds_of(const std::string& time) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  double second = 0.0;
  if (std::sscanf(
          time.c_str(), "%d-%u-%uT%d:%d:%lf", &year, &month, &day, &hour, &minute, &second) != 6) {
    return 0.0;
  }
  const std::chrono::year_month_day date{
      std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<double>(days) * 86400.0 + hour * 3600.0 + minute * 60.0 + second;
}

// Protocol buffers' wire format, the four kinds of fields that an event has.
class Message {
 public:
  void varint(int field, std::uint64_t value) {
    key(field, 0);
    number(value);
  }
  void fixed64(int field, double value) {
    key(field, 1);
    little(std::bit_cast<std::uint64_t>(value), 8);
  }
  void fixed32(int field, float value) {
    key(field, 5);
    little(std::bit_cast<std::uint32_t>(value), 4);
  }
  void bytes(int field, std::string_view value) {
    key(field, 2);
    number(value.size());
    bytes_ += value;
  }
  void little(std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) {
      bytes_ += static_cast<char>((value >> (8 * i)) & 0xFFU);
    }
  }
  [[nodiscard]] const std::string& text() const { return bytes_; }

 private:
  void key(int field, unsigned kind) { number((static_cast<std::uint64_t>(field) << 3U) | kind); }
  void number(std::uint64_t value) {
    for (; value >= 0x80U; value >>= 7U) {
      bytes_ += static_cast<char>((value & 0x7FU) | 0x80U);
    }
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

std::uint32_t masked(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15U) | (crc << 17U)) + kMask;
}

std::string record(const std::string& event) {
  Message length;
  length.little(event.size(), 8);
  Message frame;
  frame.little(masked(length.text()), 4);
  Message end;
  end.little(masked(event), 4);
  return length.text() + frame.text() + event + end.text();
}

// tensorflow/core/util/event.proto and summary.proto: wall_time 1, step 2, file_version 3, summary
// 5; Summary.value 1; Value.tag 1, simple_value 2.
std::string scalar_event(double time, std::int64_t step, const std::string& name, double value) {
  Message scalar;
  scalar.bytes(1, "train/" + name);
  scalar.fixed32(2, static_cast<float>(value));
  Message summary;
  summary.bytes(1, scalar.text());
  Message event;
  event.fixed64(1, time);
  event.varint(2, static_cast<std::uint64_t>(step));
  event.bytes(5, summary.text());
  return event.text();
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < made.size(); ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) {
        value = (value >> 1U) ^ ((value & 1U) != 0 ? kPolynomial : 0U);
      }
      made.at(i) = value;
    }
    return made;
  }();
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc = table.at((crc ^ static_cast<unsigned char>(byte)) & 0xFFU) ^ (crc >> 8U);
  }
  return ~crc;
}

std::string metrics_csv(std::span<const Json> reports) {
  std::vector<std::string> names;
  for (const Json& report : reports) {
    for (const auto& [name, value] : report.items()) {
      if (is_figure(name, value) && std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(name);
      }
    }
  }
  std::string text = "step,time";
  for (const std::string& name : names) {
    text += "," + name;
  }
  text += "\r\n";
  for (const Json& report : reports) {
    text += fmt::format("{},{}", step_of(report), text_of(report, "time"));
    for (const std::string& name : names) {
      const auto found = report.find(name);
      text += ",";
      if (found != report.end() && found->is_number()) {
        text += found->dump();
      }
    }
    text += "\r\n";
  }
  return text;
}

std::string metrics_tfevents(std::span<const Json> reports) {
  Message first;
  first.fixed64(1, reports.empty() ? 0.0 : seconds_of(text_of(reports.front(), "time")));
  first.bytes(3, "brain.Event:2");
  std::string file = record(first.text());
  for (const Json& report : reports) {
    const double time = seconds_of(text_of(report, "time"));
    for (const auto& [name, value] : report.items()) {
      if (is_figure(name, value)) {
        file += record(scalar_event(time, step_of(report), name, value.get<double>()));
      }
    }
  }
  return file;
}

}  // namespace hub::api
