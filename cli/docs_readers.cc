// `lockstep docs inspect|find|export|doctor|audit`: nothing is changed, not even the files' times.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/docs_command.h"
#include "cli/table.h"
#include "docs-memory/blocking/offline_read.h"
#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "framework/base/status_macros.h"

namespace lockstep::cli {
namespace {

using docs::Document;
using docs::OfflineFacts;
using docs::OfflineStore;
using docs::StoredDocument;
using docs::Value;

struct FindFlags final {
  DocsFlags docs;
  std::string collection;
  std::string filter;
  std::string sort;
  std::string projection;
  std::string out;
  std::string hint;
  int64_t skip = 0;
  int64_t limit = 0;
  int64_t as_of = -1;
  int64_t as_of_ms = -1;
  bool meta = false;
  bool explain = false;
  bool relaxed = false;
};

void Print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

absl::Status Read(
    const DocsFlags& flags,
    const std::function<absl::Status(Fiber&, const OfflineStore&, const OfflineFacts&)>& read) {
  ASSIGN_OR_RETURN(const docs::BlockingOptions options, DocsOptionsOf(flags));
  return docs::ReadOffline(flags.directory, options, read);
}

const char* NameOf(docs::IndexState state) {
  switch (state) {
    case docs::IndexState::kReady:
      return "ready";
    case docs::IndexState::kBuilding:
      return "building";
    case docs::IndexState::kFailed:
      return "failed";
  }
  return "?";
}

std::string IndexList(const docs::CollectionInfo& info) {
  std::string text;
  for (const docs::IndexDefinition& index : info.indexes) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", index.options.name);
    if (index.state != docs::IndexState::kReady)
      absl::StrAppend(&text, " (", NameOf(index.state), ")");
  }
  return text;
}

absl::Status Inspect(const DocsFlags& flags) {
  return Read(
      flags,
      [&](Fiber& fiber, const OfflineStore& store, const OfflineFacts& facts) -> absl::Status {
        const docs::ReadState& state = *store.state();
        std::vector<std::vector<std::string>> rows;
        std::string list;
        docs::Writer collections(list);
        size_t at = 0;
        for (const auto& [name, info] : state.catalog->collections) {
          ASSIGN_OR_RETURN(const uint64_t count,
                           docs::CountDocuments(fiber, store.state(), name, {}, NowMs()));
          const bool has_policy = !(info->policy == docs::CollectionPolicy());
          rows.push_back({name, std::to_string(count), IndexList(*info),
                          has_policy ? docs::ToJson(info->policy.Describe()) : ""});
          const size_t inner = collections.Begin(std::to_string(at++), docs::Type::kDocument);
          collections.AppendString("name", name);
          collections.AppendInt64("documents", static_cast<int64_t>(count));
          const size_t indexes = collections.Begin("indexes", docs::Type::kArray);
          for (size_t i = 0; i < info->indexes.size(); ++i) {
            const docs::IndexDefinition& index = info->indexes[i];
            collections.Append(std::to_string(i),
                               Value(Document{{"name", Value(index.options.name)},
                                              {"state", Value(NameOf(index.state))},
                                              {"words", Value(index.is_text)},
                                              {"unique", Value(index.options.unique)}}));
          }
          collections.End(indexes);
          if (has_policy) collections.Append("policy", info->policy.Describe().ref());
          collections.End(inner);
        }
        collections.Finish();
        const auto number = [](uint64_t n) { return Value(static_cast<int64_t>(n)); };
        const Document all{{"sealed", Value(facts.sealed)},
                           {"sequence", number(state.state.sequence)},
                           {"history_from", number(state.state.history_from)},
                           {"log_bytes", number(store.log_bytes())},
                           {"log_entries_to_replay", number(store.entries_replayed())},
                           {"rows_bytes", number(facts.rows_bytes)},
                           {"collections", Value::Of(docs::Type::kArray, list)}};
        if (flags.format == "json") {
          Print(docs::ToJson(all) + "\n");
          return absl::OkStatus();
        }
        Print(FormatTable({"COLLECTION", "DOCUMENTS", "INDEXES", "POLICY"}, rows));
        Print(absl::StrCat(facts.sealed ? "sealed, " : "not sealed, ", state.state.sequence,
                           " changes, history from ", state.state.history_from, ", rows ",
                           FormatBytes(static_cast<int64_t>(facts.rows_bytes)), ", log ",
                           FormatBytes(static_cast<int64_t>(store.log_bytes())), "\n"));
        return absl::OkStatus();
      });
}

absl::StatusOr<docs::FindOptions> OptionsOf(const FindFlags& flags) {
  docs::FindOptions options;
  ASSIGN_OR_RETURN(options.sort, ParseJsonFlag("--sort", flags.sort));
  ASSIGN_OR_RETURN(options.projection, ParseJsonFlag("--projection", flags.projection));
  options.skip = flags.skip;
  options.limit = flags.limit;
  options.hint = flags.hint;
  options.with_meta = flags.meta;
  if (flags.as_of >= 0) options.as_of = static_cast<docs::Sequence>(flags.as_of);
  if (flags.as_of_ms >= 0) options.as_of_ms = flags.as_of_ms;
  return options;
}

// Fields as columns, in the order in which they are first met.
std::string AsTable(const std::vector<Document>& documents) {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  for (const Document& document : documents) {
    std::vector<std::string>& row = rows.emplace_back(header.size());
    docs::ElementReader reader(document.view());
    docs::Element element;
    while (reader.Next(&element)) {
      const auto known = std::find(header.begin(), header.end(), element.name);
      const auto column = static_cast<size_t>(known - header.begin());
      if (known == header.end()) header.emplace_back(element.name);
      row.resize(std::max(row.size(), header.size()));
      row[column] = element.value.is(docs::Type::kString) ? std::string(element.value.string())
                                                          : docs::ToText(element.value);
    }
  }
  for (std::vector<std::string>& row : rows) row.resize(header.size());
  return documents.empty() ? "nothing found\n" : FormatTable(header, rows);
}

absl::Status Find(const FindFlags& flags) {
  ASSIGN_OR_RETURN(const Document filter, ParseJsonFlag("FILTER", flags.filter));
  ASSIGN_OR_RETURN(const docs::FindOptions options, OptionsOf(flags));
  return Read(flags.docs,
              [&](Fiber& fiber, const OfflineStore& store, const OfflineFacts&) -> absl::Status {
                ASSIGN_OR_RETURN(const auto cursor,
                                 docs::Cursor::Open(fiber, store.state(), flags.collection, filter,
                                                    options, NowMs()));
                std::vector<Document> table;
                for (;;) {
                  ASSIGN_OR_RETURN(const auto found, cursor->Next(fiber));
                  if (!found) break;
                  if (flags.explain) continue;
                  if (flags.docs.format == "table") {
                    table.push_back(found->document);
                  } else {
                    Print((flags.docs.format == "canonical" ? docs::ToCanonicalJson(found->document)
                                                            : docs::ToJson(found->document)) +
                          "\n");
                  }
                }
                if (flags.explain) {
                  Print(docs::ToJson(cursor->Explain()) + "\n");
                } else if (flags.docs.format == "table") {
                  Print(AsTable(table));
                }
                return absl::OkStatus();
              });
}

absl::Status Export(const FindFlags& flags) {
  ASSIGN_OR_RETURN(const Document filter, ParseJsonFlag("--filter", flags.filter));
  ASSIGN_OR_RETURN(docs::FindOptions options, OptionsOf(flags));
  options.sort = Document{{"_id", Value(1)}};
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      flags.out.empty() ? nullptr : std::fopen(flags.out.c_str(), "wb"),
      [](std::FILE* f) { return f == nullptr ? 0 : std::fclose(f); });
  if (!flags.out.empty() && file == nullptr)
    return absl::InvalidArgumentError(flags.out + ": cannot be written");
  std::FILE* const out = flags.out.empty() ? stdout : file.get();
  uint64_t count = 0;
  const absl::Status read = Read(
      flags.docs,
      [&](Fiber& fiber, const OfflineStore& store, const OfflineFacts&) -> absl::Status {
        DocsProgress progress("exported");
        ASSIGN_OR_RETURN(
            const auto cursor,
            docs::Cursor::Open(fiber, store.state(), flags.collection, filter, options, NowMs()));
        // (Counting is a part of the work; without a terminal nobody would see it.)
        uint64_t all = 0;
        if (progress.visible() && !options.as_of && !options.as_of_ms) {
          ASSIGN_OR_RETURN(
              all, docs::CountDocuments(fiber, store.state(), flags.collection, filter, NowMs()));
        }
        for (;; ++count) {
          ASSIGN_OR_RETURN(const auto found, cursor->Next(fiber));
          if (!found) return absl::OkStatus();
          const std::string line = (flags.relaxed ? docs::ToJson(found->document)
                                                  : docs::ToCanonicalJson(found->document)) +
                                   "\n";
          if (std::fwrite(line.data(), 1, line.size(), out) != line.size())
            return absl::UnavailableError(flags.out + ": writing failed");
          progress.Show(count, all == 0 ? -1 : static_cast<int>(count * 100 / all));
        }
      });
  RETURN_IF_ERROR(read);
  if (std::fflush(out) != 0) return absl::UnavailableError(flags.out + ": writing failed");
  if (!flags.out.empty())
    std::fprintf(stderr, "%llu documents\n", static_cast<unsigned long long>(count));
  return absl::OkStatus();
}

