# libmlx_hub_cuda.so, own kernels for NVIDIA GPUs that mlx-hub-worker loads where MLX computes on one
# (core/kernels/cuda_plugin.h). nvcc comes from the dependency group cuda-build (`uv sync --group cuda-build`) or is on PATH; no GPU
# is needed, nor MLX's library for CUDA.
set(HUB_CUDA AUTO CACHE STRING "Build the plugin of CUDA kernels: ON, OFF, or AUTO (where nvcc is)")
if(NOT HUB_CUDA OR NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR HUB_SANITIZE OR HUB_COVERAGE)
  return()
endif()
file(GLOB HUB_CUDA_WHEELS ${HUB_PYTHON_ENV}/lib/python3*/site-packages/nvidia/cu13)
find_program(HUB_NVCC nvcc HINTS ${HUB_CUDA_WHEELS}/bin)
if(NOT HUB_NVCC)
  if(HUB_CUDA STREQUAL "ON")
    message(FATAL_ERROR "HUB_CUDA is ON, but there is no nvcc: run uv sync --group cuda-build")
  endif()
  return()
endif()
file(REAL_PATH ${HUB_NVCC} nvcc)
cmake_path(GET nvcc PARENT_PATH nvcc)
set(nvcc_hints ${nvcc}/.. ${nvcc}/../targets/x86_64-linux ${nvcc}/../targets/sbsa-linux)
find_path(HUB_CUDA_INCLUDE cuda_runtime.h HINTS ${nvcc_hints} PATH_SUFFIXES include REQUIRED)
find_library(HUB_CUDART cudart_static HINTS ${nvcc_hints} PATH_SUFFIXES lib lib64 REQUIRED)

# Machine code of 8.x and 9.0, and PTX that drivers translate for what came later.
set(HUB_CUDA_CODE -gencode=arch=compute_80,code=sm_80 -gencode=arch=compute_90,code=sm_90 -gencode=arch=compute_90,code=compute_90)
set(HUB_NVCC_FLAGS -std=c++20 -O3 --expt-relaxed-constexpr -Xcompiler=-fPIC,-fvisibility=hidden -I${CMAKE_SOURCE_DIR})
file(GLOB kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/kernels/cuda/*.cu)
foreach(kernel ${kernels})
  cmake_path(GET kernel STEM name)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/cuda/${name}.o)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/cuda
    COMMAND ${HUB_NVCC} ${HUB_NVCC_FLAGS} ${HUB_CUDA_CODE} -MD -MF ${object}.d -c ${kernel} -o ${object}
    DEPENDS ${kernel} DEPFILE ${object}.d
    COMMENT "Compiling CUDA kernels ${name}.cu" VERBATIM)
  list(APPEND objects ${object})
endforeach()
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/kernels/cuda/*.cpp)
add_library(hub_cuda_plugin MODULE ${sources} ${objects})
# MLX's headers without its library: the process that loads the plugin has that.
target_include_directories(
  hub_cuda_plugin SYSTEM PRIVATE $<TARGET_PROPERTY:mlx,INTERFACE_INCLUDE_DIRECTORIES> ${HUB_CUDA_INCLUDE})
target_link_libraries(hub_cuda_plugin PRIVATE hub_options ${HUB_CUDART} Threads::Threads ${CMAKE_DL_LIBS} rt)
set_target_properties(
  hub_cuda_plugin PROPERTIES
  OUTPUT_NAME mlx_hub_cuda CXX_VISIBILITY_PRESET hidden LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/mlx-hub)
