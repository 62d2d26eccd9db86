// `lockstep docs init|import|index|policy|rekey|bench`.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/docs_command.h"
#include "cli/table.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "framework/base/status_macros.h"

namespace lockstep::cli {
namespace {

using docs::BlockingStore;
using docs::Document;
using docs::Value;

struct WriteFlags final {
  DocsFlags docs;
  std::string collection;
  std::string input;
  std::string fields;
  std::string name;
  std::string new_passphrase_file;
  int64_t batch = 500;
  int64_t count = 10'000;
  int64_t expire_after = -1;
  std::string actor;
  bool audit = false;
  bool upsert = false;
  bool skip_bad = false;
  bool unique = false;
  bool sparse = false;
  bool drop = false;
  bool fold_accents = false;
  std::string language = "none";
  std::string history;  // durations, "default" or nothing
  std::string expire_after_write;
  std::string versions;
  std::string append_only;
};

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

absl::StatusOr<std::unique_ptr<BlockingStore>> Open(const DocsFlags& flags, bool audit = false) {
  if (!Exists(flags.directory + "/rows")) {
    return absl::NotFoundError(
        absl::StrCat(flags.directory, " holds no store of documents: see docs init"));
  }
  ASSIGN_OR_RETURN(docs::BlockingOptions options, DocsOptionsOf(flags));
  options.store.audit = audit;
  return BlockingStore::Open(flags.directory, options);
}

absl::Status Init(const WriteFlags& flags) {
  if (Exists(flags.docs.directory + "/rows"))
    return absl::AlreadyExistsError(flags.docs.directory + " holds a store already");
  ASSIGN_OR_RETURN(const docs::BlockingOptions options, DocsOptionsOf(flags.docs));
  ASSIGN_OR_RETURN(const auto store, BlockingStore::Open(flags.docs.directory, options));
  RETURN_IF_ERROR(store->Close());
  std::printf("%s: a new store%s\n", flags.docs.directory.c_str(),
              options.passphrase ? ", sealed" : "");
  return absl::OkStatus();
}

// What `export --meta` adds is the store's own business.
Document WithoutMeta(const Document& document) {
  if (!document.Find("_rev")) return document;
  std::string bytes;
  docs::Writer writer(bytes);
  docs::ElementReader reader(document.view());
  docs::Element element;
  while (reader.Next(&element)) {
    if (element.name != "_rev" && element.name != "_updated_at" && element.name != "_source_node")
      writer.Append(element);
  }
  writer.Finish();
  return Document::FromBytes(std::move(bytes));
}

// Lines of a file become documents of a collection, many at a time.
class Import final {
 public:
  Import(const WriteFlags& flags, BlockingStore& store) : flags_(flags), store_(store) {}

  absl::Status Run(std::istream& in, uint64_t bytes) {
    DocsProgress progress("imported");
    std::string line;
    uint64_t taken = 0;
    while (std::getline(in, line)) {
      ++line_;
      taken += line.size() + 1;
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      absl::StatusOr<Document> document = docs::FromJson(line);
      if (!document.ok()) {
        RETURN_IF_ERROR(Refuse(line_, document.status()));
        continue;
      }
      batch_.push_back(WithoutMeta(*document));
      lines_.push_back(line_);
      if (batch_.size() < static_cast<size_t>(flags_.batch)) continue;
      RETURN_IF_ERROR(Write());
      progress.Show(done_, bytes == 0 ? -1 : static_cast<int>(taken * 100 / bytes));
    }
    if (in.bad()) return absl::UnavailableError(flags_.input + ": reading failed");
    return Write();
  }
  uint64_t done() const { return done_; }
  uint64_t refused() const { return refused_; }

 private:
  absl::Status Refuse(uint64_t line, const absl::Status& why) {
    ++refused_;
    const std::string text = absl::StrCat(flags_.input, ":", line, ": ", why.message());
    if (!flags_.skip_bad) return absl::InvalidArgumentError(text);
    PrintError("docs import", text);
    return absl::OkStatus();
  }

