// The document store beside SQLite and raw RocksDB, in one run, at equal durability.
//
//   docs_bench DIRECTORY [documents] [rounds]        # DIRECTORY is made and left behind
//
// Every store holds the same documents (about 1 kB, as agents remember) and an oplog row per write;
// where indexes count, two of them. SQLite: WAL, synchronous=FULL, JSON text, indexes over
// json_extract. RocksDB: one batch per write, synced log, keys made by hand. Rounds alternate
// between the stores; a line has the median, the spread, and how many times faster ours is.
#include <rocksdb/db.h>           // lint: allow(home) the other side of the comparison
#include <rocksdb/write_batch.h>  // lint: allow(home) the other side of the comparison
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "docs-memory/blocking/blocking_store.h"
#include "framework/base/check.h"
#include "framework/base/random.h"

namespace lockstep::docs {
namespace {

constexpr int kAgents = 200;
constexpr int kTopics = 1000;
constexpr int kSessions = 5000;
constexpr int kBatch = 1000;

std::string IdOf(int n) { return "memory-" + std::to_string(100'000'000 + n); }

Document MakeDocument(int n) {
  base::SequentialRandom random(static_cast<uint64_t>(n));
  std::string text;
  while (text.size() < 640) text += "word" + std::to_string(random.Below(5000)) + " ";
  return {{"_id", IdOf(n)},
          {"agent", "agent-" + std::to_string(n % kAgents)},
          {"topic", "topic-" + std::to_string(random.Below(kTopics))},
          {"created", int64_t{1'700'000'000'000} + n * int64_t{1000}},
          {"trust", 0.5},
          {"tags", Value::Array({"fact", "tag-" + std::to_string(random.Below(50))})},
          {"source", Document{{"session", static_cast<int64_t>(random.Below(kSessions))},
                              {"turn", static_cast<int64_t>(n % 40)}}},
          {"text", text}};
}

class Contender {
 public:
  virtual ~Contender() = default;
  virtual const char* name() const = 0;
  virtual void CreateIndexes() = 0;
  // Durable on return.
  virtual void Insert(const std::vector<Document>& documents) = 0;
  virtual bool Get(const std::string& id) = 0;
  // The newest 20 of an agent.
  virtual size_t Newest(const std::string& agent) = 0;
  // All of a session: nested, without an index.
  virtual size_t Filter(int64_t session) = 0;
};

class Ours final : public Contender {
 public:
  // `passphrase`: everything is sealed.
  Ours(const std::string& directory, std::optional<std::string> passphrase)
      : name_(passphrase ? "sealed" : "docs") {
    BlockingOptions options;
    options.passphrase = std::move(passphrase);
    auto store = BlockingStore::Open(directory, options);
    CHECK_OK(store.status());
    store_ = *std::move(store);
  }
  const char* name() const override { return name_; }
  void CreateIndexes() override {
    CHECK_OK(memory().CreateIndex({{"agent", 1}, {"created", 1}}));
    CHECK_OK(memory().CreateIndex({{"topic", 1}}));
  }
  void Insert(const std::vector<Document>& documents) override {
    CHECK_OK(
        (documents.size() == 1 ? memory().InsertOne(documents[0]) : memory().InsertMany(documents))
            .status());
  }
  bool Get(const std::string& id) override { return memory().Get(Value(id))->has_value(); }
  size_t Newest(const std::string& agent) override {
    FindOptions options;
    options.sort = {{"created", -1}};
    options.limit = 20;
    return memory().Find({{"agent", agent}}, options)->All()->size();
  }
  size_t Filter(int64_t session) override {
    return memory().Find({{"source.session", session}})->All()->size();
  }

