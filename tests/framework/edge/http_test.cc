// HTTP/1.1: client against server over streams in memory, and what hostile clients send.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/edge/http_client.h"
#include "framework/edge/http_server.h"
#include "tests/framework/edge/memory_network.h"

namespace lockstep::edge {
namespace {

class Echo final : public HttpHandler {
 public:
  HttpResponse Handle(Fiber& fiber, const HttpRequest& request) override {
    ++handled;
    if (request.path() == "/slow") fiber.SleepFor(Seconds(3));
    HttpResponse response;
    if (request.path() == "/pieces") {
      response.body = "0";
      response.more = [i = 0](Fiber& streaming) mutable -> std::optional<std::string> {
        if (i == 3) return std::nullopt;
        streaming.SleepFor(Seconds(20));
        return absl::StrCat(",", ++i);
      };
      return response;
    }
    response.headers.Add("Content-Type", "text/plain");
    response.body = absl::StrCat(request.method, " ", request.target, " ", request.body);
    return response;
  }
  HttpResponse Refuse(const HttpRefusal& refusal) override {
    return {refusal.status, {}, absl::StrCat("refused: ", refusal.reason)};
  }
  int handled = 0;
};

struct World final {
  explicit World(HttpServerOptions options = {}, size_t chunk_bytes = SIZE_MAX)
      : server(scheduler, trace, echo, options), fibers(scheduler) {
    network.chunk_bytes_max = chunk_bytes;
    listener = *network.Listen("hub");
    fibers.Spawn("serve", [this](Fiber& fiber) { server.Serve(fiber, *listener); });
  }
  void Run(const std::function<void(Fiber&)>& body) {
    bool done = false;
    fibers.Spawn("client", [&](Fiber& fiber) {
      body(fiber);
      done = true;
    });
    ASSERT_TRUE(RunUntil(scheduler, [&] { return done; }));
  }
  // What the server answers to these bytes until it closes the connection.
  std::string Raw(const std::string& bytes) {
    std::string all;
    Run([&](Fiber& fiber) {
      const auto stream = *network.Dial(fiber, "hub", kNoDeadline);
      EXPECT_TRUE(stream->Write(fiber, bytes).ok());
      char buffer[100];
      for (;;) {
        const auto count = stream->Read(fiber, absl::MakeSpan(buffer, sizeof(buffer)));
        if (!count.ok() || *count == 0) return;
        all.append(buffer, *count);
      }
    });
    return all;
  }