  docs::WriteOptions Options() const {
    docs::WriteOptions options;
    options.actor = flags_.actor;
    return options;
  }
  absl::StatusOr<docs::WriteResult> WriteOne(const Document& document) {
    docs::BlockingCollection collection = store_.collection(flags_.collection);
    const auto id = document.Find("_id");
    if (!flags_.upsert || !id) return collection.InsertOne(document, Options());
    docs::WriteOptions options = Options();
    options.upsert = true;
    return store_.Write(
        docs::ReplaceOp(flags_.collection, Document{{"_id", Value(*id)}}, document, options));
  }

  // All of the batch; if something in it is refused, one by one.
  absl::Status Write() {
    const std::vector<Document> batch = std::exchange(batch_, {});
    const std::vector<uint64_t> lines = std::exchange(lines_, {});
    if (batch.empty()) return absl::OkStatus();
    if (!flags_.upsert) {
      const auto all = store_.WriteBatch({docs::InsertOp(flags_.collection, batch, Options())},
                                         docs::Durability::kSync);
      done_ += all.ok() ? batch.size() : 0;
      if (all.ok() || docs::Is(all.status(), docs::ErrorCode::kReadOnly)) return all.status();
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto one = WriteOne(batch[i]);
      done_ += one.ok() ? 1 : 0;
      if (docs::Is(one.status(), docs::ErrorCode::kReadOnly)) return one.status();
      if (!one.ok()) RETURN_IF_ERROR(Refuse(lines[i], one.status()));
    }
    return absl::OkStatus();
  }

