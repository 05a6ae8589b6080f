# cmake -D SOURCE=… -D OUTPUT=… -D VERSION=… -D COMPILER=… -D BUILD_TYPE=… -P build_info.cmake: writes what programs say about
# their build. Run at every build, since a commit does not configure anew; a file that would be the same is left alone.
file(SHA256 ${SOURCE}/uv.lock UV_LOCK_SHA256)
set(cargo_lock ${SOURCE}/core/text/rust/Cargo.lock)
file(SHA256 ${cargo_lock} CARGO_LOCK_SHA256)
file(READ ${cargo_lock} crates)
foreach(crate tokenizers minijinja)
  string(TOUPPER ${crate} variable)
  string(REGEX MATCH "name = \"${crate}\"\nversion = \"([^\"]+)\"" found "${crates}")
  if(NOT found)
    message(FATAL_ERROR "${cargo_lock} has no crate ${crate}")
  endif()
  set(${variable} ${CMAKE_MATCH_1})
endforeach()

# Sources that came without git have no commit; a repository around them is not theirs.
set(COMMIT "")
if(EXISTS ${SOURCE}/.git)
  execute_process(
    COMMAND git rev-parse HEAD WORKING_DIRECTORY ${SOURCE}
    OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(COMMIT "")
  else()
    execute_process(
      COMMAND git --no-optional-locks status --porcelain WORKING_DIRECTORY ${SOURCE}
      OUTPUT_VARIABLE changes ERROR_QUIET)
    if(changes)
      string(APPEND COMMIT "-dirty")
    endif()
  endif()
endif()
configure_file(${SOURCE}/cmake/build_info.cpp.in ${OUTPUT} @ONLY)
