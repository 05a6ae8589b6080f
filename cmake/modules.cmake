# Sources and tests are found by folder, so that neither a file nor a test can be forgotten.
include(GoogleTest)

# One precompiled header for all of our targets; others than clang gain too little from it. Only presets that are never
# shipped use it: the release build still proves that every source includes what it needs.
if(HUB_PCH AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  file(WRITE ${CMAKE_BINARY_DIR}/hub_pch.cpp "")
  add_library(hub_pch OBJECT ${CMAKE_BINARY_DIR}/hub_pch.cpp)
  target_link_libraries(hub_pch PRIVATE hub_options hub_mlx fmt::fmt nlohmann_json::nlohmann_json GTest::gmock)
  target_precompile_headers(hub_pch PRIVATE <gmock/gmock.h> <gtest/gtest.h> <mlx/mlx.h> <nlohmann/json.hpp> <fmt/format.h>
    <algorithm> <chrono> <filesystem> <fstream> <functional> <map> <memory> <mutex> <optional> <random> <ranges> <sstream>
    <string> <thread> <unordered_map> <variant> <vector>)
  target_compile_options(hub_pch PRIVATE "SHELL:-Xclang -fno-pch-timestamp") # for ccache
endif()

function(hub_precompile TARGET)
  if(TARGET hub_pch)
    target_precompile_headers(${TARGET} REUSE_FROM hub_pch)
    # ccache preprocesses without it and has to find what it includes.
    target_include_directories(${TARGET} SYSTEM PRIVATE $<TARGET_PROPERTY:hub_pch,INCLUDE_DIRECTORIES>)
    # -fPIC for programs, too: the header was compiled for libraries.
    target_compile_options(${TARGET} PRIVATE -fPIC "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()

# hub_hot_sources(pattern…): sources that a build without optimisation compiles with -O2 all the same, since the tests would
# wait for them most of their time.
function(hub_hot_sources)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${ARGN})
  set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS "-O2" SKIP_PRECOMPILE_HEADERS ON)
endfunction()

# hub_module(NAME [FOLDER folder] [DEPS module…] [LIBS target…]): the library hub_<NAME> from <folder>/*.cpp (folder: NAME in this
# directory), and its unit tests from tests/unit/<NAME>/ (api modules: tests/unit/api/<folder>/).
function(hub_module NAME)
  cmake_parse_arguments(ARG "" "FOLDER;TESTS" "DEPS;LIBS" ${ARGN})
  if(NOT ARG_FOLDER)
    set(ARG_FOLDER ${NAME})
  endif()
  if(NOT ARG_TESTS)
    set(ARG_TESTS ${NAME})
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_FOLDER}/*.cpp)
  list(TRANSFORM ARG_DEPS PREPEND hub_)
  if(sources)
    add_library(hub_${NAME} STATIC ${sources})
    target_link_libraries(hub_${NAME} PUBLIC hub_options ${ARG_DEPS} ${ARG_LIBS})
    hub_precompile(hub_${NAME})
  else()
    add_library(hub_${NAME} INTERFACE)
    target_link_libraries(hub_${NAME} INTERFACE hub_options ${ARG_DEPS} ${ARG_LIBS})
  endif()
  hub_unit_tests(${NAME} ${ARG_TESTS} hub_${NAME})
endfunction()

# hub_unit_tests(NAME FOLDER library…): the program hub_<NAME>_test from tests/unit/<FOLDER>/*_test.cpp; every case is known to CTest.
function(hub_unit_tests NAME FOLDER)
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${FOLDER}/*_test.cpp)
  if(NOT tests)
    return()
  endif()
  add_executable(hub_${NAME}_test ${tests})
  target_link_libraries(hub_${NAME}_test PRIVATE hub_options ${ARGN} GTest::gtest_main GTest::gmock)
  hub_precompile(hub_${NAME}_test)
  target_compile_definitions(hub_${NAME}_test PRIVATE HUB_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  # The cases themselves compute little, and compile in two thirds of the time; what they test stays optimised.
  target_compile_options(hub_${NAME}_test PRIVATE $<$<CONFIG:Release>:-O0>)
  set_target_properties(hub_${NAME}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  gtest_discover_tests(hub_${NAME}_test TEST_PREFIX ${NAME}. DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
endfunction()
