// How jemalloc manages this process's memory. It looks for this name; nothing else reads it.
//
// A node is one busy thread and a few that sleep: two arenas are enough, and what they do not use
// goes back to the system within a second or so.
//
// Each thread keeps a few blocks of every size up to that of a compressor's state, which RocksDB
// asks for, zeroed, with every block of a file. Of a block that no thread keeps, jemalloc zeroes
// the pages by giving them back to the system: faulting them in again cost flushes and compactions
// more than all else that they do.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf =
    "narenas:2,tcache_max:20480,tcache_nslots_small_min:2,tcache_nslots_large:2,"
    "dirty_decay_ms:1000,muzzy_decay_ms:0";
}
