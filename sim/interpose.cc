#include "sim/interpose.h"

// The only way to give OpenSSL randomness of one's own without a provider.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <rocksdb/env.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <thread>

#include "framework/base/check.h"
#include "sim/world.h"

namespace lockstep::sim {
namespace {

// The one thread-local of the project: which universe runs on this thread, if any.
thread_local World* running_world = nullptr;
InterposeCounts counts;

// Where a library's code lies, to tell who called.
struct CodeRange final {
  const char* name = nullptr;
  uintptr_t low = 0;
  uintptr_t high = 0;

  bool Holds(const void* address) const {
    const auto at = reinterpret_cast<uintptr_t>(address);
    return at >= low && at < high;
  }
};

int NoteCodeRange(dl_phdr_info* info, size_t, void* out) {
  auto* range = static_cast<CodeRange*>(out);
  if (std::strstr(info->dlpi_name, range->name) == nullptr) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    range->low = info->dlpi_addr + header.p_vaddr;
    range->high = range->low + header.p_memsz;
  }
  return 1;
}

CodeRange RangeOf(const char* library) {
  CodeRange range{library};
  dl_iterate_phdr(&NoteCodeRange, &range);
  return range;
}

bool CalledByStore(const void* caller) {
  // nghttp2 looks at the clock when a peer resets a stream, for a limit that the edge has switched
  // off.
  // OpenSSL stamps sessions, which nobody resumes.
  static const CodeRange ranges[] = {RangeOf("librocksdb"), RangeOf("libnghttp2"),
                                     RangeOf("libcrypto"), RangeOf("libssl")};
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [caller](const CodeRange& range) { return range.Holds(caller); });
}

// Allocators and sanitizers look at the clock; nothing that they do shows.
bool CalledByRuntime(const void* caller) {
  static const CodeRange ranges[] = {RangeOf("libjemalloc"), RangeOf("libasan"),
                                     RangeOf("libubsan"), RangeOf("libtsan")};
  for (const CodeRange& range : ranges) {
    if (range.Holds(caller)) return true;
  }
  return false;
}

[[noreturn]] void Trip(const char* what) {
  char where[256] = "";
  base::LockstepDescribeWhere(where, sizeof(where));
  running_world = nullptr;  // what follows is allowed to
  std::fprintf(stderr, "TRIPWIRE: %s was called inside a simulated universe [%s]\n", what, where);
  void* frames[48];
  const int count = backtrace(frames, 48);
  backtrace_symbols_fd(frames, count, 2);
  std::abort();
}

void Guard(const char* what, const void* caller) {
  if (running_world != nullptr && !CalledByRuntime(caller)) Trip(what);
}

template <typename Function>
Function Real(Function, const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

// A clock that stands still, for RocksDB's statistics and event log, which nobody reads.
bool AnswersStore(const void* caller) {
  if (running_world == nullptr || !CalledByStore(caller)) return false;
  ++counts.store_clock_reads;
  return true;
}

constexpr int64_t kStoreTimeSeconds = 1'767'225'600;

}  // namespace

// In AllowReal scopes, which nest; the universe itself goes on afterwards.
namespace {
thread_local World* suspended_world = nullptr;
thread_local int allow_depth = 0;
}  // namespace

AllowReal::AllowReal() {
  if (allow_depth++ > 0) return;
  suspended_world = running_world;
  running_world = nullptr;
}

AllowReal::~AllowReal() {
  if (--allow_depth > 0) return;
  running_world = suspended_world;
  suspended_world = nullptr;
}

InterposeCounts GetInterposeCounts() { return counts; }

void InterposeSelfCheck() {
  CHECK_GT(counts.store_random, 0u) << "rocksdb::Random::GetTLSInstance is not preempted";
  CHECK_GT(counts.store_sessions, 0u) << "DBImpl::GenerateDbSessionId is not preempted";
  CHECK_GT(counts.store_periodic_tasks, 0u) << "PeriodicTaskScheduler::Register is not preempted";
}

extern "C" World* LockstepSetRunningWorld(World* world) {
  World* const previous = running_world;
  running_world = world;
  return previous;
}

}  // namespace lockstep::sim

