# Compiler floor, warnings, sanitizers, coverage, ccache.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Assertions stay on: they guard our own mistakes and cost nothing measurable here.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")

set(HUB_SANITIZE "" CACHE STRING "Comma separated sanitizers, for example address,undefined")
option(HUB_COVERAGE "Compile with gcov counters" OFF)
option(HUB_PCH "Precompile the large headers: with clang a third of the time of a build without optimisation" OFF)
option(HUB_FUZZ "Build the fuzzers of tests/fuzz (needs clang; scripts/fuzz)" OFF)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(hub_options INTERFACE)
target_compile_options(hub_options INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wswitch-enum)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
  target_compile_options(hub_options INTERFACE -Wno-deprecated-declarations) # libstdc++ uses what it deprecates itself
endif()
target_include_directories(hub_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(hub_options INTERFACE HUB_VERSION="${PROJECT_VERSION}")
if(HUB_SANITIZE)
  target_compile_options(hub_options INTERFACE -fsanitize=${HUB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(hub_options INTERFACE -fsanitize=${HUB_SANITIZE})
  target_compile_definitions(hub_options INTERFACE HUB_SANITIZED)
  if(HUB_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(hub_options INTERFACE -Wno-tsan)  # Asio's fences, which GCC's sanitizer does not follow
  endif()
endif()
if(HUB_COVERAGE)
  target_compile_options(hub_options INTERFACE --coverage)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang") # without it also what the precompiled header brings is counted
    target_compile_options(hub_options INTERFACE "-fprofile-filter-files=/(core|api)/")
  endif()
  target_link_options(hub_options INTERFACE --coverage)
endif()