 private:
  BlockingCollection memory() { return store_->collection("memory"); }
  const char* name_;
  std::unique_ptr<BlockingStore> store_;
};

class Sqlite final : public Contender {
 public:
  explicit Sqlite(const std::string& path) {
    CHECK_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK);
    Run("PRAGMA journal_mode=WAL");
    Run("PRAGMA synchronous=FULL");
    Run("PRAGMA cache_size=-65536");
    Run("CREATE TABLE memory(id TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID");
    Run("CREATE TABLE oplog(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT, body TEXT)");
    insert_ = Prepare("INSERT INTO memory VALUES(?1, ?2)");
    log_ = Prepare("INSERT INTO oplog(id, body) VALUES(?1, ?2)");
    get_ = Prepare("SELECT body FROM memory WHERE id = ?1");
    newest_ = Prepare(
        "SELECT body FROM memory WHERE json_extract(body, '$.agent') = ?1 "
        "ORDER BY json_extract(body, '$.created') DESC LIMIT 20");
    filter_ = Prepare("SELECT body FROM memory WHERE json_extract(body, '$.source.session') = ?1");
  }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;
  ~Sqlite() override {
    for (sqlite3_stmt* statement : {insert_, log_, get_, newest_, filter_})
      sqlite3_finalize(statement);
    sqlite3_close(db_);
  }
  const char* name() const override { return "sqlite"; }
  void CreateIndexes() override {
    Run("CREATE INDEX by_agent ON memory(json_extract(body, '$.agent'), json_extract(body, "
        "'$.created'))");
    Run("CREATE INDEX by_topic ON memory(json_extract(body, '$.topic'))");
  }
  void Insert(const std::vector<Document>& documents) override {
    Run("BEGIN");
    for (const Document& document : documents) {
      const std::string id(document.Find("_id")->string());
      const std::string body = ToJson(document);
      for (sqlite3_stmt* statement : {insert_, log_}) {
        Bind(statement, 1, id);
        Bind(statement, 2, body);
        CHECK_EQ(sqlite3_step(statement), SQLITE_DONE) << sqlite3_errmsg(db_);
        sqlite3_reset(statement);
      }
    }
    Run("COMMIT");
  }
  bool Get(const std::string& id) override {
    Bind(get_, 1, id);
    return Rows(get_) == 1;
  }
  size_t Newest(const std::string& agent) override {
    Bind(newest_, 1, agent);
    return Rows(newest_);
  }
  size_t Filter(int64_t session) override {
    sqlite3_bind_int64(filter_, 1, session);
    return Rows(filter_);
  }

 private:
  void Run(const char* sql) {
    CHECK_EQ(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db_);
  }
  sqlite3_stmt* Prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    CHECK_EQ(sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_);
    return statement;
  }
  static void Bind(sqlite3_stmt* statement, int at, const std::string& text) {
    sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  }
  static size_t Rows(sqlite3_stmt* statement) {
    size_t rows = 0;
    size_t bytes = 0;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      ++rows;
      bytes += std::string(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0))).size();
    }
    CHECK(rows == 0 || bytes > 0);
    sqlite3_reset(statement);
    return rows;
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* log_ = nullptr;
  sqlite3_stmt* get_ = nullptr;
  sqlite3_stmt* newest_ = nullptr;
  sqlite3_stmt* filter_ = nullptr;
};

class Rocks final : public Contender {
 public:
  explicit Rocks(const std::string& path) {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    CHECK(rocksdb::DB::Open(options, path, &db).ok());
    db_.reset(db);
  }
  const char* name() const override { return "rocksdb"; }
  void CreateIndexes() override { indexed_ = true; }
  void Insert(const std::vector<Document>& documents) override {
    rocksdb::WriteBatch batch;
    for (const Document& document : documents) {
      const std::string id(document.Find("_id")->string());
      CHECK(batch.Put("d" + id, document.bytes()).ok());
      CHECK(batch.Put("o" + std::to_string(1'000'000'000 + sequence_++), document.bytes()).ok());
      if (!indexed_) continue;
      const std::string created = std::to_string(document.Find("created")->int64());
      CHECK(batch
                .Put("a" + std::string(document.Find("agent")->string()) + "/" + created + "/" + id,
                     "")
                .ok());
      CHECK(batch.Put("t" + std::string(document.Find("topic")->string()) + "/" + id, "").ok());
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    CHECK(db_->Write(options, &batch).ok());
  }
  bool Get(const std::string& id) override {
    std::string value;
    return db_->Get({}, "d" + id, &value).ok() && !value.empty();
  }
  size_t Newest(const std::string& agent) override {
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}));
    const std::string prefix = "a" + agent + "/";
    size_t rows = 0;
    for (at->SeekForPrev(prefix + "9"); at->Valid() && at->key().starts_with(prefix) && rows < 20;
         at->Prev()) {
      const std::string key = at->key().ToString();
      rows += Get(key.substr(key.rfind('/') + 1));
    }
    return rows;
  }
  size_t Filter(int64_t session) override {
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}));
    size_t rows = 0;
    for (at->Seek("d"); at->Valid() && at->key().starts_with("d"); at->Next()) {
      const auto source =
          FindField(std::string_view(at->value().data(), at->value().size()), "source");
      rows += FindField(*source, "session")->int64() == session;
    }
    return rows;
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  bool indexed_ = false;
  int sequence_ = 0;
};

