// Stores of documents and a hub of three nodes, as processes on this machine: documents per second
// that a store pushes and another one pulls, and what a sync costs that has nothing to do.
//
//   sync_bench LOCKSTEP DIRECTORY [documents] [rounds] [--json]
//
// LOCKSTEP is the executable; DIRECTORY is made and left behind. Each round has a hub and stores of
// its own. Documents are those of docs_bench, about 1 kB, as agents remember; everybody syncs to
// disk. "push" ends with the hub's last verdict, "settled" when the store has nothing left to do.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bench/cpu_time.h"
#include "docs-memory/blocking/blocking_store.h"
#include "docs-memory/sync/fields.h"
#include "docs-memory/sync/syncer.h"
#include "framework/base/check.h"
#include "framework/base/random.h"
#include "framework/edge/http_client.h"

namespace lockstep::docs {
namespace {

constexpr char kAdminToken[] = "sync_bench";
constexpr int kNodes = 3;
constexpr int kBatch = 1000;
constexpr int kIdleSyncs = 200;

struct Settings final {
  std::string lockstep;
  std::string directory;
  int documents = 50'000;
  int rounds = 3;
  int port = 24'100;
  bool speaks_json = false;
};

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Document MakeDocument(int n) {
  base::SequentialRandom random(static_cast<uint64_t>(n));
  std::string text;
  while (text.size() < 640) text += "word" + std::to_string(random.Below(5000)) + " ";
  return {{"_id", "memory-" + std::to_string(100'000'000 + n)},
          {"agent", "agent-" + std::to_string(n % 200)},
          {"topic", "topic-" + std::to_string(random.Below(1000))},
          {"created", int64_t{1'700'000'000'000} + n * int64_t{1000}},
          {"trust", 0.5},
          {"tags", Value::Array({"fact", "tag-" + std::to_string(random.Below(50))})},
          {"source", Document{{"session", static_cast<int64_t>(random.Below(5000))},
                              {"turn", static_cast<int64_t>(n % 40)}}},
          {"text", text}};
}

// Three nodes of a hub, as `lockstep docs serve` runs them.
class Hub final {
 public:
  Hub(const Settings& settings, const std::string& directory, int first_port)
      : first_port_(first_port) {
    const std::string admin = directory + "/admin.token";
    std::ofstream(admin) << kAdminToken << "\n";
    std::vector<std::string> members;
    for (int i = 0; i < kNodes; ++i) members.push_back(absl::StrCat("n", i, "=", Peer(i)));
    for (int i = 0; i < kNodes; ++i) {
      Start({settings.lockstep, "docs", "serve", "--name", absl::StrCat("n", i), "--data-dir",
             absl::StrCat(directory, "/n", i), "--listen-client-urls", "http://" + Client(i),
             "--advertise-client-urls", "http://" + Client(i), "--listen-peer-urls", Peer(i),
             "--initial-advertise-peer-urls", Peer(i), "--initial-cluster",
             absl::StrJoin(members, ","), "--admin-token-file", admin},
            absl::StrCat(directory, "/n", i, ".log"));
    }
  }
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;
  ~Hub() {
    for (const pid_t node : nodes_) kill(node, SIGTERM);
    for (const pid_t node : nodes_) waitpid(node, nullptr, 0);
  }

  std::vector<runtime::Address> addresses() const {
    std::vector<runtime::Address> all;
    for (int i = 0; i < kNodes; ++i) all.push_back(Client(i));
    return all;
  }
  // Of all nodes, so far.
  double CpuSeconds() const {
    double ticks = 0;
    for (const pid_t node : nodes_) {
      std::ifstream file(absl::StrCat("/proc/", node, "/stat"));
      std::string word;
      for (int i = 1; i <= 15 && file >> word; ++i) {
        if (i >= 14) ticks += std::stod(word);
      }
    }
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  }

 private:
  runtime::Address Client(int i) const { return absl::StrCat("127.0.0.1:", first_port_ + 2 * i); }
  std::string Peer(int i) const {
    return absl::StrCat("http://127.0.0.1:", first_port_ + 2 * i + 1);
  }
  void Start(std::vector<std::string> arguments, const std::string& log) {
    const pid_t child = fork();
    CHECK_GE(child, 0);
    if (child != 0) {
      nodes_.push_back(child);
      return;
    }
    FILE* const out = std::freopen(log.c_str(), "w", stderr);
    CHECK(out != nullptr);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    execv(pointers[0], pointers.data());
    std::perror(pointers[0]);
    _exit(127);
  }

