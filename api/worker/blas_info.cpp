#include "api/worker/blas_info.h"

#include <cstdlib>

#include <dlfcn.h>
#include <unistd.h>

#include "core/kernels/cpu_level.h"

namespace hub::api {

namespace {

// The function of that name as the loader resolves it for libmlx, too; null when there is none.
template <typename Function>
Function* resolve(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

std::string library_of(const void* address) {
  Dl_info info{};
  if (address == nullptr || ::dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
    return {};
  }
  return info.dli_fname;
}

}  // namespace

BlasInfo blas_info() {
  BlasInfo info;
  info.library = library_of(::dlsym(RTLD_DEFAULT, "cblas_sgemm"));
  auto* core = resolve<char*()>("openblas_get_corename");
  auto* config = resolve<char*()>("openblas_get_config");
  auto* threads = resolve<int()>("openblas_get_num_threads");
  // Loaded is not enough: the multiplication itself must come from it.
  info.is_openblas = core != nullptr && !info.library.empty() &&
                     library_of(reinterpret_cast<const void*>(core)) == info.library;
  if (info.is_openblas) {
    info.core = core();
    info.config = config != nullptr ? config() : "";
    info.threads = threads != nullptr ? threads() : 0;
  }
  return info;
}

void begin_with_fitting_blas_kernels(char** argv) {
  constexpr auto variable = "OPENBLAS_CORETYPE";
  const auto best = kernels::available_cpu_levels().back();
  if (std::getenv(variable) != nullptr || best == kernels::CpuLevel::kPortable ||
      blas_info().core != "Prescott") {
    return;
  }
  ::setenv(variable, best == kernels::CpuLevel::kAvx512 ? "SkylakeX" : "Haswell", 1);
  ::execv("/proc/self/exe", argv);
  ::unsetenv(variable);  // it goes on, slower
}

void set_blas_threads(int threads) {
  if (auto* set = resolve<void(int)>("openblas_set_num_threads")) {
    set(threads);
  }
}

}  // namespace hub::api
