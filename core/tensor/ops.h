#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <mlx/array.h>

// The one place for MLX calls whose signature moves between releases, and for what depends on the
// device. Everything here belongs to the one thread that owns MLX, except where noted, and only
// builds graphs unless it says "evaluates".
namespace hub::tensor {

namespace mx = mlx::core;

// True when MLX's default device is a GPU (Metal or CUDA).
bool default_device_is_gpu();

// True when that GPU is NVIDIA's.
bool default_device_is_cuda();

// The type in which a weight stored as `stored` takes part in arithmetic: float32 on CPU (half
// types are about 20 times slower there, and imprecise), `stored` itself on a GPU. Types that are
// no floats stay as they are.
mx::Dtype compute_dtype(mx::Dtype stored);

// The type of logits, losses and adapters on every device.
inline constexpr mx::Dtype kFloat32 = mx::float32;

mx::array astype(const mx::array& x, mx::Dtype dtype);

// softmax(q k^T * scale) v. q [B, heads, L, D], k and v [B, kv_heads, S, D] -> [B, heads, L, D];
// heads is a multiple of kv_heads. `causal`: query i sees keys up to S - L + i. `mask`: boolean
// (true: may look) or additive, broadcast to [B, heads, L, S]; not together with `causal`. `sinks`
// [heads]: scores more in each row's softmax, without values.
mx::array sdpa(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    float scale,
    bool causal,
    const std::optional<mx::array>& mask = std::nullopt,
    const std::optional<mx::array>& sinks = std::nullopt);

// Rotary embedding (arXiv:2104.09864) over the last axis of x [..., L, D]; row l stands at position
// offset + l, positions are multiplied by `scale`. `freqs` [dims / 2] (the periods: theta =
// position / freqs) replaces `base`. `offset`: one integer for all, or an int32 array with one
// element per x.shape(0).
struct RopeParams {
  int dims = 0;
  bool traditional = false;  // pairs are neighbours; false: halves
  float base = 10000.0F;
  float scale = 1.0F;
  std::optional<mx::array> freqs;
};
mx::array rope(const mx::array& x, const RopeParams& params, int offset);
mx::array rope(const mx::array& x, const RopeParams& params, const mx::array& offset);

// Has MLX's attention on NVIDIA GPUs do without cuDNN, which plans anew for each length of keys
// (some 10 ms on an H200): for serving, where lengths grow step by step. The variable
// MLX_CUDA_USE_CUDNN_SDPA decides where it is set. Before the first attention.
void avoid_planned_attention();

// function(inputs), on a GPU in one kernel, as mlx-lm's `mx.compile(shapeless=True)`, except where
// a gradient is taken. `function` is of operations element by element; MLX keeps the kernel by its
// address.
using Elementwise = std::vector<mx::array> (*)(const std::vector<mx::array>& inputs);
mx::array fused(Elementwise function, const std::vector<mx::array>& inputs);

// x / sqrt(mean(x^2) + eps) * weight over the last axis.
mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps);

// logsumexp(logits[r]) - logits[r, targets[r]]: logits [R, V] of any float, targets [R] int32
// within [0, V) -> [R] float32. Fused on a GPU; differentiable in logits.
mx::array cross_entropy(const mx::array& logits, const mx::array& targets);

// A matrix [rows, columns] in groups of neighbours of a row. Mode "affine": element = scale * q +
// bias. Modes "mxfp4", "mxfp8", "nvfp4": element = scale * a small float, without biases
// (mlx.core.quantize).
struct Quantized {
  mx::array weight;                 // [rows, columns * bits / 32] uint32
  mx::array scales;                 // [rows, columns / group_size]; uint8 unless affine
  std::optional<mx::array> biases;  // as scales; affine only
};

// MLX's own quantized matmul: x W^T (`transpose`) or x W. Differentiable in x. On Linux CPUs scalar
// and single-threaded: kernels/quantized_matmul.h is the fast one.
mx::array quantized_matmul(
    const mx::array& x,
    const mx::array& weight,
    const mx::array& scales,
    const std::optional<mx::array>& biases,
    bool transpose,
    int group_size,
    int bits,
    const std::string& mode = "affine");

// The matrix in float; result in the type of `scales`, bfloat16 for the other modes (which is
// exact: their elements have at most seven significant bits).
mx::array dequantize(
    const mx::array& weight,
    const mx::array& scales,
    const std::optional<mx::array>& biases,
    int group_size,
    int bits,
    const std::string& mode = "affine");

Quantized quantize(
    const mx::array& matrix, int group_size, int bits, const std::string& mode = "affine");

// All tensors of a .safetensors file, lazily: nothing is read before evaluation. MLX trusts the
// file's header, so check it with model_config::SafetensorsHeader first. Throws kUnprocessable with
// MLX's reason.
std::unordered_map<std::string, mx::array> load_safetensors(const std::filesystem::path& file);

// Evaluates and writes the tensors, replacing the file or leaving it as it was (temporary file
// beside it, fsync, rename, fsync of the folder). Unlike MLX's writer the order is that of the
// names, so equal tensors give equal bytes. Throws kUnavailable with the system's reason.
void save_safetensors(
    const std::filesystem::path& file,
    const std::unordered_map<std::string, mx::array>& tensors,
    const std::unordered_map<std::string, std::string>& metadata = {});

// Bytes in MLX's allocator, from any thread.
struct Memory {
  std::uint64_t active = 0;  // in arrays
  std::uint64_t cache = 0;   // free, kept for reuse
  std::uint64_t peak = 0;    // highest `active` since the last reset_peak_memory()
};
Memory memory();
void reset_peak_memory();
// True for what MLX throws when the system or the device has no memory left.
bool is_out_of_memory(const std::exception& error);
void clear_cache();
// How much freed memory MLX may keep; 0: none. Returns the previous limit.
std::size_t set_cache_limit(std::size_t bytes);

// While more than that is in arrays, evaluation waits for work under way before it allocates more,
// and what is kept of freed memory is given back first. Returns the previous limit.
std::size_t set_memory_limit(std::size_t bytes);

// "0.32.4", and a name for the default device ("cpu", or what the driver calls the GPU).
std::string mlx_version();
std::string device_name();
// Bytes that the default device can use: Metal's recommended working set, a GPU's memory; nullopt
// on a CPU and where the driver does not say.
std::optional<std::uint64_t> device_memory_limit();

}  // namespace hub::tensor
