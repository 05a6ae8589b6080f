// Times and checks every variant of the CUDA kernels on their own, without MLX: what the table in
// core/kernels/cuda/selection.cpp is read from. One JSON object a line. Not part of the product.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <cuda_runtime.h>

#include "core/kernels/cuda/matmul_variants.h"
#include "core/kernels/cuda/plan_launch.h"
#include "tests/support/cuda_weights.cuh"

namespace {

using namespace hub::kernels::cuda;

std::string name_of(const Plan& plan) {
  char out[64];
  if (plan.is_matvec) {
    std::snprintf(
        out, sizeof out, "vec t%d a%d w%d", plan.matvec.tiles, plan.matvec.ahead, plan.warps);
  } else {
    const MatmulKind& k = plan.matmul;
    std::snprintf(out, sizeof out, "mat t%d a%d d%d s%d", k.tiles, k.across, k.down, k.stages);
  }
  return out;
}

std::vector<Plan> variants(const Problem& p) {
  std::vector<Plan> out;
  Plan chosen = plan_for(p);
  out.push_back(chosen);
  if (p.rows <= 8) {
    for (const int ahead : {1, 2, 4}) {
      for (const int warps : {2, 4, 8, 16}) {
        Plan plan;
        plan.is_matvec = true;
        plan.warps = warps;
        for (const int tiles : {1, 2}) {
          plan.matvec = {p.x, p.scales, p.bits, tiles, ahead};
          out.push_back(plan);
        }
      }
    }
    return out;
  }
  const auto add = [&](int tiles, int across, int down, int stages) {
    const int fit = p.rows <= 16 ? 2 : p.rows <= 32 ? 4 : p.rows <= 64 ? 8 : 16;
    if (tiles == fit || tiles * 2 == fit) {
      Plan plan;
      plan.matmul = {p.x, p.scales, p.bits, tiles, across, down, stages};
      out.push_back(plan);
    }
  };
#define HUB_ADD(TILES, ACROSS, DOWN, STAGES) add(TILES, ACROSS, DOWN, STAGES);
  HUB_MATMUL_VARIANTS(HUB_ADD)
  return out;
}

const char* type_name(Number type) {
  return type == Number::kFloat32 ? "f32" : type == Number::kFloat16 ? "f16" : "bf16";
}

void run(Problem p, const std::vector<int>& rows, bool timed, bool all) {
  const int most = *std::max_element(rows.begin(), rows.end());
  Weights weights(p, most, timed);
  float* wanted = static_cast<float*>(allocate(std::size_t(most) * p.outputs * 4));
  for (const int m : rows) {
    p.rows = m;
    MatmulCall first = weights.calls[0];
    first.rows = m;
    reference<<<dim3(p.outputs, m), 128>>>(first, p.bits, p.x, p.scales, wanted);
    const std::size_t count = std::size_t(m) * p.outputs;
    const auto plans = all || p.rows <= 8 ? variants(p) : std::vector<Plan>{plan_for(p)};
    for (std::size_t i = 0; i < plans.size(); ++i) {
      const Plan& plan = plans[i];
      const Launch launch = launch_for(plan, p);
      cudaFuncAttributes attributes{};
      if (launch.function != nullptr) {
        check(cudaFuncGetAttributes(&attributes, launch.function), "attributes");
      }
      if (launch.function == nullptr || launch.shared_bytes > 227 * 1024 ||
          int(launch.threads) > attributes.maxThreadsPerBlock) {
        std::printf("{\"missing\": \"%s\"}\n", name_of(plan).c_str());
        continue;
      }
      check(
          cudaFuncSetAttribute(
              launch.function, cudaFuncAttributeMaxDynamicSharedMemorySize, 227 * 1024),
          "shared memory");
      const auto start = [&](int copy, cudaStream_t stream) {
        MatmulCall call = weights.calls[std::size_t(copy)];
        call.rows = m;
        void* arguments[] = {&call};
        check(
            cudaLaunchKernel(
                launch.function,
                dim3(launch.grid_x, launch.grid_y),
                dim3(launch.threads),
                arguments,
                launch.shared_bytes,
                stream),
            name_of(plan).c_str());
      };
      check(cudaMemset(first.y, 0xFF, count * 2), "poison");  // NaN
      start(0, nullptr);
      check(cudaDeviceSynchronize(), name_of(plan).c_str());
      const double error = relative_rms(first.y, p.x, wanted, count);
      const double us = timed ? time_of(int(weights.calls.size()), start) : 0.0;
      std::printf(
          "{\"n\": %d, \"k\": %d, \"bits\": %d, \"group\": %d, \"x\": \"%s\", \"scales\": \"%s\", "
          "\"m\": %d, \"plan\": \"%s\", \"chosen\": %d, \"us\": %.2f, \"error\": %.2e}\n",
          p.outputs,
          p.columns,
          p.bits,
          p.group_size,
          type_name(p.x),
          type_name(p.scales),
          m,
          name_of(plan).c_str(),
          i == 0,
          us,
          error);
      if (!(error < 4e-3)) {
        std::printf(
            "{\"WRONG\": \"%s n %d k %d m %d bits %d group %d\"}\n",
            name_of(plan).c_str(),
            p.outputs,
            p.columns,
            m,
            p.bits,
            p.group_size);
      }
    }
    std::fflush(stdout);
  }
  cudaFree(wanted);
}

void dequantize_times(int n, int k, int bits, int group) {
  const Problem p{1, n, k, group, bits, Number::kBfloat16, Number::kBfloat16};
  Weights weights(p, 1, true);
  void* matrix = allocate(std::size_t(n) * k * 2);
  for (const int words : {2, 4, 8, 16}) {
    const DequantizeFunction f = dequantize_function({p.x, p.scales, bits, words});
    if (f.function == nullptr) {
      continue;
    }
    const double us = time_of(int(weights.calls.size()), [&](int copy, cudaStream_t stream) {
      const MatmulCall& from = weights.calls[std::size_t(copy)];
      DequantizeCall call{
          from.packed,
          from.scales,
          from.biases,
          matrix,
          std::int64_t(n) * k * bits / 32,
          from.group_shift};
      void* arguments[] = {&call};
      const auto blocks = unsigned((call.words + f.words - 1) / f.words);
      check(
          cudaLaunchKernel(f.function, dim3(blocks), dim3(f.threads), arguments, 0, stream),
          "dequantize");
    });
    const double bytes = double(n) * k * (2 + bits / 8.0 + 4.0 / group);
    std::printf(
        "{\"dequantize\": [%d, %d], \"bits\": %d, \"words\": %d, \"us\": %.1f, \"gb_s\": %.0f}\n",
        n,
        k,
        bits,
        words,
        us,
        bytes / us / 1e3);
  }
  cudaFree(matrix);
}

}  // namespace