namespace sim = lockstep::sim;

extern "C" void lockstep::base::LockstepDescribeWhere(char* out, unsigned long size) {
  const sim::World* world = sim::running_world;
  if (world == nullptr) {
    std::snprintf(out, size, "no universe");
    return;
  }
  std::snprintf(out, size, "seed %llu, node %llu, virtual time %lld ns",
                static_cast<unsigned long long>(world->seed()),
                static_cast<unsigned long long>(world->running_node().value()),
                static_cast<long long>(world->now().ns));
}

// --- librocksdb ----------------------------------------------------------------------------------
// Debian's library is not linked -Bsymbolic, so its own calls come here too.

// rocksdb::Random is one uint32_t; the real one is seeded with the address of a thread-local.
extern "C" void* LockstepStoreRandom() asm("_ZN7rocksdb6Random14GetTLSInstanceEv");
extern "C" void* LockstepStoreRandom() {
  static uint32_t outside = 301;
  ++sim::counts.store_random;
  return sim::running_world != nullptr ? &sim::running_world->StoreRandomState() : &outside;
}

// 20 digits of base 36; the real one asks the entropy pool, the clock and the process id.
std::string LockstepStoreSession(rocksdb::Env* env) asm(
    "_ZN7rocksdb6DBImpl19GenerateDbSessionIdB5cxx11EPNS_3EnvE");
std::string LockstepStoreSession(rocksdb::Env* env) {
  ++sim::counts.store_sessions;
  const std::string unique = env->GenerateUniqueId();
  lockstep::base::SequentialRandom random(sim::StreamId(unique));
  std::string id(20, '0');
  for (char& digit : id) digit = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[random.Below(36)];
  return id;
}

// The real ones start a timer thread.
rocksdb::Status LockstepStoreRegister(void*, int, const std::function<void()>&) asm(
    "_ZN7rocksdb21PeriodicTaskScheduler8RegisterENS_16PeriodicTaskTypeERKSt8functionIFvvEE");
rocksdb::Status LockstepStoreRegister(void*, int, const std::function<void()>&) {
  ++sim::counts.store_periodic_tasks;
  return rocksdb::Status::OK();
}
rocksdb::Status LockstepStoreRegisterEvery(void*, int, const std::function<void()>&, uint64_t) asm(
    "_ZN7rocksdb21PeriodicTaskScheduler8RegisterENS_16PeriodicTaskTypeERKSt8functionIFvvEEm");
rocksdb::Status LockstepStoreRegisterEvery(void*, int, const std::function<void()>&, uint64_t) {
  ++sim::counts.store_periodic_tasks;
  return rocksdb::Status::OK();
}

// --- libcrypto -----------------------------------------------------------------------------------
// Keys, nonces and serial numbers inside a universe come from its seed.

extern "C" int LockstepTlsRandom(unsigned char* out, int size) {
  if (sim::running_world == nullptr) return RAND_OpenSSL()->bytes(out, size);
  lockstep::base::SequentialRandom& random = sim::running_world->TlsRandom();
  for (int i = 0; i < size; ++i) out[i] = static_cast<unsigned char>(random.Next());
  return 1;
}
extern "C" int LockstepTlsRandomStatus() { return 1; }

namespace {
const RAND_METHOD kTlsRandom = {nullptr, &LockstepTlsRandom, nullptr,
                                nullptr, &LockstepTlsRandom, &LockstepTlsRandomStatus};
// Before main: OpenSSL sets itself up once, and that may look at the world. It does not clean up at
// exit: where nothing drew random bytes, its clean-up makes (and leaks) what it means to free.
const bool kTlsIsSetUp = [] {
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr);
  return RAND_set_rand_method(&kTlsRandom) == 1;
}();
}  // namespace

