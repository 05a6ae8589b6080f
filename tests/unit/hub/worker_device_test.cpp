#include "core/hub/worker_device.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "tests/support/temp_dir.h"

namespace hub::hub {
namespace {

using model_config::Activations;

Activations answer_of(std::string_view script) {
  const test::TempDir folder;
  WorkerDevice device;
  device.ask(folder.write_script("worker", script));
  return device.activations();
}

TEST(WorkerDevice, IsWhatTheWorkerSays) {
  EXPECT_EQ(
      answer_of("test \"$1\" = device && echo '{\"v\":1,\"type\":\"device\",\"gpu\":true}'\n"),
      Activations::kHalf);
  EXPECT_EQ(
      answer_of("echo '{\"v\":1,\"type\":\"device\",\"gpu\":false}'\n"), Activations::kFloat32);
}

TEST(WorkerDevice, SaysWhatItsJobsWouldRunIn) {
  const test::TempDir folder;
  WorkerDevice device;
  device.ask(
      folder.write_script(
          "worker",
          "echo '{\"v\":1,\"type\":\"device\",\"gpu\":false,\"environment\":"
          "{\"arguments\":\"'\"$*\"'\"}}'\n"),
      3);
  EXPECT_EQ(device.environment(), (base::Json{{"arguments", "device --threads 3"}}));
  EXPECT_EQ(WorkerDevice().environment(), nullptr);
}

TEST(WorkerDevice, IsACpuWhereNothingIsSaid) {
  EXPECT_EQ(WorkerDevice().activations(), Activations::kFloat32);
  EXPECT_EQ(answer_of("exit 1\n"), Activations::kFloat32);
  EXPECT_EQ(answer_of("echo '{\"v\":1,\"type\":\"ready\"}'\n"), Activations::kFloat32);
  WorkerDevice missing;
  missing.ask("/nothing");
  EXPECT_EQ(missing.activations(), Activations::kFloat32);
}

TEST(WorkerDevice, DoesNotWaitForAWorkerWhenItIsNoLongerNeeded) {
  const test::TempDir folder;
  const auto script = folder.write_script("worker", "cat\n");  // ends with its input
  const double start = base::steady_seconds();
  {
    WorkerDevice device;
    device.ask(script);
  }
  EXPECT_LT(base::steady_seconds() - start, 2.0);
}

}  // namespace
}  // namespace hub::hub
