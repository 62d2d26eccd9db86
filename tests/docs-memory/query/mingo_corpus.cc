// Says what our filters and updates do to a random corpus, a JSON line per case, for mingo to
// compare: mingo_corpus [SEED] [CASES]
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "docs-memory/bson/error.h"
#include "docs-memory/bson/parse.h"
#include "docs-memory/query/filter.h"
#include "docs-memory/update/update.h"
#include "framework/base/check.h"
#include "framework/base/random.h"

namespace lockstep::docs {
namespace {

// Text that is JSON to both sides: no types that JavaScript lacks.
class Corpus final {
 public:
  explicit Corpus(uint64_t seed) : random_(seed) {}

  std::string Pick(const std::vector<std::string>& all) { return all[random_.Below(all.size())]; }
  std::string Scalar() {
    return Pick(
        {"0", "1", "2", "3", "-1", "1.5", "\"a\"", "\"ab\"", "\"\"", "true", "false", "null"});
  }
  std::string Value(int depth) {
    const uint64_t kind = depth == 0 ? 0 : random_.Below(8);
    if (kind == 6) return "[" + List(depth - 1) + "]";
    if (kind == 7) return Object(depth - 1);
    return Scalar();
  }
  std::string List(int depth) {
    std::string text;
    const uint64_t count = random_.Below(4);
    for (uint64_t i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + Value(depth);
    return text;
  }
  std::string Object(int depth) {
    std::string text = "{";
    for (const char* name : {"a", "b", "c"}) {
      if (random_.Below(2) == 0) continue;
      text += (text.size() == 1 ? "\"" : ", \"") + std::string(name) + "\": " + Value(depth);
    }
    return text + "}";
  }
  std::string Path() { return Pick({"a", "b", "a.b", "a.c", "b.a", "a.0", "a.1", "a.b.c"}); }

  std::string Condition(int depth) {
    switch (random_.Below(12)) {
      case 0:
        return "{\"$in\": [" + Value(1) + ", " + Value(1) + "]}";
      case 1:
        return "{\"$nin\": [" + Value(1) + ", " + Value(1) + "]}";
      case 2:
        return "{\"$exists\": " + Pick({"true", "false"}) + "}";
      case 3:
        return "{\"$size\": " + Pick({"0", "1", "2"}) + "}";
      case 4:
        return "{\"$all\": [" + Scalar() + ", " + Scalar() + "]}";
      case 5:
        return "{\"$mod\": [2, " + Pick({"0", "1"}) + "]}";
      case 6:
        return "{\"$regex\": \"" + Pick({"^a", "b$", "b", "^$"}) + "\"}";
      case 7:
        if (depth > 0) return "{\"$not\": " + Operators() + "}";
        return Operators();
      case 8:
        if (depth > 0)
          return "{\"$elemMatch\": " + Pick({Operators(), "{\"b\": " + Scalar() + "}"}) + "}";
        return Operators();
      case 9:
        return Value(1);
      default:
        return Operators();
    }
  }
  std::string Operators() {
    return "{\"" + Pick({"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"}) + "\": " + Scalar() + "}";
  }
  std::string Filter(int depth) {
    if (depth > 0 && random_.Below(4) == 0) {
      return "{\"" + Pick({"$and", "$or", "$nor"}) + "\": [" + Filter(depth - 1) + ", " +
             Filter(depth - 1) + "]}";
    }
    return "{\"" + Path() + "\": " + Condition(1) + "}";
  }
  std::string Update() {
    const std::string path = Pick({"a", "b", "a.b", "c.a", "d"});
    switch (random_.Below(9)) {
      case 0:
        return "{\"$unset\": {\"" + path + "\": \"\"}}";
      case 1:
        return "{\"$inc\": {\"" + path + "\": " + Pick({"1", "-2", "0.5"}) + "}}";
      case 2:
        return "{\"$mul\": {\"" + path + "\": " + Pick({"2", "-1"}) + "}}";
      case 3:
        return "{\"$push\": {\"" + path + "\": " + Scalar() + "}}";
      case 4:
        return "{\"$addToSet\": {\"" + path + "\": " + Scalar() + "}}";
      case 5:
        return "{\"$pull\": {\"" + path + "\": " + Scalar() + "}}";
      case 6:
        return "{\"$pop\": {\"" + path + "\": " + Pick({"1", "-1"}) + "}}";
      case 7:
        return "{\"$push\": {\"" + path + "\": {\"$each\": [" + List(0) +
               "], \"$position\": 1, \"$slice\": 3}}}";
      default:
        return "{\"$set\": {\"" + path + "\": " + Value(1) + "}}";
    }
  }

 private:
  base::SequentialRandom random_;
};

Document Json(const std::string& text) {
  auto document = FromJson(text);
  CHECK_OK(document.status());
  return *std::move(document);
}

void PrintFilterCase(Corpus& corpus) {
  const std::string document = corpus.Object(3);
  const std::string filter = corpus.Filter(2);
  const auto parsed = Filter::Parse(Json(filter).view());
  CHECK_OK(parsed.status());
  const bool ours = parsed->Matches(Json(document).view());
  std::printf("{\"kind\": \"filter\", \"document\": %s, \"filter\": %s, \"ours\": %s}\n",
              document.c_str(), filter.c_str(), ours ? "true" : "false");
}

void PrintUpdateCase(Corpus& corpus) {
  const std::string document = corpus.Object(3);
  const std::string update = corpus.Update();
  const auto parsed = Update::Parse(Json(update).view());
  CHECK_OK(parsed.status());
  const auto changed = parsed->Apply(Json(document), {0, false});
  const std::string ours =
      changed.ok() ? ToJson(*changed) : "\"" + std::string(CodeOf(changed.status())) + "\"";
  std::printf("{\"kind\": \"update\", \"document\": %s, \"update\": %s, \"ours\": %s}\n",
              document.c_str(), update.c_str(), ours.c_str());
}

}  // namespace
}  // namespace lockstep::docs

int main(int argc, char** argv) {
  lockstep::docs::Corpus corpus(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1);
  const long cases = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 4000;
  for (long i = 0; i < cases; ++i) {
    i % 3 == 2 ? lockstep::docs::PrintUpdateCase(corpus) : lockstep::docs::PrintFilterCase(corpus);
  }
  return 0;
}
