#pragma once

#include <string>

namespace hub::api {

// Which BLAS this process really calls. libmlx brings a reference BLAS on Linux, about 50 times
// slower than OpenBLAS, which the executable puts in front of it.
struct BlasInfo {
  std::string library;  // the file that cblas_sgemm comes from; "" when nothing exports it
  bool is_openblas = false;
  std::string core;    // OpenBLAS's kernels: "Haswell", "SkylakeX"; "" elsewhere
  std::string config;  // OpenBLAS's build: version and options; "" elsewhere
  int threads = 0;     // 0: unknown
};

BlasInfo blas_info();

// OpenBLAS takes processors that it does not know by their model for ones of before AVX
// ("Prescott"), with a fraction of the speed. Where these are not: begins this program anew, same
// process and arguments, with OPENBLAS_CORETYPE set to what fits, which OpenBLAS reads when it is
// loaded. Returns in every other case, also when somebody set OPENBLAS_CORETYPE. First in main().
void begin_with_fitting_blas_kernels(char** argv);

// Threads for OpenBLAS; nothing happens with another BLAS. Not while one of its routines runs.
void set_blas_threads(int threads);

}  // namespace hub::api
