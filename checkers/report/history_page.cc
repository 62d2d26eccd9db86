#include "checkers/report/history_page.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lockstep::checkers {
namespace {

using Role = PageOperation::Role;

// Measures in pixels.
constexpr int kLaneHeight = 46;
constexpr int kArrowLaneHeight = 92;
constexpr int kBarHeight = 28;
constexpr int kLeft = 92;  // the names of the lanes
constexpr int kTop = 34;   // the times
constexpr int kRight = 40;
constexpr int kLetter = 7;  // at most, of the bars' font

constexpr char kStyle[] = R"(
:root{color-scheme:light dark;--ground:#fff;--text:#1b1f24;--soft:#57606a;--line:#d0d7de;
--bar:#dbe7f5;--bar-edge:#7d9cc0;--witness:#fbe3b3;--witness-edge:#b7791f;--culprit:#f8c9c4;
--culprit-edge:#c0271a;--panel:#f6f8fa}
@media(prefers-color-scheme:dark){:root{--ground:#14171b;--text:#e6e9ed;--soft:#9aa4af;--line:#363c44;
--bar:#24354a;--bar-edge:#5b83b3;--witness:#4a3a16;--witness-edge:#d9a441;--culprit:#5a211d;
--culprit-edge:#ff7a6e;--panel:#1d2127}}
body{background:var(--ground);color:var(--text);font:15px/1.5 system-ui,sans-serif;margin:24px}
h1{font-size:20px;margin:0}h2{font-size:16px;margin:28px 0 4px}.soft{color:var(--soft);margin:2px 0}
.why ul{margin:6px 0 0;padding-left:20px}.why{background:var(--panel);border-left:4px solid var(--culprit-edge);padding:10px 14px;
margin:10px 0;max-width:110ch;overflow-wrap:anywhere}
.lanes{overflow-x:auto;border:1px solid var(--line);border-radius:6px;margin:12px 0}
svg{display:block;font:12px ui-monospace,monospace}svg text{fill:var(--text)}
.lane{stroke:var(--line)}.tick{fill:var(--soft)!important;font-size:11px}
.bar rect{fill:var(--bar);stroke:var(--bar-edge)}.bar.witness rect{fill:var(--witness);
stroke:var(--witness-edge);stroke-width:1.5}.bar.culprit rect{fill:var(--culprit);
stroke:var(--culprit-edge);stroke-width:2.5}.bar.open rect{stroke-dasharray:5 3}
.bar .order{font-weight:700}.picked rect{stroke-width:4}.arrow{fill:none;stroke:var(--culprit-edge);
stroke-width:1.6}.arrow-text{fill:var(--culprit-edge)!important;font-weight:700}
table{border-collapse:collapse;font-size:13px}td,th{border-bottom:1px solid var(--line);
padding:4px 12px 4px 0;text-align:left;vertical-align:top}td.n{text-align:right}
tr.witness td:first-child{box-shadow:inset 4px 0 var(--witness-edge)}
tr.culprit td:first-child{box-shadow:inset 4px 0 var(--culprit-edge)}tr.culprit{font-weight:700}
td:first-child{padding-left:12px}tr.picked{background:var(--panel)}
.key span{display:inline-block;width:12px;height:12px;border:1.5px solid;margin:0 6px 0 16px;
vertical-align:-1px}
)";

// Shows which row and which bar belong together; nothing is lost without it.
constexpr char kScript[] = R"(
document.querySelectorAll('[data-op]').forEach(function(e){e.addEventListener('click',function(){
document.querySelectorAll('.picked').forEach(function(p){p.classList.remove('picked')});
document.querySelectorAll('[data-op="'+e.dataset.op+'"]').forEach(function(p){
p.classList.add('picked');p.scrollIntoView({block:'nearest',inline:'nearest'})})})});
document.querySelectorAll('.lanes').forEach(function(l){var c=l.querySelector('.culprit rect');
if(c){l.scrollLeft=c.getBBox().x+c.getBBox().width+60-l.clientWidth}});
)";

// How many bytes of UTF-8 begin here; 0: none do.
size_t LetterAt(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t length = byte(at) < 0x80            ? 1
                        : byte(at) >> 5 == 0b110   ? 2
                        : byte(at) >> 4 == 0b1110  ? 3
                        : byte(at) >> 3 == 0b11110 ? 4
                                                   : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = at + 1; i < at + length; ++i) {
    if (byte(i) >> 6 != 0b10) return 0;
  }
  return length;
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t length = LetterAt(text, at);
    if (length > 1) out.append(text, at, length);
    const char c = length == 0 ? '.' : text[at];
    at += std::max<size_t>(length, 1);
    if (length > 1) continue;
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '.' : c;
    }
  }
  return out;
}

const char* ClassOf(Role role) {
  return role == Role::kCulprit ? "culprit" : role == Role::kWitness ? "witness" : "context";
}

// As many letters as fit.
std::string Fitted(const std::string& text, int width) {
  const auto letters = static_cast<size_t>(std::max(width - 8, 0) / kLetter);
  if (text.size() <= letters) return text;
  return letters < 3 ? "" : absl::StrCat(text.substr(0, letters - 2), "..");
}

