#include "sim/report/ascii.h"

#include <algorithm>
#include <deque>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lockstep::sim {
namespace {

constexpr size_t kOperationsShownMax = 12;
constexpr size_t kColumn = 20;
constexpr size_t kWordsMax = 110;

// "L t6 c898 a898": role, term, commit index, applied index.
std::string ShortState(const Timeline::State& state) {
  const char role = state.role.empty() ? '?' : absl::ascii_toupper(state.role[0]);
  return absl::StrCat(std::string(1, role), " t", state.term, " c", state.commit, " a",
                      state.applied);
}

struct Note final {
  int64_t at = 0;
  std::string text;
  bool is_row = true;  // else it only changes what a column shows
  size_t state = SIZE_MAX;
  std::string node;    // "n1": what happened to it
  std::string column;  // and what its column shows from now on; empty: its state
};

void AddEvents(const Timeline& timeline, std::vector<Note>& notes) {
  for (const Timeline::Event& event : timeline.events()) {
    Note note{event.at, ShowEvent(event), true, SIZE_MAX, "", ""};
    if (event.what.starts_with("node.")) note.node = event.where;
    if (event.what == "node.kill" || event.what == "node.power_loss") note.column = "down";
    if (event.what == "node.exit") note.column = "down";
    if (event.what == "node.pause") note.column = "paused";
    if (event.what == "node.boot") note.column = "starting";
    // Clients start and stop with the run.
    note.is_row = !event.where.starts_with("c") && !(event.what == "node.boot" && event.at == 0);
    notes.push_back(std::move(note));
  }
}

void AddStates(const Timeline& timeline, std::vector<Note>& notes) {
  std::map<uint64_t, std::pair<std::string, uint64_t>> known;
  for (size_t i = 0; i < timeline.states().size(); ++i) {
    const Timeline::State& state = timeline.states()[i];
    auto& old = known[state.node];
    const bool news = old != std::pair(state.role, state.term);
    old = {state.role, state.term};
    const bool says = news && state.role == "leader";
    notes.push_back({state.at,
                     says ? absl::StrCat(ShowNode(state.node), " leads term ", state.term) : "",
                     news, i, ShowNode(state.node), ""});
  }
}

void AddOperations(const Timeline& timeline, std::vector<Note>& notes) {
  const bool all = timeline.operations().size() <= kOperationsShownMax;
  for (const Timeline::Operation& one : timeline.operations()) {
    if (!all && !one.offends) continue;
    const std::string mark = one.offends ? "X " : "";
    const std::string who = absl::StrCat(mark, "c", one.client + 1, " ");
    notes.push_back(
        {one.called, absl::StrCat(who, one.words, " -> ", one.endpoint), true, SIZE_MAX, "", ""});
    if (one.returned == kNotYet) continue;
    notes.push_back(
        {one.returned, absl::StrCat(who, "is told: ", one.answer), true, SIZE_MAX, "", ""});
  }
}

std::vector<std::string> NodesOf(const Timeline& timeline) {
  std::vector<std::string> nodes;
  for (const Timeline::Event& event : timeline.events()) {
    const bool is_node = event.what == "node.boot" && event.where.starts_with("n");
    if (is_node && std::find(nodes.begin(), nodes.end(), event.where) == nodes.end()) {
      nodes.push_back(event.where);
    }
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

std::string Cut(std::string text, size_t size) {
  if (text.size() > size) text = text.substr(0, size - 3) + "...";
  return text;
}

// Everything that is worth a note, in the order of time.
std::vector<Note> NotesOf(const Timeline& timeline) {
  std::vector<Note> notes;
  AddEvents(timeline, notes);
  AddStates(timeline, notes);
  AddOperations(timeline, notes);
  std::stable_sort(notes.begin(), notes.end(),
                   [](const Note& a, const Note& b) { return a.at < b.at; });
  return notes;
}

}  // namespace

std::string DisasterList(const Timeline& timeline) {
  std::string text;
  for (const Timeline::Event& event : timeline.events()) {
    if (event.what == "node.resume" || event.where.starts_with("c")) continue;
    if (event.what == "node.boot" && event.at == 0) continue;
    absl::StrAppend(&text, " ", ShowTime(event.at), "  ", ShowEvent(event), "\n");
  }
  return text.empty() ? " none: the usual load is enough\n" : text;
}

std::string AsciiTimeline(const Timeline& timeline, size_t rows_max) {
  const std::vector<Note> notes = NotesOf(timeline);
  const std::vector<std::string> nodes = NodesOf(timeline);
  std::map<std::string, std::string> columns;
  std::deque<std::string> rows;
  for (size_t i = 0; i < notes.size(); ++i) {
    const Note& note = notes[i];
    if (!note.node.empty()) {
      columns[note.node] =
          note.state == SIZE_MAX ? note.column : ShortState(timeline.states()[note.state]);
    }
    if (!note.is_row) continue;
    // What happened in the same instant and needs no words is one row.
    if (note.text.empty() && i + 1 < notes.size() && notes[i + 1].at == note.at) continue;
    std::string row = absl::StrFormat("%9s  ", ShowTime(note.at));
    for (const std::string& node : nodes) {
      absl::StrAppendFormat(&row, "%-*s", kColumn, Cut(columns[node], kColumn - 1));
    }
    rows.push_back(row + Cut(note.text, kWordsMax));
  }
  std::string text = "        t  ";
  for (const std::string& node : nodes) absl::StrAppendFormat(&text, "%-*s", kColumn, node);
  absl::StrAppend(&text, "clients and disasters\n");
  if (rows.size() > rows_max) {
    absl::StrAppend(&text, "      ...  (", rows.size() - rows_max, " rows before)\n");
    rows.erase(rows.begin(), rows.end() - static_cast<ptrdiff_t>(rows_max));
  }
  for (const std::string& row : rows) absl::StrAppend(&text, row, "\n");
  return text;
}

std::string HappenedIn(const Timeline& timeline, int64_t from_ns, int64_t to_ns) {
  const std::vector<Note> notes = NotesOf(timeline);
  std::string text;
  for (const Note& note : notes) {
    if (!note.is_row || note.text.empty() || note.at < from_ns || note.at > to_ns) continue;
    absl::StrAppend(&text, text.empty() ? "" : "; ", note.text);
  }
  return text;
}

std::string LastEvents(const Timeline& timeline, size_t lines_max) {
  std::map<uint64_t, std::deque<const Timeline::Line*>> last;
  for (const Timeline::Line& line : timeline.lines()) {
    std::deque<const Timeline::Line*>& lines = last[line.node];
    lines.push_back(&line);
    if (lines.size() > lines_max) lines.pop_front();
  }
  std::string text;
  for (const auto& [node, lines] : last) {
    absl::StrAppend(&text, "last events of ", ShowNode(node), "\n");
    for (const Timeline::Line* line : lines) {
      absl::StrAppend(&text, " ", ShowTime(line->at), "  ", Cut(line->text, 140), "\n");
    }
  }
  return text;
}

}  // namespace lockstep::sim