  const WriteFlags& flags_;
  BlockingStore& store_;
  std::vector<Document> batch_;
  std::vector<uint64_t> lines_;
  uint64_t line_ = 0;
  uint64_t done_ = 0;
  uint64_t refused_ = 0;
};

absl::Status RunImport(const WriteFlags& flags) {
  if (flags.batch < 1 || flags.batch > 10'000)
    return absl::InvalidArgumentError("--batch must be 1 to 10000");
  std::ifstream file;
  uint64_t bytes = 0;
  if (flags.input != "-") {
    file.open(flags.input, std::ios::binary);
    if (!file) return absl::InvalidArgumentError(flags.input + ": cannot be read");
    std::error_code error;
    const auto size = std::filesystem::file_size(flags.input, error);
    bytes = error ? 0 : size;
  }
  ASSIGN_OR_RETURN(const auto store, Open(flags.docs, flags.audit));
  Import import(flags, *store);
  const absl::Status imported = import.Run(flags.input == "-" ? std::cin : file, bytes);
  const absl::Status closed = store->Close();
  std::printf("%llu documents imported, %llu refused\n",
              static_cast<unsigned long long>(import.done()),
              static_cast<unsigned long long>(import.refused()));
  RETURN_IF_ERROR(imported);
  RETURN_IF_ERROR(closed);
  if (import.refused() > 0) return absl::InvalidArgumentError("some lines were refused");
  return absl::OkStatus();
}

absl::Status Index(const WriteFlags& flags) {
  docs::IndexOptions options;
  options.name = flags.name;
  options.unique = flags.unique;
  options.sparse = flags.sparse;
  options.words = {flags.language == "english", flags.fold_accents};
  if (flags.expire_after >= 0) options.expire_after_seconds = flags.expire_after;
  Document fields;
  if (!flags.drop) {
    ASSIGN_OR_RETURN(fields, ParseJsonFlag("FIELDS", flags.fields));
  } else if (flags.name.empty()) {
    return absl::InvalidArgumentError("--drop needs --name");
  }
  ASSIGN_OR_RETURN(const auto store, Open(flags.docs));
  docs::BlockingCollection collection = store->collection(flags.collection);
  if (flags.drop) {
    RETURN_IF_ERROR(collection.DropIndex(flags.name));
    return store->Close();
  }
  {
    DocsProgress progress("indexed");
    RETURN_IF_ERROR(
        collection.CreateIndex(fields, options, [&](uint64_t done) { progress.Show(done, -1); }));
  }
  return store->Close();
}

constexpr char kDefault[] = "default";

// "30d", "12h", "5m", "10s", "200ms"; "default": nothing.
absl::StatusOr<std::optional<int64_t>> ParseDuration(const char* flag, const std::string& text) {
  if (text == kDefault) return std::optional<int64_t>();
  static constexpr std::pair<std::string_view, int64_t> kUnits[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  for (const auto& [unit, ms] : kUnits) {
    if (digits == 0 || digits > 9 || std::string_view(text).substr(digits) != unit) continue;
    return std::optional<int64_t>(std::stoll(text.substr(0, digits)) * ms);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(flag, ": '", text, "' is neither like 30d, 12h, 5m, 10s, 200ms nor 'default'"));
}

absl::Status ChangePolicy(const WriteFlags& flags, docs::CollectionPolicy& policy) {
  if (!flags.history.empty()) {
    ASSIGN_OR_RETURN(policy.history_ms, ParseDuration("--history", flags.history));
  }
  if (!flags.expire_after_write.empty()) {
    ASSIGN_OR_RETURN(policy.expire_after_ms,
                     ParseDuration("--expire-after", flags.expire_after_write));
  }
  if (flags.versions == kDefault) {
    policy.versions_max.reset();
  } else if (!flags.versions.empty()) {
    int64_t versions = 0;
    if (!absl::SimpleAtoi(flags.versions, &versions))
      return absl::InvalidArgumentError("--versions: needs a number or 'default'");
    policy.versions_max = versions;
  }
  if (!flags.append_only.empty()) policy.append_only = flags.append_only == "on";
  return absl::OkStatus();
}

absl::Status Policy(const WriteFlags& flags) {
  ASSIGN_OR_RETURN(const auto store, Open(flags.docs));
  docs::BlockingCollection collection = store->collection(flags.collection);
  docs::CollectionPolicy policy = collection.policy();
  const docs::CollectionPolicy before = policy;
  RETURN_IF_ERROR(ChangePolicy(flags, policy));
  if (!(policy == before)) RETURN_IF_ERROR(collection.SetPolicy(policy));
  std::printf("%s\n", docs::ToJson(policy.Describe()).c_str());
  return store->Close();
}

absl::Status Rekey(const WriteFlags& flags) {
  if (!Exists(flags.docs.directory + "/KEYS"))
    return absl::NotFoundError(flags.docs.directory + " holds no sealed store");
  ASSIGN_OR_RETURN(docs::BlockingOptions options, DocsOptionsOf(flags.docs));
  if (!flags.new_passphrase_file.empty()) {
    ASSIGN_OR_RETURN(const std::string passphrase, ReadPassphrase(flags.new_passphrase_file));
    return BlockingStore::ChangePassphrase(flags.docs.directory, options, passphrase);
  }
  DocsProgress progress("sealed anew", "kB");
  return BlockingStore::Rekey(flags.docs.directory, options, [&](uint64_t bytes, uint64_t all) {
    progress.Show(bytes / 1000, static_cast<int>(bytes * 100 / all));
  });
}

struct Measured final {
  std::string what;
  std::vector<double> us;  // of each operation
};

// The document that `n` stands for: about 1 kB, as an agent remembers.
Document Sample(int64_t n) {
  std::string text;
  for (int64_t i = 0; text.size() < 640; ++i)
    absl::StrAppend(&text, "word", (n * 7919 + i * 104'729) % 5000, " ");
  return {{"_id", Value(absl::StrCat("bench-", n))},
          {"agent", Value(absl::StrCat("agent-", n % 100))},
          {"created", Value(n)},
          {"text", Value(text)}};
}

Measured Measure(std::string what, int64_t count, const std::function<absl::Status(int64_t)>& work,
                 absl::Status* failure) {
  Measured measured{std::move(what), {}};
  for (int64_t i = 0; i < count && failure->ok(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    *failure = work(i);
    measured.us.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
            .count());
  }
  std::sort(measured.us.begin(), measured.us.end());
  return measured;
}

void PrintMeasured(const std::vector<Measured>& all, const std::string& format) {
  std::vector<std::vector<std::string>> rows;
  for (const Measured& one : all) {
    if (one.us.empty()) continue;
    const auto at = [&](size_t per_mille) {
      return absl::StrFormat("%.1f", one.us[(one.us.size() - 1) * per_mille / 1000]);
    };
    rows.push_back({one.what, std::to_string(one.us.size()), at(500), at(990), at(1000)});
  }
  if (format == "table") {
    std::printf("%s",
                FormatTable({"OPERATION", "COUNT", "P50 US", "P99 US", "MAX US"}, rows).c_str());
    return;
  }
  for (const std::vector<std::string>& row : rows) {
    std::printf(R"({"operation":"%s","count":%s,"p50_us":%s,"p99_us":%s,"max_us":%s})"
                "\n",
                row[0].c_str(), row[1].c_str(), row[2].c_str(), row[3].c_str(), row[4].c_str());
  }
}

// In a store of its own, which is removed at the end.
absl::Status Bench(const WriteFlags& flags) {
  if (flags.count < 100) return absl::InvalidArgumentError("--count must be at least 100");
  if (Exists(flags.docs.directory))
    return absl::InvalidArgumentError(flags.docs.directory + " exists; name a new directory");
  ASSIGN_OR_RETURN(const docs::BlockingOptions options, DocsOptionsOf(flags.docs));
  std::vector<Measured> all;
  absl::Status failure;
  {
    ASSIGN_OR_RETURN(const auto store, BlockingStore::Open(flags.docs.directory, options));
    docs::BlockingCollection c = store->collection("bench");
    RETURN_IF_ERROR(c.CreateIndex({{"agent", 1}, {"created", 1}}));
    const int64_t singles = std::min<int64_t>(flags.count / 10, 1000);
    all.push_back(Measure(
        "insert one, durable", singles, [&](int64_t i) { return c.InsertOne(Sample(i)).status(); },
        &failure));
    all.push_back(Measure(
        "insert 100, durable", (flags.count - singles) / 100,
        [&](int64_t batch) {
          std::vector<Document> documents;
          for (int64_t i = 0; i < 100; ++i) documents.push_back(Sample(singles + batch * 100 + i));
          return c.InsertMany(std::move(documents)).status();
        },
        &failure));
    all.push_back(Measure(
        "get by id", flags.count,
        [&](int64_t i) {
          return c.Get(Value(absl::StrCat("bench-", i * 7919 % singles))).status();
        },
        &failure));
    docs::FindOptions newest;
    newest.sort = {{"created", -1}};
    newest.limit = 20;
    all.push_back(Measure(
        "newest 20 of an agent, by index", std::max<int64_t>(flags.count / 10, 10),
        [&](int64_t i) -> absl::Status {
          ASSIGN_OR_RETURN(auto cursor,
                           c.Find({{"agent", Value(absl::StrCat("agent-", i % 100))}}, newest));
          return cursor.All().status();
        },
        &failure));
    if (failure.ok()) failure = store->Close();
  }
  PrintMeasured(all, flags.docs.format);
  std::error_code error;
  std::filesystem::remove_all(flags.docs.directory, error);
  return failure;
}

Command AddImport(CLI::App& docs) {
  const auto flags = std::make_shared<WriteFlags>();
  CLI::App* const app = docs.add_subcommand("import", "Lines of Extended JSON become documents");
  AddDocsDirectory(*app, flags->docs);
  app->add_option("COLLECTION", flags->collection, "Where they go")->required();
  app->add_option("FILE", flags->input, "JSON Lines (-: standard input)")->required();
  app->add_option("--batch", flags->batch, "How many are written at a time")->capture_default_str();
  app->add_flag("--audit", flags->audit, "Leave records in the audit trail");
  app->add_option("--actor", flags->actor, "Who they say it was");
  app->add_flag("--upsert", flags->upsert, "Replace documents that have the same _id");
  app->add_flag("--skip-bad", flags->skip_bad, "Go on behind a line that is refused");
  return {app, [=] { return FinishDocs("import", RunImport(*flags)); }};
}

Command AddIndex(CLI::App& docs) {
  const auto flags = std::make_shared<WriteFlags>();
  CLI::App* const app = docs.add_subcommand("index", "Create or drop an index");
  AddDocsDirectory(*app, flags->docs);
  app->add_option("COLLECTION", flags->collection, "Of which collection")->required();
  app->add_option("FIELDS", flags->fields, "{\"field\": 1 or -1, ...} or {\"field\": \"text\"}");
  app->add_option("--name", flags->name, "Its name (made of the fields)");
  app->add_option("--expire-after", flags->expire_after,
                  "Documents vanish so many seconds after the date in the field");
  app->add_flag("--unique", flags->unique, "No two documents have the same key");
  app->add_flag("--sparse", flags->sparse, "Documents without the fields are not in it");
  app->add_flag("--drop", flags->drop, "Drop the index with --name");
  app->add_option("--language", flags->language, "Of words: which are the same by their stems")
      ->check(CLI::IsMember({"none", "english"}))
      ->capture_default_str();
  app->add_flag("--fold-accents", flags->fold_accents, "Of words: letters without their marks");
  return {app, [=] { return FinishDocs("index", Index(*flags)); }};
}

Command AddPolicy(CLI::App& docs) {
  const auto flags = std::make_shared<WriteFlags>();
  CLI::App* const app = docs.add_subcommand(
      "policy", "What a collection keeps, and for how long; without options, what it is");
  AddDocsDirectory(*app, flags->docs);
  app->add_option("COLLECTION", flags->collection, "Of which collection")->required();
  app->add_option("--history", flags->history,
                  "How long old versions are kept: 30d, 12h, 5m, 10s, 200ms or default");
  app->add_option("--versions", flags->versions,
                  "How many old versions of a document are kept (0: all that are young enough)");
  app->add_option("--expire-after", flags->expire_after_write,
                  "Documents vanish so long after their last write");
  app->add_option("--append-only", flags->append_only, "Documents are never changed nor deleted")
      ->check(CLI::IsMember({"on", "off"}));
  return {app, [=] { return FinishDocs("policy", Policy(*flags)); }};
}

}  // namespace

std::vector<Command> AddDocsWriters(CLI::App& docs) {
  std::vector<Command> commands;
  const auto init_flags = std::make_shared<WriteFlags>();
  CLI::App* const init =
      docs.add_subcommand("init", "Make a store; with a passphrase, a sealed one");
  AddDocsDirectory(*init, init_flags->docs);
  commands.push_back({init, [=] { return FinishDocs("init", Init(*init_flags)); }});
  commands.push_back(AddImport(docs));
  commands.push_back(AddIndex(docs));
  commands.push_back(AddPolicy(docs));

  const auto rekey_flags = std::make_shared<WriteFlags>();
  CLI::App* const rekey =
      docs.add_subcommand("rekey", "Seal everything with a new key, or change the passphrase");
  AddDocsDirectory(*rekey, rekey_flags->docs);
  rekey->add_option("--new-passphrase-file", rekey_flags->new_passphrase_file,
                    "Change the passphrase to the first line of this file, and no key");
  commands.push_back({rekey, [=] { return FinishDocs("rekey", Rekey(*rekey_flags)); }});

  const auto bench_flags = std::make_shared<WriteFlags>();
  CLI::App* const bench =
      docs.add_subcommand("bench", "How fast it is on this disk, in a store that is removed after");
  AddDocsDirectory(*bench, bench_flags->docs);
  AddDocsFormat(*bench, bench_flags->docs, {"table", "json"});
  bench->add_option("-c,--count", bench_flags->count, "Documents")->capture_default_str();
  commands.push_back({bench, [=] { return FinishDocs("bench", Bench(*bench_flags)); }});
  return commands;
}

}  // namespace lockstep::cli
