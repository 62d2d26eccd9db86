#include "sim/report/page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "framework/base/check.h"
#include "sim/report/viewer.h"

namespace lockstep::sim {
namespace {

// A JSON string that may stand inside of a <script>.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7F || c == '<' || c == '>' || c == '&') {
      absl::StrAppendFormat(&out, "\\u%04x", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

// Microseconds: what the page counts in.
std::string Us(int64_t ns) { return ns == kNotYet ? "-1" : absl::StrCat(ns / 1'000); }

class List final {
 public:
  explicit List(const char* name) : text_(absl::StrCat(Quoted(name), ":[")) {}
  template <typename... Parts>
  void Add(const Parts&... parts) {
    absl::StrAppend(&text_, first_ ? "[" : ",\n[");
    first_ = false;
    bool first_part = true;
    ((absl::StrAppend(&text_, first_part ? "" : ",", parts), first_part = false), ...);
    text_ += ']';
  }
  std::string Take() { return text_ + "]"; }

 private:
  std::string text_;
  bool first_ = true;
};

std::string Keys(const std::vector<std::string>& keys) {
  std::string text = "[";
  for (const std::string& key : keys) {
    absl::StrAppend(&text, text.size() == 1 ? "" : ",", Quoted(key));
  }
  return text + "]";
}

template <typename Pairs>
std::string PairsJson(const char* name, const Pairs& pairs) {
  List list(name);
  for (const auto& [key, value] : pairs) list.Add(Quoted(key), Quoted(value));
  return list.Take();
}

std::string HeadJson(const PageHead& head) {
  List curve("curve");
  for (const CurvePoint& point : head.curve.points) {
    curve.Add(Us(point.at_ns), point.failed, point.runs);
  }
  return absl::StrCat("{", Quoted("oracle"), ":", Quoted(head.oracle), ",", Quoted("verdict"), ":",
                      Quoted(ShowVerdict(head.verdict)), ",", Quoted("where"), ":",
                      Quoted(head.where), ",\n", PairsJson("facts", head.facts), ",\n",
                      PairsJson("commands", head.commands), ",\n", curve.Take(), ",",
                      Quoted("guilty"), ":[", Us(head.curve.guilty_from_ns), ",",
                      Us(head.curve.guilty_to_ns), "]}");
}

}  // namespace

std::string TimelineJson(const Timeline& timeline) {
  List events("events");
  for (const Timeline::Event& e : timeline.events()) {
    events.Add(Us(e.at), Quoted(e.what), Quoted(e.where), Quoted(e.peer), Us(e.until),
               Quoted(ShowEvent(e)));
  }
  List states("states");
  for (const Timeline::State& s : timeline.states()) {
    states.Add(Us(s.at), s.node, Quoted(s.role), s.term, s.last, s.commit, s.applied);
  }
  List messages("messages");
  for (const Timeline::Message& m : timeline.messages()) {
    messages.Add(Us(m.sent), Us(m.arrived), m.from, m.to, Quoted(m.kind), Quoted(m.words), m.first,
                 m.last);
  }
  List operations("operations");
  for (const Timeline::Operation& o : timeline.operations()) {
    operations.Add(Us(o.called), Us(o.returned), o.client + 1, Quoted(o.endpoint), Quoted(o.words),
                   Quoted(o.answer), Keys(o.keys), o.index, o.offends ? 1 : 0);
  }
  List lines("lines");
  for (const Timeline::Line& l : timeline.lines()) {
    lines.Add(Us(l.at), Quoted(ShowNode(l.node)), Quoted(l.text));
  }
  List faults("faults");
  for (const Timeline::Fault& f : timeline.faults()) {
    faults.Add(Us(f.at), Quoted(f.node == 0 ? "" : ShowNode(f.node)), Quoted(f.name));
  }
  return absl::StrCat("{", Quoted("end"), ":", Us(timeline.end()), ",\n", events.Take(), ",\n",
                      states.Take(), ",\n", messages.Take(), ",\n", operations.Take(), ",\n",
                      lines.Take(), ",\n", faults.Take(), "}");
}

std::string Page(const PageHead& head, const std::string& timeline_json) {
  CHECK(!timeline_json.empty());
  const std::string title = absl::StrCat("Lockstep: ", head.oracle);
  std::string page(kViewerHtml);
  // (In this order: data is never searched for placeholders.)
  const size_t data = page.find("@DATA@");
  CHECK_NE(data, std::string::npos);
  std::string before = absl::StrReplaceAll(
      page.substr(0, data), {{"@TITLE@", title}, {"@STYLE@", std::string(kViewerCss)}});
  std::string after =
      absl::StrReplaceAll(page.substr(data + 6), {{"@SCRIPT@", std::string(kViewerJs)}});
  return absl::StrCat(before, "{\"head\":", HeadJson(head), ",\n\"run\":", timeline_json, "}",
                      after);
}

std::string ShowCurve(const Curve& curve) {
  if (curve.points.empty()) return "";
  std::string text = "P(fail) from prefix:";
  // A dozen will do on a line.
  const size_t step = (curve.points.size() + 11) / 12;
  for (size_t i = 0; i < curve.points.size(); ++i) {
    const CurvePoint& point = curve.points[i];
    if (i % step != 0 && i + 1 != curve.points.size()) continue;
    absl::StrAppendFormat(&text, "  %s %d%%", ShowTime(point.at_ns),
                          point.runs == 0 ? 0 : 100 * point.failed / point.runs);
  }
  if (curve.guilty_to_ns > curve.guilty_from_ns) {
    absl::StrAppend(&text, "\nguilty interval    :  ", ShowTime(curve.guilty_from_ns), " to ",
                    ShowTime(curve.guilty_to_ns));
  }
  return text + "\n";
}

}  // namespace lockstep::sim
