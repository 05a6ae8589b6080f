#pragma once

namespace hub::api {

// glibc keeps up to 64 MB of freed memory at the heap's end once blocks of 32 MB were freed, on top
// of MLX's own cache of buffers, and the hub's memory ledger cannot see it. Bounds that to 8 MB;
// the size from which a block gets a mapping of its own becomes the 32 MB that glibc would end at.
// Elsewhere than with glibc does nothing. First in main(), or from any thread.
void bound_freed_heap();

}  // namespace hub::api
