#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/commands.h"
#include "api/server/uri.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/net/sse_reader.h"

namespace hub::api {
namespace {

using base::Json;

constexpr auto kFirstPause = std::chrono::milliseconds(200);
constexpr auto kLongestPause = std::chrono::milliseconds(5'000);
// A server that restarts comes back within this time; else watching ends with its error.
constexpr int kMostFailures = 10;
constexpr auto kReportInterval = std::chrono::seconds(5);

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

double number(const Json& object, const char* key, double otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : otherwise;
}

Json part(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : Json::object();
}

bool has_ended(const std::string& state) {
  return state == "COMPLETED" || state == "FAILED" || state == "CANCELLED";
}

std::string dash(const std::string& value) {
  return value.empty() ? "-" : value;
}

std::string progress_text(const Json& job) {
  const Json progress = part(job, "progress");
  const auto total = static_cast<std::int64_t>(number(progress, "total", 0));
  return total > 0
             ? fmt::format("{}/{}", static_cast<std::int64_t>(number(progress, "step", 0)), total)
             : "-";
}

// "step 10  train_loss 1.234  0.52 it/s  210 tok/s": what of it is there.
std::string metric_text(const Json& metric) {
  std::vector<std::string> words;
  const auto add = [&metric, &words](const char* key, fmt::format_string<double> format) {
    const auto found = metric.find(key);
    if (found != metric.end() && found->is_number()) {
      words.push_back(fmt::format(format, found->get<double>()));
    }
  };
  add("step", "step {:.0f}");
  add("train_loss", "train_loss {:.4f}");
  add("eval_loss", "eval_loss {:.4f}");
  add("reward_accuracy", "reward_accuracy {:.2f}");
  add("eval_reward_accuracy", "eval_reward_accuracy {:.2f}");
  add("iterations_per_second", "{:.2f} it/s");
  add("tokens_per_second", "{:.0f} tok/s");
  return fmt::format("{}", fmt::join(words, "  "));
}

// Follows one job's events; knows what was seen so far.
class JobWatch {
 public:
  JobWatch(HubClient& client, Console& console, std::string_view id, bool json)
      : client_(client),
        console_(console),
        path_("/jobs/" + percent_encode(id)),
        json_(json),
        line_(console) {}

  Json follow() {
    Json job = client_.get(path_);
    int failures = 0;
    auto pause = kFirstPause;
    while (!has_ended(text(job, "state"))) {
      show_waiting(text(job, "state"), text(job, "reason"));
      const std::string before = reader_.last_id();
      try {
        client_.events(path_ + "/events", nullptr, reader_, [this](const auto& event) {
          return on_event(event);
        });
        job = client_.get(path_);
        failures = 0;
      } catch (const base::Error& error) {
        if (error.code() != base::ErrorCode::kUnavailable || ++failures > kMostFailures) {
          throw;
        }
      }
      if (reader_.last_id() != before) {
        pause = kFirstPause;
      }
      if (!has_ended(text(job, "state"))) {
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, kLongestPause);
      }
    }
    return job;
  }

 private:
  // False once the job has ended.
  bool on_event(const net::SseReader::Event& event) {
    const Json record = Json::parse(event.data, nullptr, false);
    if (!record.is_object()) {
      return true;
    }
    if (json_) {
      console_.out << event.data << std::endl;
    }
    const std::string type = text(record, "type");
    const Json data = part(record, "data");
    if (type == "job.completed" || type == "job.failed" || type == "job.cancelled") {
      return false;
    }
    if (json_) {
      return true;
    }
    if (type == "job.progress" && text(data, "unit") == "bytes") {
      show_transfer(data);
    } else if (type == "job.progress") {
      line_.progress(
          static_cast<std::int64_t>(number(data, "step", 0)),
          static_cast<std::int64_t>(number(data, "total", 0)),
          number(data, "eta_seconds", -1));
    } else if (type == "job.metric") {
      if (const std::string report = metric_text(data); !report.empty()) {
        line_.report(report);
      }
    } else if (type == "job.sample") {
      line_.report(
          fmt::format(
              "step {}  {} → {}",
              static_cast<std::int64_t>(number(data, "step", 0)),
              Json(text(data, "prompt")).dump(),
              Json(text(data, "text")).dump()));
    } else if (type == "job.started") {
      line_.note("running");
      waiting_ = "";
    } else if (type == "job.waiting") {
      show_waiting("QUEUED", text(data, "reason"));
    }
    return true;
  }

  // A download or upload: sizes, files and speed.
  void show_transfer(const Json& data) {
    const double done = number(data, "step", 0);
    const double total = number(data, "total", 0);
    line_.progress(
        static_cast<std::int64_t>(done),
        static_cast<std::int64_t>(total),
        number(data, "eta_seconds", -1),
        ProgressLine::Unit::kBytes);
    const auto now = std::chrono::steady_clock::now();
    if (!console_.terminal && done < total && now < next_report_) {
      return;  // a line a second is too much for a log
    }
    next_report_ = now + kReportInterval;
    const double speed = number(data, "bytes_per_second", 0);
    std::string report = size_text(static_cast<std::uint64_t>(speed)) + "/s";
    if (data.contains("files_done")) {
      report += fmt::format(
          ", {:.0f} of {:.0f} files",
          number(data, "files_done", 0),
          number(data, "files_total", 0));
    }
    if (!console_.terminal) {
      report = fmt::format(
          "{} of {}, {}",
          size_text(static_cast<std::uint64_t>(done)),
          size_text(static_cast<std::uint64_t>(total)),
          report);
    }
    line_.report(report);
  }

  void show_waiting(const std::string& state, const std::string& reason) {
    if (!json_ && state == "QUEUED" && reason != waiting_) {
      waiting_ = reason;
      line_.note(reason.empty() ? "queued" : "queued: " + reason);
    }
  }

  HubClient& client_;
  Console& console_;
  const std::string path_;
  const bool json_;
  ProgressLine line_;
  net::SseReader reader_;
  std::string waiting_ = "?";  // the reason shown last
  std::chrono::steady_clock::time_point next_report_;
};

std::string result_text(const Json& job) {
  const Json result = part(job, "result");
  if (text(job, "type") == "push") {
    return fmt::format("pushed: {}", text(part(job, "details"), "url"));
  }
  if (result.empty()) {
    return "completed";
  }
  const auto version = static_cast<std::int64_t>(number(result, "version", 0));
  return fmt::format(
      "completed: model {} version {}; try it with: mlx-hub run {} \"…\"",
      text(result, "model"),
      version,
      text(result, "model"));
}

}  // namespace

int submit_job_command(
    HubClient& client, Console& console, const Json& body, bool watch, bool json) {
  const Json job = client.post("/jobs", body);
  const std::string id = base::JsonReader(job).string("id");
  if (watch) {
    console.err << fmt::format("job {}", id) << std::endl;
    return watch_job_command(client, console, id, json);
  }
  if (json) {
    console.out << job.dump(2) << std::endl;
  } else {
    console.out << id << std::endl;
    console.err << fmt::format("queued; follow it with: mlx-hub jobs watch {}", id) << std::endl;
  }
  return 0;
}

int list_jobs_command(HubClient& client, Console& console, std::size_t limit, bool json) {
  const Json jobs = client.list("/jobs", limit);
  if (json) {
    console.out << jobs.dump(2) << std::endl;
    return 0;
  }
  if (jobs["data"].empty()) {
    console.err << "no jobs yet" << std::endl;
    return 0;
  }
  std::vector<std::vector<std::string>> rows{
      {"ID", "TYPE", "STATE", "STEP", "MODEL", "RESULT", "CREATED"}};
  for (const Json& job : jobs["data"]) {
    const std::string state = text(job, "state");
    const bool completed = state == "COMPLETED";
    rows.push_back(
        {text(job, "id"),
         dash(text(job, "type")),
         state,
         progress_text(job),
         dash(text(job, "model")),
         dash(completed ? text(part(job, "result"), "model") : text(job, "reason").substr(0, 60)),
         text(job, "created_at").substr(0, 19)});
  }
  console.out << table(rows) << std::flush;
  return 0;
}

int cancel_job_command(HubClient& client, Console& console, const std::string& id, bool json) {
  const Json job = client.post("/jobs/" + percent_encode(id) + "/cancel", Json::object());
  if (json) {
    console.out << job.dump(2) << std::endl;
  } else {
    const std::string state = text(job, "state");
    console.out << (has_ended(state) ? state : "cancelling") << std::endl;
  }
  return 0;
}

int resume_job_command(HubClient& client, Console& console, const std::string& id, bool json) {
  const Json job = client.post("/jobs/" + percent_encode(id) + "/resume", Json::object());
  if (json) {
    console.out << job.dump(2) << std::endl;
  } else {
    console.out << text(job, "state") << std::endl;
    console.err << fmt::format("follow it with: mlx-hub jobs watch {}", id) << std::endl;
  }
  return 0;
}

int watch_job_command(HubClient& client, Console& console, const std::string& id, bool json) {
  const Json job = JobWatch(client, console, id, json).follow();
  const std::string state = text(job, "state");
  if (json) {
    console.out << job.dump() << std::endl;
  } else if (state == "COMPLETED") {
    console.out << result_text(job) << std::endl;
  } else {
    std::string word = state;
    std::transform(word.begin(), word.end(), word.begin(), [](char letter) {
      return static_cast<char>(letter - 'A' + 'a');
    });
    const std::string reason = text(job, "reason");
    console.err << fmt::format("job {}{}", word, reason.empty() ? "" : ": " + reason) << std::endl;
  }
  return state == "COMPLETED" ? 0 : 1;
}

}  // namespace hub::api
