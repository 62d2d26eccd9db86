// How jemalloc manages this process's memory. It looks for this name; nothing else reads it.
//
// A node is one busy thread and a few that sleep: two arenas are enough, and what they do not use
// goes back to the system within a second or so.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:2,tcache_max:4096,dirty_decay_ms:1000,muzzy_decay_ms:0";
}
