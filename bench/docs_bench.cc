// The document store beside SQLite and raw RocksDB, in one run, at equal durability.
//
//   docs_bench DIRECTORY [documents] [rounds]        # DIRECTORY is made and left behind
//   docs_bench DIRECTORY documents rounds sqlite     # only with that one (docs: with none)
//   docs_bench DIRECTORY documents rounds open       # how long our store takes to open
//
// Every store holds the same documents (about 1 kB, as agents remember) and an oplog row per write;
// where indexes count, two of them. SQLite: WAL, synchronous=FULL, JSON text, indexes over
// json_extract. RocksDB: one batch per write, synced log, keys made by hand. Rounds alternate
// between the stores. A line has the median over the rounds of each round's median operation, the
// spread of these, and the median of the rounds' ratios: medians bear a busy machine, means do not.
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

double Microseconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

double Median(std::vector<double> all) {
  CHECK(!all.empty());
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

// The median operation of each round, by contender.
class Table final {
 public:
  void Add(const char* contender, double us) { rounds_[contender].push_back(us); }
  void Print(const char* title) {
    std::printf("%s\n", title);
    const std::vector<double>& ours = rounds_["docs"];
    for (const char* contender : {"docs", "sealed", "sqlite", "rocksdb"}) {
      const std::vector<double>& all = rounds_[contender];
      if (all.empty()) continue;
      std::printf("  %-8s %10.1f us  [%.1f .. %.1f]", contender, Median(all),
                  *std::min_element(all.begin(), all.end()),
                  *std::max_element(all.begin(), all.end()));
      std::vector<double> ratios;
      for (size_t i = 0; i < all.size(); ++i) ratios.push_back(all[i] / ours[i]);
      if (&all != &ours) std::printf("   docs is %.2fx as fast", Median(ratios));
      std::printf("\n");
    }
  }

 private:
  std::map<std::string, std::vector<double>> rounds_;
};

struct Bench final {
  std::vector<std::unique_ptr<Contender>> contenders;
  int rounds = 5;

  // `work` does operation `i` of `count` in a round, which takes care of so many documents.
  void Compare(const char* title, int count, int documents,
               const std::function<void(Contender&, int round, int i)>& work) {
    Table table;
    for (int round = 0; round < rounds; ++round) {
      for (size_t turn = 0; turn < contenders.size(); ++turn) {
        Contender& contender = *contenders[(turn + static_cast<size_t>(round)) % contenders.size()];
        std::vector<double> took;
        for (int i = 0; i < count; ++i)
          took.push_back(Microseconds([&] { work(contender, round, i); }) / documents);
        table.Add(contender.name(), Median(std::move(took)));
      }
    }
    table.Print(title);
  }

  std::vector<Document> Range(int first, int count) const {
    std::vector<Document> all;
    for (int n = first; n < first + count; ++n) all.push_back(MakeDocument(n));
    return all;
  }

  void Insert() {
    const std::vector<Document> singles = Range(900'000'000 - 100'000'000, 200 * rounds);
    Compare("InsertOne, durable, no index", 200, 1, [&](Contender& contender, int round, int i) {
      contender.Insert({singles[static_cast<size_t>(200 * round + i)]});
    });
    for (const auto& contender : contenders) contender->CreateIndexes();
    const std::vector<Document> many = Range(0, rounds * 5 * kBatch);
    Compare("InsertMany of 1000, durable, two indexes (each document)", 5, kBatch,
            [&](Contender& contender, int round, int i) {
              const auto first = many.begin() + (round * 5 + i) * kBatch;
              contender.Insert({first, first + kBatch});
            });
  }

  void Run(int documents) {
    Insert();
    for (int n = rounds * 5 * kBatch; n < documents; n += kBatch) {
      const std::vector<Document> more = Range(n, kBatch);
      for (const auto& contender : contenders) contender->Insert(more);
    }
    const int all = std::max(documents, rounds * 5 * kBatch);
    std::printf("(%d documents from here on)\n", all);
    base::SequentialRandom random(1);
    const auto below = [&random](int n) {
      return static_cast<int>(random.Below(static_cast<uint64_t>(n)));
    };
    Compare("get by id", 10'000, 1,
            [&](Contender& contender, int, int) { CHECK(contender.Get(IdOf(below(all)))); });
    Compare("equality by index, newest 20", 500, 1, [&](Contender& contender, int, int) {
      CHECK_EQ(contender.Newest("agent-" + std::to_string(below(kAgents))), 20u);
    });
    Compare("filter without an index, whole collection", 1, 1, [&](Contender& contender, int, int) {
      CHECK_GT(contender.Filter(below(kSessions)), 0u);
    });
  }
};

// How long a store with so many documents takes to open after it was closed in good order.
void MeasureOpening(const std::string& directory, int documents, int rounds) {
  {
    Ours store(directory, std::nullopt);
    store.CreateIndexes();
    for (int n = 0; n < documents; n += kBatch) {
      std::vector<Document> batch;
      for (int i = n; i < n + kBatch; ++i) batch.push_back(MakeDocument(i));
      store.Insert(batch);
    }
  }
  std::vector<double> took;
  for (int round = 0; round < rounds; ++round) {
    std::optional<Ours> store;
    took.push_back(Microseconds([&] { store.emplace(directory, std::nullopt); }) / 1000);
    CHECK(store->Get(IdOf(documents / 2)));
  }
  std::printf("open a store of %d documents: %.1f ms  [%.1f .. %.1f]\n", documents, Median(took),
              *std::min_element(took.begin(), took.end()),
              *std::max_element(took.begin(), took.end()));
}

}  // namespace
}  // namespace lockstep::docs

int main(int argc, char** argv) {
  using namespace lockstep::docs;
  if (argc < 2)
    return std::fputs("usage: docs_bench DIRECTORY [documents] [rounds] [OTHER|open]\n", stderr), 2;
  const std::string directory = argv[1];
  std::filesystem::create_directories(directory);
  Bench bench;
  if (argc > 3) bench.rounds = std::max(1, std::atoi(argv[3]));
  const std::string only = argc > 4 ? argv[4] : "";
  if (only == "open")
    return MeasureOpening(directory + "/docs", std::atoi(argv[2]), bench.rounds), 0;
  const auto wants = [&only](const char* name) {
    return only.empty() || only == name || std::string_view("docs") == name;
  };
  if (wants("docs"))
    bench.contenders.push_back(std::make_unique<Ours>(directory + "/docs", std::nullopt));
  if (wants("sealed"))
    bench.contenders.push_back(std::make_unique<Ours>(directory + "/sealed", "a passphrase"));
  if (wants("sqlite"))
    bench.contenders.push_back(std::make_unique<Sqlite>(directory + "/sqlite.db"));
  if (wants("rocksdb")) bench.contenders.push_back(std::make_unique<Rocks>(directory + "/rocksdb"));
  bench.Run(argc > 2 ? std::atoi(argv[2]) : 100'000);
  bench.contenders.clear();
  PrintSizes(directory);
  return 0;
}