// What doctor looked at, and what it found.
struct Finding final {
  const char* what;
  absl::Status status;
};

int Doctor(const FindFlags& flags) {
  std::vector<Finding> findings;
  auto options = DocsOptionsOf(flags.docs);
  if (!options.ok()) return FinishDocs("doctor", options.status());
  absl::Status verified;
  const absl::Status opened = docs::ReadOffline(
      flags.docs.directory, *options,
      [&](Fiber& fiber, const OfflineStore& store, const OfflineFacts&) {
        DocsProgress progress("verified", "rows");
        verified = docs::VerifyStore(fiber, *store.state(),
                                     [&](uint64_t rows) { progress.Show(rows, -1); });
        return absl::OkStatus();
      });
  // Nothing was looked at: no verdict.
  if (absl::IsNotFound(opened) || docs::Is(opened, docs::ErrorCode::kBadPassphrase) ||
      docs::Is(opened, docs::ErrorCode::kStoreInUse)) {
    return FinishDocs("doctor", opened);
  }
  findings.push_back({"log, and rows up to its end", opened});
  if (opened.ok()) findings.push_back({"indexes, oplog and revisions", verified});
  findings.push_back(
      {"every block of every file", docs::VerifyFiles(flags.docs.directory, *options)});
  bool well = true;
  std::vector<std::vector<std::string>> rows;
  std::string list;
  docs::Writer json(list);
  for (size_t i = 0; i < findings.size(); ++i) {
    const Finding& finding = findings[i];
    well = well && finding.status.ok();
    const std::string text = finding.status.ok() ? "well" : std::string(finding.status.message());
    rows.push_back({finding.what, text});
    json.Append(std::to_string(i), Value(Document{{"checked", Value(finding.what)},
                                                  {"well", Value(finding.status.ok())},
                                                  {"finding", Value(text)}}));
  }
  json.Finish();
  const Document all{{"well", Value(well)}, {"checks", Value::Of(docs::Type::kArray, list)}};
  Print(flags.docs.format == "json" ? docs::ToJson(all) + "\n"
                                    : FormatTable({"CHECKED", "FOUND"}, rows));
  return well ? kExitOk : kExitFailed;
}