#if defined(__SANITIZE_ADDRESS__)
// RocksDB's accounting, and so its flushes, depend on how large an allocation really is. Other
// builds use jemalloc, whose answer is a function of the request; here we give the same answer.
extern "C" size_t malloc_usable_size(void* p) noexcept {
  static const auto real =
      reinterpret_cast<size_t (*)(void*)>(dlsym(RTLD_NEXT, "malloc_usable_size"));
  const size_t n = p != nullptr ? real(p) : 0;
  if (n <= 8) return p != nullptr ? 8 : 0;
  if (n <= 128) return (n + 15) & ~size_t{15};
  const size_t step = size_t{1} << (std::bit_width(n - 1) - 3);
  return (n + step - 1) & ~(step - 1);
}
#endif

// --- Clocks --------------------------------------------------------------------------------------

extern "C" int clock_gettime(clockid_t clock, timespec* out) noexcept {
  static const auto real = sim::Real(&clock_gettime, "clock_gettime");
  if (sim::AnswersStore(__builtin_return_address(0))) {
    *out = {sim::kStoreTimeSeconds, 0};
    return 0;
  }
  sim::Guard("clock_gettime", __builtin_return_address(0));
  return real(clock, out);
}

extern "C" int gettimeofday(timeval* __restrict out, void* __restrict zone) noexcept {
  static const auto real = sim::Real(&gettimeofday, "gettimeofday");
  if (sim::AnswersStore(__builtin_return_address(0))) {
    *out = {sim::kStoreTimeSeconds, 0};
    return 0;
  }
  sim::Guard("gettimeofday", __builtin_return_address(0));
  return real(out, zone);
}

extern "C" time_t time(time_t* out) noexcept {
  static const auto real = sim::Real(&time, "time");
  if (sim::AnswersStore(__builtin_return_address(0))) {
    if (out != nullptr) *out = sim::kStoreTimeSeconds;
    return sim::kStoreTimeSeconds;
  }
  sim::Guard("time", __builtin_return_address(0));
  return real(out);
}