// Draws one section. Time is shown by rank: every call and return gets a column of its own, so that
// order is legible whatever the durations are.
class Lanes final {
 public:
  Lanes(const PageSection& section, size_t number) : section_(section), number_(number) {
    std::set<int64_t> times;
    std::set<uint64_t> clients;
    for (const PageOperation& op : section.operations) {
      times.insert(op.call);
      if (op.returned) times.insert(*op.returned);
      clients.insert(op.client);
    }
    for (const int64_t time : times) ranks_.emplace(time, static_cast<int>(ranks_.size()));
    for (const uint64_t client : clients) lanes_.emplace(client, static_cast<int>(lanes_.size()));
    const int columns = std::max(static_cast<int>(ranks_.size()), 1);
    lane_height_ = section.arrows.empty() ? kLaneHeight : kArrowLaneHeight;
    column_ = std::clamp(1500 / columns, 52, section.arrows.empty() ? 110 : 260);
    width_ = kLeft + columns * column_ + kRight;
    height_ = kTop + static_cast<int>(lanes_.size()) * lane_height_ + 12;
  }

  std::string Draw() const {
    std::string svg =
        absl::StrCat("<div class=\"lanes\"><svg role=\"img\" width=\"", width_, "\" height=\"",
                     height_, "\" viewBox=\"0 0 ", width_, " ", height_, "\">\n");
    for (const auto& [client, lane] : lanes_) {
      const int y = kTop + lane * lane_height_ + lane_height_ / 2;
      absl::StrAppend(&svg, "<line class=\"lane\" x1=\"", kLeft - 8, "\" x2=\"", width_, "\" y1=\"",
                      y, "\" y2=\"", y, "\"/><text x=\"10\" y=\"", y + 4, "\">client ", client,
                      "</text>\n");
    }
    for (const auto& [time, rank] : ranks_) {
      absl::StrAppend(&svg, "<text class=\"tick\" x=\"", X(time), "\" y=\"18\">", time,
                      "</text>\n");
    }
    for (size_t i = 0; i < section_.operations.size(); ++i) DrawBar(i, &svg);
    for (const PageArrow& arrow : section_.arrows) DrawArrow(arrow, &svg);
    return svg + "</svg></div>\n";
  }

 private:
  int X(int64_t time) const { return kLeft + ranks_.at(time) * column_; }
  int Y(uint64_t client) const {
    return kTop + lanes_.at(client) * lane_height_ + (lane_height_ - kBarHeight) / 2;
  }
  int End(const PageOperation& op) const {
    const int end = op.returned ? X(*op.returned) : width_ - 8;
    return std::max(end, X(op.call) + 14);
  }

  void DrawBar(size_t i, std::string* svg) const {
    const PageOperation& op = section_.operations[i];
    const int x = X(op.call);
    const int y = Y(op.client);
    const int width = End(op) - x;
    const std::string order = op.position ? absl::StrCat(*op.position) : "";
    const int order_width = order.empty() ? 0 : static_cast<int>(order.size() + 1) * kLetter + 3;
    absl::StrAppend(
        svg, "<g class=\"bar ", ClassOf(op.role), op.returned ? "" : " open", "\" data-op=\"",
        number_, "-", i, "\"><title>", Escaped(op.text), " (client ", op.client, ", ", op.call,
        " to ", op.returned ? absl::StrCat(*op.returned) : "unknown", ")</title><rect x=\"", x,
        "\" y=\"", y, "\" width=\"", width, "\" height=\"", kBarHeight, "\" rx=\"4\"/>");
    if (!order.empty()) {
      absl::StrAppend(svg, "<text class=\"order\" x=\"", x + 5, "\" y=\"", y + 18, "\">", order,
                      "</text>");
    }
    absl::StrAppend(svg, "<text x=\"", x + 6 + order_width, "\" y=\"", y + 18, "\">",
                    Escaped(Fitted(op.text, width - order_width)), "</text></g>\n");
  }

  void DrawArrow(const PageArrow& arrow, std::string* svg) const {
    const PageOperation& from = section_.operations[arrow.from];
    const PageOperation& to = section_.operations[arrow.to];
    const bool down = Y(from.client) <= Y(to.client);
    // Side by side where two arrows join the same bars; words on the outside.
    const int aside = down ? -12 : 12;
    const int x1 = (X(from.call) + End(from)) / 2 + aside;
    const int x2 = (X(to.call) + End(to)) / 2 + aside;
    const int y1 = Y(from.client) + (down ? kBarHeight : 0);
    const int y2 = Y(to.client) + (down ? 0 : kBarHeight);
    const int middle = (y1 + y2) / 2;
    absl::StrAppend(svg, "<path class=\"arrow\" d=\"M", x1, " ", y1, " C", x1, " ", middle, " ", x2,
                    " ", middle, " ", x2, " ", y2, "\"/><path class=\"arrow\" d=\"M", x2 - 5, " ",
                    down ? y2 - 8 : y2 + 8, " L", x2, " ", y2, " L", x2 + 5, " ",
                    down ? y2 - 8 : y2 + 8, "\"/><text class=\"arrow-text\" text-anchor=\"",
                    down ? "end" : "start", "\" x=\"", (x1 + x2) / 2 + aside, "\" y=\"", middle + 4,
                    "\">", Escaped(arrow.text), "</text>\n");
  }