  fiber::Scheduler scheduler;
  NoTrace trace;
  MemoryNetwork network;
  Echo echo;
  std::unique_ptr<runtime::Listener> listener;
  HttpServer server;
  fiber::Scope fibers;
};

HttpRequest Post(const std::string& target, const std::string& body) {
  HttpRequest request;
  request.method = "POST";
  request.target = target;
  request.body = body;
  return request;
}

TEST(Http, AnswersManyRequestsOverOneConnection) {
  World world;
  HttpClient client(world.network, "hub");
  world.Run([&](Fiber& fiber) {
    for (int i = 0; i < 5; ++i) {
      const auto answer =
          client.Send(fiber, Post(absl::StrCat("/e?i=", i), "body"), fiber.now() + Seconds(1));
      ASSERT_TRUE(answer.ok()) << answer.status();
      EXPECT_EQ(answer->body, absl::StrCat("POST /e?i=", i, " body"));
      EXPECT_EQ(answer->headers.Find("content-type"), "text/plain");
    }
  });
  EXPECT_EQ(world.network.dials, 1);
}

TEST(Http, CarriesLargeBodiesInSmallPieces) {
  World world({}, 7);
  world.network.pipe_bytes = 100;
  HttpClient client(world.network, "hub");
  const std::string body(20'000, 'x');
  world.Run([&](Fiber& fiber) {
    const auto answer = client.Send(fiber, Post("/", body), kNoDeadline);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->body, "POST / " + body);
  });
}

TEST(Http, AnAnswerOfUnknownLengthEndsWithItsConnection) {
  World world;
  const std::string answer = world.Raw("GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(absl::EndsWith(answer, "\r\n\r\n0,1,2,3")) << answer;
  EXPECT_TRUE(absl::StrContains(answer, "Connection: close\r\n"));
  EXPECT_FALSE(absl::StrContains(answer, "Content-Length"));
  // A client of whole answers gets it whole.
  HttpClient client(world.network, "hub");
  world.Run([&](Fiber& fiber) {
    HttpRequest request;
    request.target = "/pieces";
    const auto whole = client.Send(fiber, request, fiber.now() + Seconds(100));
    ASSERT_TRUE(whole.ok()) << whole.status();
    EXPECT_EQ(whole->body, "0,1,2,3");
  });
}

TEST(Http, DialsAgainWhenTheServerHasClosedAKeptConnection) {
  HttpServerOptions options;
  options.idle_timeout = Seconds(1);
  World world(options);
  HttpClient client(world.network, "hub");
  world.Run([&](Fiber& fiber) {
    EXPECT_TRUE(client.Send(fiber, Post("/", "1"), fiber.now() + Seconds(1)).ok());
    fiber.SleepFor(Seconds(5));
    EXPECT_TRUE(client.Send(fiber, Post("/", "2"), fiber.now() + Seconds(1)).ok());
  });
  EXPECT_EQ(world.network.dials, 2);
  EXPECT_EQ(world.echo.handled, 2);
}

TEST(Http, SaysThatTheServerIsTooSlow) {
  World world;
  HttpClient client(world.network, "hub");
  world.Run([&](Fiber& fiber) {
    const auto answer = client.Send(fiber, Post("/slow", ""), fiber.now() + Seconds(1));
    EXPECT_TRUE(absl::IsDeadlineExceeded(answer.status())) << answer.status();
    // The late answer is not taken for the next one's.
    const auto next = client.Send(fiber, Post("/next", ""), fiber.now() + Seconds(1));
    ASSERT_TRUE(next.ok());
    EXPECT_EQ(next->body, "POST /next ");
  });
}

TEST(Http, SaysThatNobodyIsThere) {
  World world;
  HttpClient client(world.network, "nobody");
  world.Run([&](Fiber& fiber) {
    EXPECT_TRUE(absl::IsUnavailable(client.Send(fiber, Post("/", ""), kNoDeadline).status()));
  });
}

TEST(Http, RefusesWhatIsMalformedInTheHandlersWords) {
  for (const char* bytes :
       {"nonsense\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n", "GET /\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const std::string answer = World().Raw(bytes);
    EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 400 Bad Request\r\n")) << bytes << answer;
    EXPECT_TRUE(absl::StrContains(answer, "refused: ")) << answer;
    EXPECT_TRUE(absl::StrContains(answer, "Connection: close")) << answer;
  }
}

TEST(Http, RefusesWhatIsTooLarge) {
  HttpServerOptions options;
  options.limits = {.header_bytes_max = 1000, .body_bytes_max = 2000};
  const std::string huge = "GET / HTTP/1.1\r\nA: " + std::string(5000, 'a') + "\r\n\r\n";
  EXPECT_TRUE(absl::StartsWith(World(options).Raw(huge), "HTTP/1.1 431"));
  // (Before the body has arrived.)
  const std::string announced = "POST / HTTP/1.1\r\nContent-Length: 2001\r\n\r\n";
  EXPECT_TRUE(absl::StartsWith(World(options).Raw(announced), "HTTP/1.1 413"));
  std::string chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 21; ++i) chunked += "64\r\n" + std::string(100, 'c') + "\r\n";
  EXPECT_TRUE(absl::StartsWith(World(options).Raw(chunked), "HTTP/1.1 413"));
}

TEST(Http, CutsOffWhoStalls) {
  EXPECT_TRUE(absl::StartsWith(World().Raw("GET / HTT"), "HTTP/1.1 408"));
  EXPECT_TRUE(absl::StartsWith(World().Raw("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"),
                               "HTTP/1.1 408"));
  // Who says nothing at all hears nothing.
  EXPECT_EQ(World().Raw(""), "");
}

TEST(Http, TellsWhoWaitsToGoOn) {
  World world;
  const std::string answer = world.Raw(
      "POST /a HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\n"
      "Content-Length: 2\r\n\r\nhi");
  EXPECT_TRUE(absl::EndsWith(answer, "POST /a hi")) << answer;
}

TEST(Http, AnswersPipelinedRequestsInOrder) {
  const std::string answer = World().Raw(
      "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\nConnection: close\r\n\r\n");
  const size_t one = answer.find("GET /1 ");
  const size_t two = answer.find("GET /2 ");
  EXPECT_LT(one, two);
  EXPECT_LT(two, answer.find("GET /3 "));
}

TEST(Http, RefusesBodiesWhenThereIsNoRoom) {
  HttpServerOptions options;
  options.request_bytes_max = 100;
  World world(options);
  world.Run([&](Fiber& fiber) {
    const auto slow = *world.network.Dial(fiber, "hub", kNoDeadline);
    EXPECT_TRUE(slow->Write(fiber, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n").ok());
    fiber.SleepFor(Seconds(1));
    HttpClient client(world.network, "hub");
    const auto answer = client.Send(fiber, Post("/", "x"), fiber.now() + Seconds(20));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, 503);
  });
}

TEST(Http, DrainsBeforeItGoes) {
  World world;
  HttpClient client(world.network, "hub");
  std::string body;
  world.fibers.Spawn("asking", [&](Fiber& fiber) {
    const auto answer = client.Send(fiber, Post("/slow", "x"), fiber.now() + Seconds(20));
    if (answer.ok()) body = answer->body;
  });
  world.Run([&](Fiber& fiber) {
    fiber.SleepFor(Seconds(1));
    world.server.Shutdown(fiber, fiber.now() + Seconds(10));
    EXPECT_EQ(world.server.connections(), 0u);
  });
  world.Run([&](Fiber& fiber) { fiber.SleepFor(Seconds(1)); });
  EXPECT_EQ(body, "POST /slow x");
}

TEST(HttpTypes, ParametersAreDecoded) {
  HttpRequest request;
  request.target = "/v1/pull?a=1&b=x%20y%2Bz+w&c&bad=%2";
  EXPECT_EQ(request.path(), "/v1/pull");
  EXPECT_EQ(**request.Parameter("a"), "1");
  EXPECT_EQ(**request.Parameter("b"), "x y+z w");
  EXPECT_EQ(**request.Parameter("c"), "");
  EXPECT_FALSE(request.Parameter("d")->has_value());
  EXPECT_FALSE(request.Parameter("bad").ok());
  EXPECT_EQ(PercentEncoded("x y+z/"), "x%20y%2Bz%2F");
}

}  // namespace
}  // namespace lockstep::edge
