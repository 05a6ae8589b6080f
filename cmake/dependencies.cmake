# Everything that is found on the system or in the Python environment. Versions of MLX are pinned by uv.lock.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(LibArchive REQUIRED) # tar archives of models
find_package(yaml-cpp REQUIRED) # mlx-lm's training configurations
find_package(GTest REQUIRED)
# Its core alone: the package's own file asks for what the other parts need, too.
find_library(HUB_PROMETHEUS_CORE prometheus-cpp-core REQUIRED)
find_path(HUB_PROMETHEUS_INCLUDE prometheus/registry.h REQUIRED)
add_library(hub_prometheus INTERFACE)
target_link_libraries(hub_prometheus INTERFACE ${HUB_PROMETHEUS_CORE})
target_include_directories(hub_prometheus SYSTEM INTERFACE ${HUB_PROMETHEUS_INCLUDE})
# Debian's libboost1.81-dev ships headers; Asio and Beast need no compiled part here.
find_package(Boost 1.81 CONFIG REQUIRED)

# libmlx, its headers and MLXConfig.cmake come from the wheel that uv installed: the library that mlx-lm runs on.
if(NOT DEFINED HUB_PYTHON_ENV)
  set(HUB_PYTHON_ENV ${CMAKE_SOURCE_DIR}/.venv CACHE PATH "Virtual environment that holds the pinned MLX wheel")
endif()
file(GLOB HUB_MLX_ROOT ${HUB_PYTHON_ENV}/lib/python3*/site-packages/mlx)
if(NOT HUB_MLX_ROOT)
  message(FATAL_ERROR "MLX was not found in ${HUB_PYTHON_ENV}: run scripts/setup (or uv sync --locked) first")
endif()
find_package(MLX CONFIG REQUIRED PATHS ${HUB_MLX_ROOT} NO_DEFAULT_PATH)

# MLX's headers are SYSTEM: our warnings are not theirs to pass.
add_library(hub_mlx INTERFACE)
target_link_libraries(hub_mlx INTERFACE mlx)
target_include_directories(hub_mlx SYSTEM INTERFACE $<TARGET_PROPERTY:mlx,INTERFACE_INCLUDE_DIRECTORIES>)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  # The wheel bundles reference BLAS, about 50 times slower. Naming OpenBLAS in the executable interposes cblas in
  # an unmodified libmlx; --no-as-needed because nothing of ours refers to it and Ubuntu's linker would drop it.
  find_library(HUB_OPENBLAS openblas REQUIRED)
  target_link_options(hub_mlx INTERFACE "LINKER:--push-state,--no-as-needed" ${HUB_OPENBLAS} "LINKER:--pop-state")
endif()
