#include "checkers/string_versions.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/container/btree_map.h"
#include "checkers/refutation.h"
#include "checkers/version_chains.h"

namespace lockstep::checkers {
namespace {

using Kind = StringInput::Kind;

constexpr int64_t kEmpty = -1;  // the version that every key begins with
constexpr uint32_t kNone = UINT32_MAX;

// A text that was put or appended, by whom.
struct Piece final {
  std::string_view text;
  uint32_t first = 0;  // its operations are writers_[first, first + count), by time
  uint32_t count = 0;
  uint32_t puts = 0;         // of them
  uint32_t version = kNone;  // one that it made; the others are linked from there
};

// A string that the key has held: `piece` behind the version `before`.
struct StringVersion final {
  int64_t before = kEmpty;
  uint32_t piece = 0;
  uint32_t other = kNone;            // the next version of the same piece
  uint32_t writer = kNone;           // a place
  int64_t seen_by = Access::kNever;  // it was there at this time
  int64_t missed_at = INT64_MIN;     // it was not there yet
};

// Bytes that two texts have in common at their beginning.
size_t CommonPrefix(std::string_view a, std::string_view b) {
  const size_t size = std::min(a.size(), b.size());
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
    if (std::memcmp(a.data() + at, b.data() + at, sizeof(uint64_t)) != 0) break;
  }
  while (at < size && a[at] == b[at]) ++at;
  return at;
}

// The strings of one key.
class StringVersions final {
 public:
  struct Finding {
    bool is_decided = true;
    std::optional<std::string> why;
    std::vector<size_t> places;
  };

  StringVersions(const std::vector<StringOperation>& operations,
                 const std::vector<uint32_t>& places)
      : operations_(operations), places_(places) {}

  Finding Run() {
    if (!CollectPieces()) return Undecided();
    accesses_.reserve(places_.size());
    for (uint32_t read = 0; read < places_.size(); ++read) {
      const StringOperation& op = Op(read);
      if (op.input.kind != Kind::kGet || !op.returned) continue;
      const std::optional<int64_t> version = VersionOf(read, op.output);
      if (!version) return std::move(finding_);
      accesses_.push_back({op.call, *op.returned, *version, read, Access::Kind::kRead});
    }
    if (!NameWriters()) return finding_.why ? std::move(finding_) : Undecided();
    AddWrites();
    VersionChains chains(kEmpty, 0, values_ - 1, static_cast<size_t>(values_) + 1, expected_);
    VersionChains::Finding found =
        chains.Check(accesses_.data(), accesses_.data() + accesses_.size());
    if (!found.is_decided || (found.why && is_guessed_)) return Undecided();
    finding_.why = std::move(found.why);
    for (const uint32_t op : found.places) AddWithWriters(op);
    return std::move(finding_);
  }

 private:
  // A place within the text that was read last, and the version up to there.
  struct Mark {
    size_t end;
    int64_t version;
  };

  Finding Undecided() {
    finding_ = Finding();
    finding_.is_decided = false;
    return std::move(finding_);
  }

  // False: the texts do not tell which pieces they are made of.
  bool CollectPieces() {
    constexpr uint32_t kSameMax = 8;
    for (uint32_t op = 0; op < places_.size(); ++op) {
      const StringInput& input = Op(op).input;
      if (input.kind == Kind::kGet) continue;
      if (input.value.empty()) return false;
      writers_.push_back(op);
    }
    std::sort(writers_.begin(), writers_.end(), [&](uint32_t a, uint32_t b) {
      const int order = Op(a).input.value.compare(Op(b).input.value);
      if (order != 0) return order < 0;
      return std::pair(Op(a).call, a) < std::pair(Op(b).call, b);
    });
    for (uint32_t i = 0; i < writers_.size(); ++i) {
      const StringInput& input = Op(writers_[i]).input;
      const bool continues = !pieces_.empty() && input.value.starts_with(pieces_.back().text);
      if (continues && input.value.size() != pieces_.back().text.size()) return false;
      if (!continues) pieces_.push_back({input.value, i, 0, 0, kNone});
      Piece& piece = pieces_.back();
      piece.puts += input.kind == Kind::kPut ? 1 : 0;
      // Two puts of one text would be two chains of which the reads do not tell.
      if (++piece.count > kSameMax || piece.puts > 1) return false;
    }
    return true;
  }

  // The piece that a text begins with, or kNone.
  uint32_t FirstPiece(std::string_view text) const {
    auto after =
        std::upper_bound(pieces_.begin(), pieces_.end(), text,
                         [](std::string_view t, const Piece& piece) { return t < piece.text; });
    if (after == pieces_.begin() || !text.starts_with((after - 1)->text)) return kNone;
    return static_cast<uint32_t>(after - pieces_.begin() - 1);
  }