  const int first_port_;
  std::vector<pid_t> nodes_;
};

// On the thread of a store: its loop has the network.
void On(BlockingStore& store, const std::function<void(Fiber&, Store&)>& call) {
  CHECK_OK(store
               .OnStore([&](Fiber& fiber, Store& on) -> absl::StatusOr<WriteResult> {
                 call(fiber, on);
                 return WriteResult();
               })
               .status());
}

// As soon as the hub has a leader.
std::string MakeToken(BlockingStore& store, const Hub& hub) {
  std::string token;
  On(store, [&](Fiber& fiber, Store& on) {
    edge::HttpClient client(on.environment().network, hub.addresses()[0]);
    edge::HttpRequest request;
    request.method = "POST";
    request.target = "/v1/tokens";
    request.headers.Add(kProtocolHeader, kProtocolVersion);
    request.headers.Add("Authorization", absl::StrCat("Bearer ", kAdminToken));
    request.headers.Add("Content-Type", kJsonType);
    request.body = R"({"tenant": "bench", "ns": ["*"], "perms": ["push", "pull", "read"]})";
    for (int i = 0; i < 1000 && token.empty(); ++i) {
      const auto response = client.Send(fiber, request, fiber.now() + Seconds(2));
      if (response.ok() && response->status == 200) {
        const auto body = ParseEnvelope(response->body, kJsonType);
        CHECK_OK(body.status());
        token = Fields(body->view()).String("token");
      } else {
        fiber.SleepFor(Milliseconds(20));
      }
    }
  });
  CHECK(!token.empty()) << "the hub does not start";
  return token;
}

SyncOptions OptionsOf(const Settings& settings, const Hub& hub, const std::string& token) {
  SyncOptions options;
  options.hub = {hub.addresses(), token, settings.speaks_json};
  options.scope.tenant = "bench";
  options.scope.space = "agents";
  return options;
}

// Runs one sync; `pushed`, if given, is when the last of so many changes had its verdict.
void Sync(BlockingStore& store, const SyncOptions& options, uint64_t changes, double* pushed,
          SyncStatus* status) {
  On(store, [&](Fiber& fiber, Store& on) {
    Syncer syncer(on, on.environment(), on.environment().network, options);
    fiber::Scope watching(on.environment().scheduler);
    watching.Spawn("bench.watch", [&](Fiber& watcher) {
      while (syncer.status().pushed < changes) watcher.SleepFor(Milliseconds(1));
      if (pushed != nullptr) *pushed = Now();
    });
    CHECK_OK(syncer.Once(fiber));
    *status = syncer.status();
  });
}

std::unique_ptr<BlockingStore> OpenStore(const std::string& path) {
  auto store = BlockingStore::Open(path, {});
  CHECK_OK(store.status());
  return *std::move(store);
}

struct Round final {
  double push = 0;     // documents per second
  double settled = 0;  // ... until nothing is queued
  double pull = 0;
  double idle_ms = 0;  // a sync with nothing to do, median
  double hub_cpu_us_push = 0;
  double hub_cpu_us_pull = 0;
  double own_cpu_us_push = 0;
  double own_cpu_us_pull = 0;
};

double IdleMs(BlockingStore& store, const SyncOptions& options) {
  std::vector<double> took;
  On(store, [&](Fiber& fiber, Store& on) {
    Syncer syncer(on, on.environment(), on.environment().network, options);
    for (int i = 0; i < kIdleSyncs; ++i) {
      const double began = Now();
      CHECK_OK(syncer.Once(fiber));
      took.push_back((Now() - began) * 1000);
    }
  });
  std::sort(took.begin(), took.end());
  return took[took.size() / 2];
}

Round Run(const Settings& settings, int number) {
  const std::string directory = absl::StrCat(settings.directory, "/round-", number);
  std::filesystem::create_directories(directory);
  const Hub hub(settings, directory, settings.port + number * 10);
  const auto writer = OpenStore(directory + "/writer");
  const SyncOptions options = OptionsOf(settings, hub, MakeToken(*writer, hub));
  SyncStatus status;
  Sync(*writer, options, 0, nullptr, &status);
  for (int n = 0; n < settings.documents; n += kBatch) {
    std::vector<Document> batch;
    for (int i = n; i < std::min(n + kBatch, settings.documents); ++i)
      batch.push_back(MakeDocument(i));
    CHECK_OK(writer->collection("memory").InsertMany(std::move(batch)).status());
  }
  const auto count = static_cast<uint64_t>(settings.documents);
  Round round;
  double cpu = hub.CpuSeconds();
  double pushed = 0;
  double own_cpu = bench::CpuSeconds();
  double began = Now();
  Sync(*writer, options, count, &pushed, &status);
  CHECK_EQ(writer->state()->state.sync.queued, 0u);
  round.settled = static_cast<double>(count) / (Now() - began);
  round.push = static_cast<double>(count) / (pushed - began);
  round.own_cpu_us_push = (bench::CpuSeconds() - own_cpu) * 1e6 / static_cast<double>(count);
  round.hub_cpu_us_push = (hub.CpuSeconds() - cpu) * 1e6 / static_cast<double>(count);

  const auto reader = OpenStore(directory + "/reader");
  cpu = hub.CpuSeconds();
  own_cpu = bench::CpuSeconds();
  began = Now();
  Sync(*reader, options, 0, nullptr, &status);
  round.pull = static_cast<double>(count) / (Now() - began);
  round.own_cpu_us_pull = (bench::CpuSeconds() - own_cpu) * 1e6 / static_cast<double>(count);
  round.hub_cpu_us_pull = (hub.CpuSeconds() - cpu) * 1e6 / static_cast<double>(count);
  const auto found = reader->collection("memory").Count();
  CHECK_OK(found.status());
  CHECK_EQ(*found, count) << "documents that were pulled";
  round.idle_ms = IdleMs(*reader, options);
  return round;
}

void Print(const char* name, std::vector<double> values, const char* unit) {
  std::sort(values.begin(), values.end());
  std::printf("%-34s %10.1f %s  (%.1f to %.1f)\n", name, values[values.size() / 2], unit,
              values.front(), values.back());
}

double Load() {
  double load[1] = {};
  return getloadavg(load, 1) == 1 ? load[0] : 0;
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: sync_bench LOCKSTEP DIRECTORY [documents] [rounds] [--json]\n");
    return 2;
  }
  Settings settings;
  settings.lockstep = argv[1];
  settings.directory = argv[2];
  if (argc > 3) settings.documents = std::atoi(argv[3]);
  if (argc > 4) settings.rounds = std::atoi(argv[4]);
  settings.speaks_json = argc > 5 && std::string(argv[5]) == "--json";
  const double load = Load();
  std::vector<Round> rounds;
  for (int i = 0; i < settings.rounds; ++i) rounds.push_back(Run(settings, i));
  const auto each = [&](double Round::*figure) {
    std::vector<double> values;
    for (const Round& round : rounds) values.push_back(round.*figure);
    return values;
  };
  std::printf("%d documents, %d rounds, %s; load %.2f before\n", settings.documents,
              settings.rounds, settings.speaks_json ? "JSON" : "BSON", load);
  Print("push, to the last verdict", each(&Round::push), "documents/s");
  Print("push, until nothing is queued", each(&Round::settled), "documents/s");
  Print("pull into an empty store", each(&Round::pull), "documents/s");
  Print("a sync with nothing to do", each(&Round::idle_ms), "ms");
  Print("hub's CPU per pushed document", each(&Round::hub_cpu_us_push), "us");
  Print("hub's CPU per pulled document", each(&Round::hub_cpu_us_pull), "us");
  Print("store's CPU per pushed document", each(&Round::own_cpu_us_push), "us");
  Print("store's CPU per pulled document", each(&Round::own_cpu_us_pull), "us");
  return 0;
}

}  // namespace
}  // namespace lockstep::docs

int main(int argc, char** argv) { return lockstep::docs::Main(argc, argv); }
