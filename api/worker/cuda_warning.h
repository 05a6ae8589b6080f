#pragma once

namespace hub::api {

// Has a plugin of CUDA kernels that is there but cannot be used logged when it is found; MLX's
// operations then compute, more slowly. Before the first operation.
void warn_about_cuda_plugin();

}  // namespace hub::api