struct AuditFlags final {
  DocsFlags docs;
  docs::AuditQuery query;
  bool verify = false;
};

absl::Status Audit(const AuditFlags& flags) {
  return Read(flags.docs,
              [&](Fiber& fiber, const OfflineStore& store, const OfflineFacts&) -> absl::Status {
                const docs::ReadState& state = *store.state();
                if (flags.verify) {
                  RETURN_IF_ERROR(docs::VerifyAudit(fiber, *state.view));
                  Print(absl::StrCat(state.state.audit.count, " records, the chain is whole\n"));
                  return absl::OkStatus();
                }
                ASSIGN_OR_RETURN(const auto records,
                                 docs::ReadAudit(fiber, *state.view, flags.query));
                std::vector<Document> documents;
                for (const docs::AuditRecord& record : records) {
                  std::string bytes;
                  docs::Writer writer(bytes);
                  writer.AppendInt64("n", static_cast<int64_t>(record.number));
                  docs::ElementReader reader(record.document.view());
                  docs::Element element;
                  while (reader.Next(&element)) writer.Append(element);
                  writer.Finish();
                  documents.push_back(Document::FromBytes(std::move(bytes)));
                }
                if (flags.docs.format == "table") {
                  Print(AsTable(documents));
                  return absl::OkStatus();
                }
                for (const Document& document : documents) Print(docs::ToJson(document) + "\n");
                return absl::OkStatus();
              });
}

