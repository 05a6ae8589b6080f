# `cmake --install` puts both programs into bin/. Their libraries may lie in lib/mlx-hub, where the wheel has them, and libmlx in
# the Python environment whose bin/ this is, of any Python that pyproject.toml allows: docs/packaging.md.
if(APPLE)
  set(hub_origin @loader_path)
else()
  set(hub_origin $ORIGIN)
endif()
set(hub_rpath ${hub_origin}/../lib/mlx-hub)
foreach(minor RANGE 11 13)
  list(APPEND hub_rpath ${hub_origin}/../lib/python3.${minor}/site-packages/mlx/lib)
endforeach()
set_target_properties(mlx-hub mlx-hub-worker PROPERTIES BUILD_RPATH "${hub_rpath}")
# Not as TARGETS: CMake would leave room in the built programs for other paths by empty ones, which mean the working folder.
install(PROGRAMS $<TARGET_FILE:mlx-hub> $<TARGET_FILE:mlx-hub-worker> DESTINATION bin COMPONENT programs)
if(TARGET hub_cuda_plugin)
  add_dependencies(mlx-hub-worker hub_cuda_plugin) # so that whoever builds the worker has it
  install(FILES $<TARGET_FILE:hub_cuda_plugin> DESTINATION lib/mlx-hub COMPONENT programs)
endif()
