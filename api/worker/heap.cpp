#include "api/worker/heap.h"

#include <cstdlib>  // defines __GLIBC__

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace hub::api {

void bound_freed_heap() {
#ifdef __GLIBC__
  constexpr int megabyte = 1 << 20;
  ::mallopt(M_MMAP_THRESHOLD, 32 * megabyte);  // setting one of them ends both's adjusting itself
  ::mallopt(M_TRIM_THRESHOLD, 8 * megabyte);
#endif
}

void return_freed_blocks() {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_THRESHOLD, 128 << 10);
  ::mallopt(M_MMAP_MAX, 32768);
#endif
}

}  // namespace hub::api
