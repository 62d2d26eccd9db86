// What the tests of net and disk share: a loop with devices, and fibers run to their end.
#ifndef LOCKSTEP_TESTS_NET_SUPPORT_H_
#define LOCKSTEP_TESTS_NET_SUPPORT_H_

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>

#include "framework/base/check.h"
#include "framework/fiber/scheduler.h"
#include "net/loop.h"
#include "net/tcp_network.h"
#include "net/thread_offload.h"

namespace lockstep::net {

using Body = std::function<void(Fiber&)>;

// Long enough to never pass on a machine that works.
inline constexpr Duration kPatience = Seconds(60);

// Runs the fibers, on this thread, until all of them have ended.
inline void RunFibers(Loop& loop, std::initializer_list<Body> bodies) {
  size_t left = bodies.size();
  fiber::Scope scope(loop.scheduler());
  for (const Body& body : bodies) {
    scope.Spawn("test", [&left, &loop, body](Fiber& fiber) {
      body(fiber);
      if (--left == 0) loop.Stop();
    });
  }
  loop.Run();
  CHECK_EQ(left, 0u);
}

// Waits until the scope's fibers have ended. Each round polls the sockets once.
inline void JoinAll(Fiber& fiber, const fiber::Scope& scope) {
  while (scope.size() > 0) fiber.Yield();
}

// Lets everybody else get as far as they can.
inline void LetOthersRun(Fiber& fiber) {
  for (int i = 0; i < 200; ++i) fiber.Yield();
}

struct TestShard final {
  Loop loop;
  ThreadOffload offload{loop};
  TcpNetwork network{loop, offload};
};

inline std::unique_ptr<runtime::Listener> ListenLocally(TestShard& shard) {
  auto listener = shard.network.Listen("127.0.0.1:0");
  CHECK(listener.ok()) << listener.status().ToString();
  return *std::move(listener);
}

inline std::unique_ptr<runtime::Stream> MustDial(Fiber& fiber, TestShard& shard,
                                                 const std::string& address) {
  auto stream = shard.network.Dial(fiber, address, fiber.now() + kPatience);
  CHECK(stream.ok()) << stream.status().ToString();
  return *std::move(stream);
}

inline std::unique_ptr<runtime::Stream> MustAccept(Fiber& fiber, runtime::Listener& listener) {
  auto stream = listener.Accept(fiber);
  CHECK(stream.ok()) << stream.status().ToString();
  return *std::move(stream);
}

// Two ends of one connection.
struct Pair final {
  std::unique_ptr<runtime::Stream> client;
  std::unique_ptr<runtime::Stream> server;
};

inline Pair Connect(Fiber& fiber, TestShard& shard) {
  const auto listener = ListenLocally(shard);
  Pair pair;
  pair.client = MustDial(fiber, shard, listener->address());
  pair.server = MustAccept(fiber, *listener);
  return pair;
}

// Everything until the end of the stream.
inline std::string ReadToEnd(Fiber& fiber, runtime::Stream& stream) {
  std::string all;
  char chunk[16384];
  for (;;) {
    const auto n = stream.Read(fiber, absl::MakeSpan(chunk));
    CHECK(n.ok()) << n.status().ToString();
    if (*n == 0) return all;
    all.append(chunk, *n);
  }
}

}  // namespace lockstep::net

#endif  // LOCKSTEP_TESTS_NET_SUPPORT_H_
