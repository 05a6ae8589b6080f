#pragma once

namespace hub::api {

// glibc keeps up to 64 MB of freed memory at the heap's end once blocks of 32 MB were freed, on top
// of MLX's own cache of buffers, and the hub's memory ledger cannot see it. Bounds that to 8 MB;
// the size from which a block gets a mapping of its own becomes the 32 MB that glibc would end at.
// Elsewhere than with glibc does nothing. First in main(), or from any thread.
void bound_freed_heap();

// The caches of an engine's sequences are a fraction of a megabyte each and end in any order: in
// the heap the gaps between those that stay keep growing, which no bound of the caches sees. Blocks
// from 128 KB on get mappings of their own, which go back when they are freed; up to 32,768 of
// them, since a process has a limit. Elsewhere than with glibc does nothing.
void return_freed_blocks();

}  // namespace hub::api
