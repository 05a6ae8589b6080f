#pragma once

// Without inlining a vector argument would travel through memory.
#define HUB_INLINE static inline __attribute__((always_inline))

// Before a loop over a register tile: its accumulators must become registers.
#if defined(__clang__)
#define HUB_UNROLL _Pragma("unroll")
#else
#define HUB_UNROLL _Pragma("GCC unroll 16")
#endif
