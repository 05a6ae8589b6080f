#include "api/worker/doctor.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/worker/blas_info.h"

namespace hub::api {
namespace {

TEST(Doctor, ProvesThatMlxComputes) {
  const base::Json report = doctor_report();
  EXPECT_EQ(report["proof"]["ok"], true) << report.dump();
  EXPECT_TRUE(report["proof"]["error"].is_null());
  EXPECT_GE(report["threads"], 1);
  EXPECT_FALSE(report["mlx_version"].get<std::string>().empty());
  EXPECT_FALSE(report["cpu_levels"].empty());
}

#ifdef __linux__
TEST(Doctor, OpenBlasIsInFrontOfMlxsOwn) {
  const BlasInfo blas = blas_info();
  EXPECT_TRUE(blas.is_openblas) << "cblas_sgemm comes from " << blas.library;
  EXPECT_FALSE(blas.core.empty());
  EXPECT_GE(blas.threads, 1);
}
#endif

}  // namespace
}  // namespace hub::api