int main(int count, char** values) {
  const bool quick = count > 1 && std::string(values[1]) == "--chosen";
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, 0), "device");
  {
    const std::size_t bytes = std::size_t{1} << 30;
    void* memory = allocate(bytes);
    cudaMemset(memory, 1, bytes);
    const double us = time_of(1, [&](int, cudaStream_t stream) {
      read_all<<<132 * 2, 1024, 0, stream>>>(
          static_cast<const uint4*>(memory), bytes / 16, static_cast<unsigned*>(memory));
    });
    std::printf(
        "{\"device\": \"%s\", \"read_gb_s\": %.0f}\n", properties.name, double(bytes) / us / 1e3);
    cudaFree(memory);
  }
  const Number b = Number::kBfloat16;
  const Number h = Number::kFloat16;
  const Number f = Number::kFloat32;
  // Every variant right, tails included.
  for (const int bits : {4, 8}) {
    for (const int group : {32, 64, 128}) {
      const std::vector<int> rows{1, 2, 3, 4, 5, 8, 9, 16, 17, 33, 64, 65, 100};
      run({0, 1000, 9 * group, group, bits, b, b}, rows, false, !quick);
      run({0, 77, 1536, group, bits, h, h}, rows, false, !quick);
      run({0, 96, 5 * group, group, bits, b, f}, rows, false, !quick);
      run({0, 48, 640, group, bits, b, h}, {1, 8, 16, 40}, false, false);
      run({0, 48, 640, group, bits, h, b}, {1, 8, 16, 40}, false, false);
      run({0, 48, 640, group, bits, h, f}, {1, 8, 16, 40}, false, false);
    }
  }
  const std::vector<int> rows{1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128};
  const int shapes[][2] = {
      {14336, 4096},
      {4096, 4096},
      {4096, 14336},
      {1536, 576},
      {576, 1536},
      {576, 576},
      {6144, 4096},
      {1024, 4096},
      {28672, 4096}};
  for (const auto& shape : shapes) {
    run({0, shape[0], shape[1], 64, 4, b, b}, rows, true, !quick);
  }
  run({0, 128256, 4096, 64, 4, b, b}, {1, 4, 8, 16, 32, 64}, true, !quick);
  for (int i = 0; i < 4; ++i) {
    const auto& shape = shapes[i];
    for (const int bits : {4, 8}) {
      for (const int group : {32, 64, 128}) {
        if ((bits != 4 || group != 64) && shape[1] % group == 0) {
          run({0, shape[0], shape[1], group, bits, b, b},
              {1, 2, 4, 8, 16, 32, 64, 128},
              true,
              !quick);
        }
      }
    }
  }
  for (const int bits : {4, 8}) {
    dequantize_times(14336, 4096, bits, 64);
    dequantize_times(4096, 4096, bits, 64);
  }
  return 0;
}