  // Takes apart only what differs from the text before.
  std::optional<int64_t> VersionOf(uint32_t read, std::string_view text) {
    const size_t common = CommonPrefix(text, text_);
    while (!marks_.empty() && marks_.back().end > common) marks_.pop_back();
    text_ = text;
    while (marks_.empty() ? !text.empty() : marks_.back().end < text.size()) {
      const size_t end = marks_.empty() ? 0 : marks_.back().end;
      const uint32_t piece = FirstPiece(text.substr(end));
      if (piece == kNone) return Refute(read, "a read shows what nobody put or appended");
      if (end != 0 && pieces_[piece].puts == pieces_[piece].count)
        return Refute(read, "a read shows a put behind others");
      const uint32_t version = Follow(marks_.empty() ? kEmpty : marks_.back().version, piece);
      if (version == kNone) {
        return Refute(read, "reads show a value more often than it was appended");
      }
      marks_.push_back({end + pieces_[piece].text.size(), version});
    }
    return marks_.empty() ? kEmpty : marks_.back().version;
  }

  // The version that a piece makes of another; kNone if it has made too many already.
  uint32_t Follow(int64_t before, uint32_t at) {
    Piece& piece = pieces_[at];
    uint32_t count = 0;
    for (uint32_t i = piece.version; i != kNone; i = versions_[i].other) {
      if (versions_[i].before == before) return i;
      ++count;
    }
    if (count == piece.count) return kNone;
    // By a put, or at the very beginning by an append: it may even be two chains.
    is_guessed_ = is_guessed_ || (before == kEmpty && piece.puts != 0 && piece.puts != piece.count);
    const auto version = static_cast<uint32_t>(versions_.size());
    versions_.push_back({before, at, piece.version, writers_[piece.first]});
    piece.version = version;
    return version;
  }

  // Who wrote what is clear where nobody else wrote the same. Otherwise the time tells: a version
  // was made before what shows it or follows on it has returned, and after what shows or made
  // something shorter was called. False: nobody can have made one.
  bool NameWriters() {
    const auto is_clear = [](const Piece& piece) { return piece.count == 1; };
    if (std::all_of(pieces_.begin(), pieces_.end(), is_clear)) return true;
    std::vector<int64_t> called(versions_.size(), INT64_MIN);
    int64_t called_on_empty = INT64_MIN;
    const auto at = [](int64_t version) { return static_cast<size_t>(version); };
    for (const Access& read : accesses_) {
      int64_t& call = read.value == kEmpty ? called_on_empty : called[at(read.value)];
      call = std::max(call, read.call);
      if (read.value == kEmpty) continue;
      int64_t& seen = versions_[at(read.value)].seen_by;
      seen = std::min(seen, read.returned);
    }
    for (size_t i = versions_.size(); i-- > 0;) {
      StringVersion& version = versions_[i];
      if (is_clear(pieces_[version.piece])) {
        const StringOperation& op = Op(version.writer);
        called[i] = std::max(called[i], op.call);
        version.seen_by = std::min(version.seen_by, op.returned.value_or(Access::kNever));
      }
      if (version.before == kEmpty) continue;
      int64_t& before = versions_[at(version.before)].seen_by;
      before = std::min(before, version.seen_by);
    }
    for (StringVersion& version : versions_) {
      version.missed_at =
          version.before == kEmpty
              ? called_on_empty
              : std::max(versions_[at(version.before)].missed_at, called[at(version.before)]);
    }
    return std::all_of(pieces_.begin(), pieces_.end(),
                       [&](const Piece& piece) { return is_clear(piece) || Assign(piece); });
  }

  // Several wrote the same: first what only one of them can have made, then guesses.
  bool Assign(const Piece& piece) {
    const auto first = writers_.begin() + piece.first;
    std::vector<uint32_t> left(first, first + piece.count);
    std::vector<uint32_t> open;
    for (uint32_t i = piece.version; i != kNone; i = versions_[i].other) open.push_back(i);
    std::sort(open.begin(), open.end(), [&](uint32_t a, uint32_t b) {
      return std::pair(versions_[a].seen_by, a) < std::pair(versions_[b].seen_by, b);
    });
    while (!open.empty()) {
      size_t best = 0;
      std::ptrdiff_t fewest = INT32_MAX;
      for (size_t i = 0; i < open.size(); ++i) {
        const std::ptrdiff_t count = std::count_if(
            left.begin(), left.end(), [&](uint32_t op) { return CanMake(op, versions_[open[i]]); });
        if (count >= fewest) continue;
        best = i;
        fewest = count;
      }
      if (fewest == 0) return is_guessed_ ? false : RefuteMakers(open[best]);
      is_guessed_ = is_guessed_ || fewest > 1;
      StringVersion& version = versions_[open[best]];
      const auto writer =
          std::find_if(left.begin(), left.end(), [&](uint32_t op) { return CanMake(op, version); });
      version.writer = *writer;
      left.erase(writer);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(best));
    }
    return true;
  }

  bool CanMake(uint32_t op, const StringVersion& version) const {
    const bool is_put = Op(op).input.kind == Kind::kPut;
    return (!is_put || version.before == kEmpty) && Op(op).call <= version.seen_by &&
           Op(op).returned.value_or(Access::kNever) >= version.missed_at;
  }