Command AddAudit(CLI::App& docs) {
  const auto flags = std::make_shared<AuditFlags>();
  CLI::App* const app = docs.add_subcommand("audit", "Who wrote what, and what was refused");
  AddDocsDirectory(*app, flags->docs);
  AddDocsFormat(*app, flags->docs, {"json", "table"});
  app->add_option("--collection", flags->query.collection, "Only of this collection");
  app->add_option("--actor", flags->query.actor, "Only of this actor");
  app->add_option("--after", flags->query.after, "Only records with a greater number");
  app->add_option("--limit", flags->query.limit, "How many at most (0: all)")
      ->capture_default_str();
  app->add_flag("--verify", flags->verify, "Compute the chain of hashes anew, instead");
  return {app, [=] { return FinishDocs("audit", Audit(*flags)); }};
}

void AddFindOptions(CLI::App& app, FindFlags& flags) {
  app.add_flag("--ignore-log", flags.docs.ignores_log,
               "What the last flush has left, if the log is damaged");
  app.add_option("COLLECTION", flags.collection, "Whose documents")->required();
  CLI::Option* const sequence =
      app.add_option("--as-of", flags.as_of, "The past, as of this sequence");
  app.add_option("--as-of-time", flags.as_of_ms, "... as of this time, in ms since 1970")
      ->excludes(sequence);
  app.add_flag("--meta", flags.meta, "Also _rev, _updated_at, _source_node and _score");
}

}  // namespace

std::vector<Command> AddDocsReaders(CLI::App& docs) {
  std::vector<Command> commands;
  const auto flags = std::make_shared<FindFlags>();
  CLI::App* const inspect = docs.add_subcommand("inspect", "What a store holds");
  AddDocsDirectory(*inspect, flags->docs);
  AddDocsFormat(*inspect, flags->docs, {"table", "json"});
  commands.push_back({inspect, [=] { return FinishDocs("inspect", Inspect(flags->docs)); }});

  const auto find_flags = std::make_shared<FindFlags>();
  CLI::App* const find = docs.add_subcommand("find", "Documents that a filter matches");
  AddDocsDirectory(*find, find_flags->docs);
  AddFindOptions(*find, *find_flags);
  AddDocsFormat(*find, find_flags->docs, {"json", "canonical", "table"});
  find->add_option("FILTER", find_flags->filter, "Extended JSON; nothing: all");
  find->add_option("--sort", find_flags->sort, "{\"field\": 1 or -1, ...}");
  find->add_option("--projection", find_flags->projection, "{\"field\": 1, ...}");
  find->add_option("--skip", find_flags->skip, "How many to leave out");
  find->add_option("--limit", find_flags->limit, "How many at most (0: all)");
  find->add_option("--hint", find_flags->hint, "An index's name, _id_ or $natural");
  find->add_flag("--explain", find_flags->explain, "The plan and what it took, instead");
  commands.push_back({find, [=] { return FinishDocs("find", Find(*find_flags)); }});

  const auto out_flags = std::make_shared<FindFlags>();
  CLI::App* const out = docs.add_subcommand("export", "Documents as lines of Extended JSON");
  AddDocsDirectory(*out, out_flags->docs);
  AddFindOptions(*out, *out_flags);
  out->add_option("-o,--output", out_flags->out, "A file (standard output)");
  out->add_option("--filter", out_flags->filter, "Extended JSON; nothing: all");
  out->add_flag("--relaxed", out_flags->relaxed,
                "Easier to read; some types of numbers and dates look alike");
  commands.push_back({out, [=] { return FinishDocs("export", Export(*out_flags)); }});

  const auto doctor_flags = std::make_shared<FindFlags>();
  CLI::App* const doctor = docs.add_subcommand("doctor", "Verify everything, change nothing");
  AddDocsDirectory(*doctor, doctor_flags->docs);
  AddDocsFormat(*doctor, doctor_flags->docs, {"table", "json"});
  commands.push_back({doctor, [=] { return Doctor(*doctor_flags); }});
  commands.push_back(AddAudit(docs));
  return commands;
}

}  // namespace lockstep::cli