  const PageSection& section_;
  const size_t number_;
  std::map<int64_t, int> ranks_;
  std::map<uint64_t, int> lanes_;
  int lane_height_ = kLaneHeight;
  int column_ = 0;
  int width_ = 0;
  int height_ = 0;
};

// The facts of a violation stand between semicolons: the first ones say what is wrong.
std::string Words(const std::string& words) {
  constexpr size_t kLead = 2;
  std::string html = "<div class=\"why\">";
  size_t number = 0;
  for (size_t at = 0; at < words.size(); ++number) {
    const size_t end = std::min(words.find("; ", at), words.size());
    const std::string fact = Escaped(words.substr(at, end - at));
    at = std::min(end + 2, words.size());
    if (number == 0) {
      absl::StrAppend(&html, "<b>", fact, "</b>");
    } else if (number < kLead) {
      absl::StrAppend(&html, "; ", fact);
    } else {
      absl::StrAppend(&html, number == kLead ? "<ul>" : "", "<li>", fact, "</li>");
    }
  }
  return absl::StrCat(html, number > kLead ? "</ul>" : "", "</div>\n");
}

std::string Table(const PageSection& section, size_t number) {
  std::string html =
      "<table><tr><th>client</th><th>called</th><th>returned</th><th>order</th><th>operation</th>"
      "</tr>\n";
  for (size_t i = 0; i < section.operations.size(); ++i) {
    const PageOperation& op = section.operations[i];
    absl::StrAppend(&html, "<tr class=\"", ClassOf(op.role), "\" data-op=\"", number, "-", i,
                    "\"><td class=\"n\">", op.client, "</td><td class=\"n\">", op.call,
                    "</td><td class=\"n\">", op.returned ? absl::StrCat(*op.returned) : "unknown",
                    "</td><td class=\"n\">", op.position ? absl::StrCat(*op.position) : "",
                    "</td><td>", Escaped(op.text), "</td></tr>\n");
  }
  return html + "</table>\n";
}

constexpr char kKey[] =
    "<p class=\"soft key\"><span style=\"background:var(--culprit);border-color:"
    "var(--culprit-edge)\"></span>cannot be explained<span style=\"background:var(--witness);"
    "border-color:var(--witness-edge)\"></span>what contradicts it<span style=\"background:"
    "var(--bar);border-color:var(--bar-edge)\"></span>others; dashed: outcome unknown; numbers: an "
    "order that explains everything else so far. Columns are calls and returns in order; a click "
    "joins a bar and its row.</p>\n";

}  // namespace

void KeepLegible(PageSection* section) {
  constexpr size_t kShownMax = 28;
  std::vector<PageOperation>& ops = section->operations;
  if (ops.size() <= kShownMax || !section->arrows.empty()) return;
  // Those that matter; then the ones that end last before the end, which explain the state there.
  std::vector<size_t> chosen(ops.size());
  for (size_t i = 0; i < ops.size(); ++i) chosen[i] = i;
  std::sort(chosen.begin(), chosen.end(), [&](size_t a, size_t b) {
    const bool a_matters = ops[a].role != Role::kContext;
    const bool b_matters = ops[b].role != Role::kContext;
    if (a_matters != b_matters) return a_matters;
    return std::pair(ops[a].call, a) > std::pair(ops[b].call, b);
  });
  chosen.resize(kShownMax);
  std::sort(chosen.begin(), chosen.end());
  std::vector<PageOperation> kept;
  for (const size_t i : chosen) kept.push_back(std::move(ops[i]));
  const size_t left_out = ops.size() - kept.size();
  ops = std::move(kept);
  absl::StrAppend(&section->heading, " (", left_out, " earlier operations are not shown)");
}

std::string WriteHistoryPage(const HistoryPage& page) {
  std::string html = absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n<meta "
      "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; script-src 'unsafe-inline'\"/>\n<meta name=\"viewport\" "
      "content=\"width=device-width\"/>\n<title>",
      Escaped(page.title), "</title>\n<style>", kStyle, "</style></head>\n<body>\n<h1>",
      Escaped(page.title), "</h1>\n<p class=\"soft\">", Escaped(page.subtitle), "</p>\n");
  for (size_t i = 0; i < page.sections.size(); ++i) {
    const PageSection& section = page.sections[i];
    absl::StrAppend(&html, "<h2>", Escaped(section.heading), "</h2>\n", Words(section.words));
    if (section.operations.empty()) continue;
    absl::StrAppend(&html, Lanes(section, i).Draw(), kKey, Table(section, i));
  }
  return absl::StrCat(html, "<script>", kScript, "</script>\n</body></html>\n");
}

}  // namespace lockstep::checkers