  // An append that was never read is as good as a put that was never read.
  void AddWrites() {
    expected_.assign(places_.size(), kEmpty);
    std::vector<bool> is_seen(places_.size());
    for (size_t i = 0; i < versions_.size(); ++i) {
      const StringVersion& version = versions_[i];
      is_seen[version.writer] = true;
      expected_[version.writer] = version.before;
      AddWrite(version.writer, static_cast<int64_t>(i),
               Op(version.writer).input.kind != Kind::kPut);
    }
    values_ = static_cast<int64_t>(versions_.size());
    for (const uint32_t op : writers_) {
      if (!is_seen[op] && Op(op).returned) AddWrite(op, values_++, false);
    }
  }
  void AddWrite(uint32_t op, int64_t value, bool is_append) {
    accesses_.push_back({Op(op).call, Op(op).returned.value_or(Access::kNever), value, op,
                         is_append ? Access::Kind::kCas : Access::Kind::kWrite});
  }

  std::optional<int64_t> Refute(uint32_t read, const char* why) {
    finding_.why = why;
    AddWithWriters(read);
    // The other reads that show the piece.
    const std::string_view text = Op(read).output;
    const uint32_t piece = FirstPiece(text.substr(marks_.empty() ? 0 : marks_.back().end));
    for (const Access& access : accesses_) {
      if (piece == kNone || access.value == kEmpty) continue;
      if (versions_[static_cast<size_t>(access.value)].piece == piece) AddWithWriters(access.place);
    }
    return std::nullopt;
  }

  // Nobody wrote the version's piece at the right time. Always false.
  bool RefuteMakers(uint32_t version) {
    finding_.why = "a read shows a value behind another, and nobody appended it at that time";
    const Piece& piece = pieces_[versions_[version].piece];
    for (const Access& read : accesses_) {
      if (read.returned == versions_[version].seen_by ||
          read.call == versions_[version].missed_at) {
        AddWithWriters(read.place);
      }
    }
    for (uint32_t i = 0; i < piece.count; ++i) AddWithWriters(writers_[piece.first + i]);
    return false;
  }

  // With a read, who may have written what it shows.
  void AddWithWriters(uint32_t op) {
    finding_.places.push_back(places_[op]);
    if (Op(op).input.kind != Kind::kGet) return;
    std::string_view rest = Op(op).output;
    for (uint32_t at = FirstPiece(rest); at != kNone; at = FirstPiece(rest)) {
      const Piece& piece = pieces_[at];
      for (uint32_t i = 0; i < piece.count; ++i) {
        finding_.places.push_back(places_[writers_[piece.first + i]]);
      }
      rest.remove_prefix(piece.text.size());
    }
  }

  const StringOperation& Op(uint32_t op) const { return operations_[places_[op]]; }

  const std::vector<StringOperation>& operations_;
  const std::vector<uint32_t>& places_;
  std::vector<uint32_t> writers_;  // puts and appends, by text; operations are places in places_
  std::vector<Piece> pieces_;      // by text
  std::vector<StringVersion> versions_;
  std::string_view text_;    // that was taken apart last
  std::vector<Mark> marks_;  // of it
  std::vector<Access> accesses_;
  std::vector<int64_t> expected_;  // by operation
  int64_t values_ = 0;             // numbers of versions and of what was never read
  bool is_guessed_ = false;
  Finding finding_;
};

// What contradicts itself is contradicted whatever else happened, so the search puts it into words;
// unless it is too much for that.
LinearizabilityResult InWords(const StringModel& model,
                              const std::vector<StringOperation>& operations,
                              StringVersions::Finding finding,
                              const LinearizabilityLimits& limits) {
  std::vector<size_t>& places = finding.places;
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  if (limits.minimize) {
    LinearizabilityLimits small = limits;
    small.configurations_max = std::min<size_t>(limits.configurations_max, 20'000);
    LinearizabilityResult result = CheckPart(model, operations, places, small);
    if (result.verdict == Verdict::kViolation) return result;
  }
  const std::string where = "key " + operations[places[0]].input.key;
  return Refutation(model, operations, std::move(places), *finding.why, where);
}

}  // namespace

LinearizabilityResult CheckStringStore(const StringModel& model,
                                       const std::vector<StringOperation>& operations,
                                       const LinearizabilityLimits& limits) {
  absl::btree_map<std::string_view, std::vector<uint32_t>> by_key;
  for (uint32_t place = 0; place < operations.size(); ++place) {
    by_key[operations[place].input.key].push_back(place);
  }
  std::vector<size_t> open;
  for (const auto& [key, places] : by_key) {
    StringVersions::Finding finding = StringVersions(operations, places).Run();
    if (finding.why) return InWords(model, operations, std::move(finding), limits);
    if (!finding.is_decided) open.insert(open.end(), places.begin(), places.end());
  }
  if (open.empty()) return Proof(operations.size());
  return CheckPart(model, operations, std::move(open), limits);
}

}  // namespace lockstep::checkers