namespace {
int64_t RealNanoseconds(clockid_t clock) {
  static const auto real = sim::Real(&clock_gettime, "clock_gettime");
  timespec now{};
  real(clock, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}
}  // namespace

std::chrono::steady_clock::time_point std::chrono::_V2::steady_clock::now() noexcept {
  if (sim::AnswersStore(__builtin_return_address(0))) {
    return time_point(std::chrono::seconds(sim::kStoreTimeSeconds));
  }
  sim::Guard("steady_clock::now", __builtin_return_address(0));
  return time_point(duration(RealNanoseconds(CLOCK_MONOTONIC)));
}

std::chrono::system_clock::time_point std::chrono::_V2::system_clock::now() noexcept {
  if (sim::AnswersStore(__builtin_return_address(0))) {
    return time_point(std::chrono::seconds(sim::kStoreTimeSeconds));
  }
  sim::Guard("system_clock::now", __builtin_return_address(0));
  return time_point(duration(RealNanoseconds(CLOCK_REALTIME)));
}

// --- Everything else: forwarded outside of universes, fatal inside
// --------------------------------

#define LOCKSTEP_TRIPWIRE(result, name, parameters, arguments, suffix) \
  extern "C" result name parameters suffix {                           \
    static const auto real = sim::Real(&name, #name);                  \
    sim::Guard(#name, __builtin_return_address(0));                    \
    return real arguments;                                             \
  }

// Entropy.
LOCKSTEP_TRIPWIRE(ssize_t, getrandom, (void* out, size_t size, unsigned flags),
                  (out, size, flags), )
LOCKSTEP_TRIPWIRE(int, getentropy, (void* out, size_t size), (out, size), )
// Threads and waiting.
LOCKSTEP_TRIPWIRE(int, pthread_create,
                  (pthread_t * thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument),
                  (thread, attributes, run, argument), noexcept)
LOCKSTEP_TRIPWIRE(int, pthread_cond_wait, (pthread_cond_t * condition, pthread_mutex_t* mutex),
                  (condition, mutex), )
LOCKSTEP_TRIPWIRE(int, pthread_cond_timedwait,
                  (pthread_cond_t * condition, pthread_mutex_t* mutex, const timespec* until),
                  (condition, mutex, until), )
LOCKSTEP_TRIPWIRE(int, pthread_cond_clockwait,
                  (pthread_cond_t * condition, pthread_mutex_t* mutex, clockid_t clock,
                   const timespec* until),
                  (condition, mutex, clock, until), )
LOCKSTEP_TRIPWIRE(int, nanosleep, (const timespec* time, timespec* left), (time, left), )
LOCKSTEP_TRIPWIRE(int, clock_nanosleep,
                  (clockid_t clock, int flags, const timespec* time, timespec* left),
                  (clock, flags, time, left), )
LOCKSTEP_TRIPWIRE(int, usleep, (useconds_t microseconds), (microseconds), )
LOCKSTEP_TRIPWIRE(unsigned, sleep, (unsigned seconds), (seconds), )
LOCKSTEP_TRIPWIRE(int, sched_yield, (), (), noexcept)
// Files and sockets.
LOCKSTEP_TRIPWIRE(FILE*, fopen, (const char* path, const char* mode), (path, mode), )
LOCKSTEP_TRIPWIRE(FILE*, fopen64, (const char* path, const char* mode), (path, mode), )
LOCKSTEP_TRIPWIRE(int, creat, (const char* path, mode_t mode), (path, mode), )
LOCKSTEP_TRIPWIRE(int, socket, (int domain, int type, int protocol), (domain, type, protocol),
                  noexcept)
LOCKSTEP_TRIPWIRE(int, connect, (int fd, const sockaddr* address, socklen_t size),
                  (fd, address, size), )
LOCKSTEP_TRIPWIRE(int, bind, (int fd, const sockaddr* address, socklen_t size), (fd, address, size),
                  noexcept)
LOCKSTEP_TRIPWIRE(int, epoll_wait, (int fd, epoll_event* events, int count, int timeout),
                  (fd, events, count, timeout), )
LOCKSTEP_TRIPWIRE(int, poll, (pollfd * fds, nfds_t count, int timeout), (fds, count, timeout), )

#define LOCKSTEP_OPEN_TRIPWIRE(name, parameters, flags_name, ...) \
  extern "C" int name parameters {                                \
    static const auto real = sim::Real(&name, #name);             \
    sim::Guard(#name, __builtin_return_address(0));               \
    mode_t mode = 0;                                              \
    if ((flags_name & (O_CREAT | O_TMPFILE)) != 0) {              \
      va_list rest;                                               \
      va_start(rest, flags_name);                                 \
      mode = va_arg(rest, mode_t);                                \
      va_end(rest);                                               \
    }                                                             \
    return real(__VA_ARGS__, flags_name, mode);                   \
  }

LOCKSTEP_OPEN_TRIPWIRE(open, (const char* path, int flags, ...), flags, path)
LOCKSTEP_OPEN_TRIPWIRE(open64, (const char* path, int flags, ...), flags, path)
LOCKSTEP_OPEN_TRIPWIRE(openat, (int at, const char* path, int flags, ...), flags, at, path)
LOCKSTEP_OPEN_TRIPWIRE(openat64, (int at, const char* path, int flags, ...), flags, at, path)

// How many processors there are decides how RocksDB spreads its counters.
extern "C" int sched_getcpu() noexcept {
  static const auto real = sim::Real(&sched_getcpu, "sched_getcpu");
  return sim::running_world != nullptr ? 0 : real();
}
unsigned int std::thread::hardware_concurrency() noexcept {
  return sim::running_world != nullptr ? 1 : static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN));
}

void std::thread::_M_start_thread(_State_ptr state, void (*depend)()) {
  using Start = void (*)(std::thread*, _State_ptr, void (*)());
  static const auto real = reinterpret_cast<Start>(dlsym(
      RTLD_NEXT,
      "_ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE"));
  sim::Guard("std::thread", __builtin_return_address(0));
  real(this, std::move(state), depend);
}

std::random_device::result_type std::random_device::_M_getval() {
  using Get = result_type (*)(std::random_device*);
  static const auto real =
      reinterpret_cast<Get>(dlsym(RTLD_NEXT, "_ZNSt13random_device9_M_getvalEv"));
  sim::Guard("std::random_device", __builtin_return_address(0));
  return real(this);
}