// What is on disk once all are closed.
void PrintSizes(const std::string& directory) {
  std::map<std::string, uint64_t> bytes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const std::string path = std::filesystem::relative(entry.path(), directory).string();
    bytes[path.substr(0, path.find_first_of("/."))] += entry.file_size();
  }
  std::printf("bytes on disk, closed\n");
  for (const auto& [name, size] : bytes) {
    std::printf("  %-8s %10.1f MB   %.2fx of sqlite\n", name.c_str(),
                static_cast<double>(size) / 1e6,
                static_cast<double>(size) / static_cast<double>(bytes["sqlite"]));
  }
}

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Microseconds per operation of each contender, round by round.
class Table final {
 public:
  void Add(const char* contender, double us) { samples_[contender].push_back(us); }
  void Print(const char* title) {
    std::printf("%s\n", title);
    const double ours = Median("docs");
    for (const char* contender : {"docs", "sealed", "sqlite", "rocksdb"}) {
      const std::vector<double>& all = samples_[contender];
      const double median = Median(contender);
      std::printf("  %-8s %10.1f us  [%.1f .. %.1f]  %9.0f/s", contender, median,
                  *std::min_element(all.begin(), all.end()),
                  *std::max_element(all.begin(), all.end()), 1e6 / median);
      if (median != ours) std::printf("   docs is %.2fx", median / ours);
      std::printf("\n");
    }
  }

 private:
  double Median(const char* contender) {
    std::vector<double> sorted = samples_[contender];
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
  std::map<std::string, std::vector<double>> samples_;
};

struct Bench final {
  std::vector<std::unique_ptr<Contender>> contenders;
  int rounds = 5;
  int next = 0;

  // `work` does `count` operations.
  void Compare(const char* title, int count,
               const std::function<void(Contender&, int round)>& work) {
    Table table;
    for (int round = 0; round < rounds; ++round) {
      for (size_t i = 0; i < contenders.size(); ++i) {
        Contender& contender = *contenders[(i + static_cast<size_t>(round)) % contenders.size()];
        table.Add(contender.name(), 1e6 * Seconds([&] { work(contender, round); }) / count);
      }
    }
    table.Print(title);
  }

  std::vector<Document> Range(int first, int count) const {
    std::vector<Document> all;
    for (int n = first; n < first + count; ++n) all.push_back(MakeDocument(n));
    return all;
  }

  void Run(int documents) {
    std::vector<Document> singles = Range(900'000'000 - 100'000'000, 200 * rounds);
    Compare("InsertOne, durable, no index", 200, [&](Contender& contender, int round) {
      for (int n = 0; n < 200; ++n)
        contender.Insert({singles[static_cast<size_t>(200 * round + n)]});
    });
    for (const auto& contender : contenders) contender->CreateIndexes();
    Compare("InsertMany of 1000, durable, two indexes (each document)", 5 * kBatch,
            [&](Contender& contender, int round) {
              for (int batch = 0; batch < 5; ++batch)
                contender.Insert(Range((round * 5 + batch) * kBatch, kBatch));
            });
    for (const auto& contender : contenders) {
      for (int n = rounds * 5 * kBatch; n < documents; n += kBatch)
        contender->Insert(Range(n, kBatch));
    }
    std::printf("(%d documents from here on)\n", std::max(documents, rounds * 5 * kBatch));
    base::SequentialRandom random(1);
    Compare("get by id", 10'000, [&](Contender& contender, int) {
      for (int n = 0; n < 10'000; ++n)
        CHECK(
            contender.Get(IdOf(static_cast<int>(random.Below(static_cast<uint64_t>(documents))))));
    });
    Compare("equality by index, newest 20", 500, [&](Contender& contender, int) {
      for (int n = 0; n < 500; ++n)
        CHECK_EQ(contender.Newest("agent-" + std::to_string(random.Below(kAgents))), 20u);
    });
    Compare("filter without an index, whole collection", 1, [&](Contender& contender, int) {
      CHECK_GT(contender.Filter(static_cast<int64_t>(random.Below(kSessions))), 0u);
    });
  }
};

}  // namespace
}  // namespace lockstep::docs

int main(int argc, char** argv) {
  using namespace lockstep::docs;
  if (argc < 2) return std::fputs("usage: docs_bench DIRECTORY [documents] [rounds]\n", stderr), 2;
  const std::string directory = argv[1];
  std::filesystem::create_directories(directory);
  Bench bench;
  if (argc > 3) bench.rounds = std::max(1, std::atoi(argv[3]));
  bench.contenders.push_back(std::make_unique<Ours>(directory + "/docs", std::nullopt));
  bench.contenders.push_back(std::make_unique<Ours>(directory + "/sealed", "a passphrase"));
  bench.contenders.push_back(std::make_unique<Sqlite>(directory + "/sqlite.db"));
  bench.contenders.push_back(std::make_unique<Rocks>(directory + "/rocksdb"));
  bench.Run(argc > 2 ? std::atoi(argv[2]) : 100'000);
  bench.contenders.clear();
  PrintSizes(directory);
  return 0;
}
