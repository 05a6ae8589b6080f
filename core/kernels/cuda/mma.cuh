#pragma once

#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

// The instructions that the kernels are made of, and how packed numbers become operands of the
// tensor cores.
namespace hub::kernels::cuda {

// c += a b: a 16 x 16 (rows of the weight, columns), b 16 x 8 (columns, rows of x), in the layout
// of mma.m16n8k16 (PTX ISA, "Matrix fragments for mma.m16n8k16"). With g = lane / 4, t = lane % 4:
// a = {row g, row g + 8, row g, row g + 8}, b = column g, c = {row g: columns 2t and 2t + 1, row
// g + 8}. Which two columns of the matrices a register holds is free, as long as a and b agree.
template <typename T>
__device__ __forceinline__ void multiply_add(
    float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1);

template <>
__device__ __forceinline__ void multiply_add<__nv_bfloat16>(
    float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <>
__device__ __forceinline__ void multiply_add<__half>(
    float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// A half type: the bits of a number kOffset whose last bit is worth 1, so that kOffset + q is those
// bits or q (exact for q < 16); and pairs of it in a register.
template <typename T>
struct Half;

template <>
struct Half<__nv_bfloat16> {
  using Pair = __nv_bfloat162;
  static constexpr unsigned kMagic = 0x43004300U;
  static constexpr float kOffset = 128.0F;
  static __device__ __forceinline__ Pair pair(float x) { return __float2bfloat162_rn(x); }
  static __device__ __forceinline__ __nv_bfloat16 round(float x) { return __float2bfloat16_rn(x); }
  static __device__ __forceinline__ Pair twice(__nv_bfloat16 x) { return __bfloat162bfloat162(x); }
  static __device__ __forceinline__ float2 floats(Pair x) { return __bfloat1622float2(x); }
  static __device__ __forceinline__ unsigned round_pair(float low, float high) {
    const Pair p = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<const unsigned*>(&p);
  }
};

template <>
struct Half<__half> {
  using Pair = __half2;
  static constexpr unsigned kMagic = 0x64006400U;
  static constexpr float kOffset = 1024.0F;
  static __device__ __forceinline__ Pair pair(float x) { return __float2half2_rn(x); }
  static __device__ __forceinline__ __half round(float x) { return __float2half_rn(x); }
  static __device__ __forceinline__ Pair twice(__half x) { return __half2half2(x); }
  static __device__ __forceinline__ float2 floats(Pair x) { return __half22float2(x); }
  static __device__ __forceinline__ unsigned round_pair(float low, float high) {
    const Pair p = __floats2half2_rn(low, high);
    return *reinterpret_cast<const unsigned*>(&p);
  }
};

// Bits 0-3 and 16-19 of `word` as a pair of kOffset + q.
template <typename T>
__device__ __forceinline__ unsigned nibble_pair(unsigned word) {
  unsigned out;
  asm("lop3.b32 %0, %1, %2, %3, 0xEA;"
      : "=r"(out)
      : "r"(word), "n"(0x000F000F), "n"(Half<T>::kMagic));
  return out;
}

template <typename T>
__device__ __forceinline__ typename Half<T>::Pair as_pair(unsigned bits) {
  return *reinterpret_cast<const typename Half<T>::Pair*>(&bits);
}

template <typename Pair>
__device__ __forceinline__ unsigned as_bits(Pair pair) {
  return *reinterpret_cast<const unsigned*>(&pair);
}

__device__ __forceinline__ float to_float(float x) {
  return x;
}
__device__ __forceinline__ float to_float(__nv_bfloat16 x) {
  return __bfloat162float(x);
}
__device__ __forceinline__ float to_float(__half x) {
  return __half2float(x);
}

// The scale and bias of a group, in pairs where they have the type of the operands, else in
// float32: either way an unpacked number is rounded once.
template <typename T, typename Scale>
struct Factors {
  static constexpr bool kSame = std::is_same_v<T, Scale>;
  using Number = std::conditional_t<kSame, typename Half<T>::Pair, float>;
  Number scale;
  Number bias;

  __device__ __forceinline__ Factors(Scale given_scale, Scale given_bias) {
    if constexpr (kSame) {
      scale = Half<T>::twice(given_scale);
      bias = Half<T>::twice(given_bias);
    } else {
      scale = to_float(given_scale);
      bias = to_float(given_bias);
    }
  }

  // scale * q + bias.
  __device__ __forceinline__ unsigned of(typename Half<T>::Pair q) const {
    if constexpr (kSame) {
      return as_bits(__hfma2(q, scale, bias));
    } else {
      const float2 both = Half<T>::floats(q);
      return Half<T>::round_pair(fmaf(scale, both.x, bias), fmaf(scale, both.y, bias));
    }
  }
};

// A pair of 4-bit numbers, given as nibble_pair() takes them, unpacked.
template <typename T, typename Scale>
__device__ __forceinline__ unsigned unpack_pair(
    unsigned shifted, const Factors<T, Scale>& factors) {
  return factors.of(__hsub2(as_pair<T>(nibble_pair<T>(shifted)), Half<T>::pair(Half<T>::kOffset)));
}

// The same for bytes: their high half is that of `shifted` four bits on.
template <typename T, typename Scale>
__device__ __forceinline__ unsigned unpack_byte_pair(
    unsigned shifted, const Factors<T, Scale>& factors) {
  const auto offset = Half<T>::pair(Half<T>::kOffset);
  const auto low = __hsub2(as_pair<T>(nibble_pair<T>(shifted)), offset);
  const auto high = __hsub2(as_pair<T>(nibble_pair<T>(shifted >> 4)), offset);
  return factors.of(__hfma2(high, Half<T>::pair(16.0F), low));
}

// What pairs of x stand against the pairs of a word of 4-bit numbers: eight values of x in order
// become the pairs (0, 4), (1, 5), (2, 6), (3, 7).
__device__ __forceinline__ uint4 pairs_of_eight(const uint4& x) {
  return {
      __byte_perm(x.x, x.z, 0x5410),
      __byte_perm(x.x, x.z, 0x7632),
      __byte_perm(x.y, x.w, 0x5410),
      __byte_perm(x.y, x.w, 0x7632)};
}

// Of two words of bytes: (0, 2), (1, 3), (4, 6), (5, 7).
__device__ __forceinline__ uint4 pairs_of_two_fours(const uint4& x) {
  return {
      __byte_perm(x.x, x.y, 0x5410),
      __byte_perm(x.x, x.y, 0x7632),
      __byte_perm(x.z, x.w, 0x5410),
      __byte_perm(x.z, x.w, 0x7632)};
}

// A weight is read once, so it takes no room in L1.
__device__ __forceinline__ uint4 load_weight(const void* from) {
  uint4 out;
  asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(out.x), "=r"(out.y), "=r"(out.z), "=r"(out.w)
               : "l"(from));
  return out;
}

// Copies 16 bytes into shared memory, zeros where not `valid`.
__device__ __forceinline__ void copy_16(unsigned to, const void* from, bool valid) {
  asm volatile(
      "cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to),
      "l"(from),
      "r"(valid ? 16 : 0));
}

__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;");
}

// Until at most `Left` of the groups committed are under way.
template <int Left>
__device__ __forceinline__ void await_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Left));
}

}  // namespace hub::kernels::cuda
