"use strict";
(() => {
const { head, run } = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const esc = (s) => String(s).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const seconds = (us) => (us / 1e6).toFixed(3) + "s";

// --- The data, by name ---
const events = run.events.map(([at, what, where, peer, until, words]) => ({ at, what, where, peer, until, words }));
const states = run.states.map(([at, node, role, term, last, commit, applied]) => ({ at, node: "n" + node, role, term, last, commit, applied }));
const messages = run.messages.map(([sent, arrived, from, to, kind, words, first, last]) => ({ sent, arrived, from: "n" + from, to: "n" + to, kind, words, first, last }));
const operations = run.operations.map(([called, returned, client, endpoint, words, answer, keys, index, bad]) =>
  ({ called, returned, client: "c" + client, node: endpoint.split(":")[0], words, answer, keys, index, bad: !!bad }));
const faults = run.faults.map(([at, node, name]) => ({ at, node, name }));
const lines = run.lines.map(([at, node, text]) => ({ at, node, text }));
const end = Math.max(1, run.end);
const byName = (a, b) => a.length - b.length || (a < b ? -1 : 1);
const nodes = [...new Set([...states.map((s) => s.node), ...events.filter((e) => /^n\d/.test(e.where)).map((e) => e.where)])].sort(byName);
const clients = [...new Set(operations.map((o) => o.client))].sort(byName);

// What holds from here to there, per node.
function spans() {
  const roles = [], bands = [], open = new Map();
  const close = (key, at) => { const b = open.get(key); if (b) { b.to = at; open.delete(key); } };
  const start = (key, at, band) => { close(key, at); open.set(key, band); bands.push(Object.assign(band, { from: at, to: end })); };
  for (const node of nodes) {
    const mine = [...states.filter((s) => s.node === node).map((s) => ({ at: s.at, s })),
      ...events.filter((e) => e.where === node && e.what.startsWith("node.")).map((e) => ({ at: e.at, e }))].sort((a, b) => a.at - b.at);
    let now = null, state = null;
    const set = (at, kind, label) => {
      if (now && now.kind === kind && now.label === label) return;
      if (now) now.to = at;
      now = { node, from: at, to: end, kind, label };
      roles.push(now);
    };
    const byState = (at) => state ? set(at, state.role, state.role + ", term " + state.term) : set(at, "starting", "starting");
    for (const { at, s, e } of mine) {
      if (s) { state = s; if (!now || now.kind !== "paused") byState(at); continue; }
      if (/kill|power_loss|exit/.test(e.what)) { state = null; set(at, "down", e.words); }
      if (e.what === "node.boot") set(at, "starting", "starting");
      if (e.what === "node.pause") set(at, "paused", e.words);
      if (e.what === "node.resume") byState(at);
    }
  }
  for (const e of events) {
    const key = e.where + ">" + e.peer;
    if (e.what === "link.cut") { if (!open.has(key)) start(key, e.at, { node: e.where, label: "cut to " + e.peer, words: e.words }); }
    else if (e.what === "link.restore") close(key, e.at);
    else if (e.what === "disk.full") start(e.where + "full", e.at, { node: e.where, label: "disk full", words: e.words });
    else if (e.what === "disk.room") close(e.where + "full", e.at);
    else if (e.until > e.at && !e.what.startsWith("node.")) {
      bands.push({ node: e.where, from: e.at, to: Math.min(end, e.until), label: e.peer ? "slow to " + e.peer : e.what.replace(".", " "), words: e.words });
    }
  }
  return { roles, bands };
}
const { roles, bands } = spans();
for (const b of bands) {
  b.row = 0;
  while (bands.some((o) => o !== b && o.row === b.row && o.node === b.node && o.from < b.to && b.from < o.to && bands.indexOf(o) < bands.indexOf(b))) b.row++;
}

// --- What is looked at ---
const bad = operations.filter((o) => o.bad);
const moments = [...events.filter((e) => e.at > 0).map((e) => e.at), ...bad.flatMap((o) => [o.called, o.returned])].filter((t) => t >= 0);
const guilty = head.guilty;
const view = { from: 0, to: end };
let now = end, key = "", index = 0, beats = false, width = 800;
const hidden = new Set();
const LEFT = 46, LANE = 46, BAND = 11, CLIENT = 26, AXIS = 24, CURVE = head.curve.length ? 64 : 0;
const X = (t) => LEFT + (t - view.from) / (view.to - view.from) * (width - LEFT - 8);
const T = (x) => view.from + (x - LEFT) / (width - LEFT - 8) * (view.to - view.from);
const limit = () => {
  const span = Math.min(Math.max(view.to - view.from, 200), end * 1.04);
  view.from = Math.max(-end * 0.02, Math.min(view.from, end * 1.02 - span));
  view.to = view.from + span;
};
function fitFailure() {
  const first = moments.length ? Math.min(...moments) : 0;
  const last = moments.length ? Math.max(...moments, ...bad.map((o) => o.returned)) : end;
  const from = guilty[1] > guilty[0] ? Math.min(guilty[0], ...bad.map((o) => o.called)) : first;
  const pad = Math.max(2000, (last - from) * 0.08);
  view.from = from - pad; view.to = Math.max(last, from + 1000) + pad;
}

const kindColor = (kind) => kind.includes("vote") || kind === "campaign now" ? "vote" : kind.includes("append") ? "append" :
  kind.includes("snapshot") ? "snap" : kind.includes("heartbeat") ? "beat" : "read";
const indexesOfKey = () => key ? new Set(operations.filter((o) => o.keys.includes(key) && o.index).map((o) => o.index)) : null;
function opMatches(o) { return (!key || o.keys.includes(key)) && (!index || o.index === index); }
function messageMatches(m, indexes) {
  if (index) return m.first <= index && index <= m.last;
  if (!indexes) return true;
  for (const i of indexes) if (m.first <= i && i <= m.last) return true;
  return false;
}

// --- The picture ---
const tips = [];
const tip = (text) => `data-tip="${tips.push(text) - 1}"`;
const visible = (a, b) => b >= view.from && a <= view.to;
function layout() {
  const at = {};
  let y = AXIS + CURVE;
  for (const n of nodes) {
    if (hidden.has(n)) continue;
    const rows = Math.max(0, ...bands.filter((b) => b.node === n).map((b) => b.row + 1));
    at[n] = { y, bar: y + 10, mid: y + 18, height: LANE + rows * BAND };
    y += at[n].height;
  }
  for (const c of clients) { at[c] = { y, bar: y + 5, mid: y + 12, height: CLIENT }; y += CLIENT; }
  return { at, height: y + 8 };
}
function axis(height) {
  let out = "";
  const span = view.to - view.from;
  let step = Math.pow(10, Math.floor(Math.log10(span / 5)));
  while (span / step > 10) step *= step / Math.pow(10, Math.floor(Math.log10(step))) < 1.5 ? 2 : step / Math.pow(10, Math.floor(Math.log10(step))) < 3 ? 2.5 : 2;
  const digits = Math.max(0, Math.min(6, 6 - Math.floor(Math.log10(step))));
  for (let t = Math.ceil(Math.max(0, view.from) / step) * step; t <= view.to; t += step) {
    out += `<line x1="${X(t)}" x2="${X(t)}" y1="${AXIS - 6}" y2="${height}" stroke="var(--line)"/><text class="dim" x="${X(t)}" y="13" text-anchor="middle">${(t / 1e6).toFixed(digits)}s</text>`;
  }
  return out;
}
function curve(height) {
  if (!CURVE) return "";
  const y = (p) => AXIS + CURVE - 12 - p * (CURVE - 20);
  let out = "";
  if (guilty[1] > guilty[0]) {
    out += `<rect x="${X(guilty[0])}" y="${AXIS}" width="${Math.max(2, X(guilty[1]) - X(guilty[0]))}" height="${height - AXIS}" fill="var(--badsoft)" ${tip("guilty interval: from " + seconds(guilty[0]) + " to " + seconds(guilty[1]) + "\nhere the failure was decided")}/>`;
  }
  const points = head.curve.map(([t, f, n]) => [t, n ? f / n : 0, f, n]);
  out += `<polyline points="${points.map(([t, p]) => X(t) + "," + y(p)).join(" ")}" fill="none" stroke="var(--bad)" stroke-width="2"/>`;
  for (const [t, p, f, n] of points) out += `<circle cx="${X(t)}" cy="${y(p)}" r="3.5" fill="var(--bad)" ${tip(`P(fail) = ${Math.round(100 * p)}% (${f} of ${n})\nif all is as it was until ${seconds(t)} and the rest is drawn afresh`)}/>`;
  return out + `<rect x="0" y="${AXIS}" width="${LEFT}" height="${CURVE}" fill="var(--bg)"/><text x="6" y="${AXIS + 18}">P(fail)</text><text class="dim" x="6" y="${AXIS + 34}">0-100%</text>`;
}
function lanes(at) {
  let out = "";
  for (const [name, lane] of Object.entries(at)) {
    out += `<line x1="0" x2="${width}" y1="${lane.y + lane.height - 1}" y2="${lane.y + lane.height - 1}" stroke="var(--line)"/>`;
  }
  for (const r of roles) {
    const lane = at[r.node];
    if (!lane || !visible(r.from, r.to)) continue;
    const x = Math.max(X(r.from), LEFT), w = Math.max(1.5, Math.min(X(r.to), width) - x);
    const color = { leader: "leader", follower: "follower", down: "down", paused: "paused", starting: "line" }[r.kind] || "candidate";
    out += `<rect x="${x}" y="${lane.bar}" width="${w}" height="16" fill="var(--${color})" rx="2" ${tip(`${r.node}: ${r.label}\n${seconds(r.from)} to ${seconds(r.to)}`)}/>`;
    const label = r.kind === "down" ? "down" : r.label.split(" until")[0].replace(r.node + " ", "");
    const light = r.kind === "leader" || r.kind === "down" || r.kind === "paused";
    if (w > label.length * 6.2 + 8) out += `<text x="${x + 4}" y="${lane.bar + 12}" pointer-events="none" style="fill:${light ? "#fff" : "var(--fg)"}">${esc(label)}</text>`;
  }
  for (const b of bands) {
    const lane = at[b.node];
    if (!lane || !visible(b.from, b.to)) continue;
    const x = Math.max(X(b.from), LEFT), w = Math.max(2, Math.min(X(b.to), width) - x), y = lane.bar + 21 + b.row * BAND;
    out += `<rect x="${x}" y="${y}" width="${w}" height="${BAND - 2}" fill="var(--band)" opacity=".75" rx="2" ${tip(b.words + "\n" + seconds(b.from) + " to " + seconds(b.to))}/>`;
    if (w > b.label.length * 5.6 + 6) out += `<text x="${x + 4}" y="${y + 8}" pointer-events="none" style="font-size:9.5px;fill:#fff">${esc(b.label)}</text>`;
  }
  for (const f of faults) {
    const lane = at[f.node];
    if (lane && visible(f.at, f.at)) out += `<path d="M${X(f.at)} ${lane.bar - 1}l-4 -7h8z" fill="var(--band)" ${tip(f.name + " at " + seconds(f.at))}/>`;
  }
  for (const e of events) {
    const lane = at[e.where];
    if (lane && visible(e.at, e.at) && /kill|power_loss|clock/.test(e.what)) out += `<text x="${X(e.at)}" y="${lane.bar - 1}" text-anchor="middle" style="fill:var(--bad);font-weight:700" ${tip(e.words + " at " + seconds(e.at))}>&#10005;</text>`;
  }
  return out;
}
function arrows(at) {
  const indexes = indexesOfKey();
  const shown = messages.filter((m) => at[m.from] && at[m.to] && (beats || !m.kind.startsWith("heartbeat")) && visible(m.sent, m.arrived < 0 ? m.sent : m.arrived));
  const picked = shown.length > 1500 ? shown.filter((_, i) => i % Math.ceil(shown.length / 1500) === 0) : shown;
  let out = "";
  for (const m of picked) {
    const down = at[m.to].mid > at[m.from].mid;
    const x1 = X(m.sent), y1 = at[m.from].mid + (down ? 8 : -8), faded = messageMatches(m, indexes) ? "" : ' class="faded"';
    const text = `${m.from} to ${m.to}: ${m.kind}\n${m.words}\nsent ${seconds(m.sent)}, ` + (m.arrived < 0 ? "never arrives" : "arrives " + seconds(m.arrived));
    if (m.arrived < 0) {
      const y2 = y1 + (down ? 13 : -13);
      out += `<g${faded} ${tip(text)}><line x1="${x1}" y1="${y1}" x2="${x1 + 5}" y2="${y2}" stroke="var(--bad)" stroke-width="1.3" stroke-dasharray="3 2"/><path d="M${x1 + 2} ${y2 - 3}l6 6m0 -6l-6 6" stroke="var(--bad)" stroke-width="1.3"/></g>`;
      continue;
    }
    const x2 = X(m.arrived), y2 = at[m.to].mid + (down ? -9 : 9), color = `var(--${kindColor(m.kind)})`;
    const wide = m.first ? 1.8 : 1;
    out += `<g${faded} ${tip(text)}><line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${color}" stroke-width="${wide}"/><path d="M${x2} ${y2}l-3 ${down ? -6 : 6}h6z" fill="${color}"/></g>`;
  }
  return out;
}
function ops(at) {
  let out = "";
  for (const o of operations) {
    const lane = at[o.client];
    const to = o.returned < 0 ? end : o.returned;
    if (!lane || !visible(o.called, to)) continue;
    const x = Math.max(X(o.called), LEFT), w = Math.max(3, Math.min(X(to), width) - x);
    const color = o.bad ? "bad" : o.returned < 0 || o.answer === "unknown" ? "unknown" : "good";
    const faded = opMatches(o) ? "" : ' class="faded"';
    const text = `${o.client}: ${o.words}\nasked ${o.node}, ${seconds(o.called)} to ${o.returned < 0 ? "the end" : seconds(o.returned)}\n${o.answer || "no answer"}` + (o.index ? `\nlog index ${o.index}` : "");
    out += `<g${faded} ${tip(text)}>`;
    if (at[o.node]) out += `<line x1="${X(o.called)}" y1="${lane.bar}" x2="${X(o.called)}" y2="${at[o.node].mid + 8}" stroke="var(--${color})" stroke-width="${o.bad ? 1.6 : 0.8}" stroke-dasharray="2 3"/>`;
    out += `<rect x="${x}" y="${lane.bar}" width="${w}" height="14" rx="2" fill="var(--${color})"/>`;
    if (w > 40) out += `<text x="${x + 4}" y="${lane.bar + 11}" pointer-events="none" style="fill:#fff">${esc(o.words.slice(0, Math.floor((w - 6) / 6)))}</text>`;
    out += "</g>";
  }
  return out;
}
function draw() {
  limit();
  tips.length = 0;
  const svg = $("lanes");
  width = svg.clientWidth || 900;
  const { at, height } = layout();
  let names = `<rect x="0" y="${AXIS + CURVE}" width="${LEFT - 2}" height="${height}" fill="var(--bg)"/>`;
  for (const [name, lane] of Object.entries(at)) names += `<text x="8" y="${lane.mid + 4}" style="font-weight:600">${name}</text>`;
  svg.setAttribute("height", height);
  svg.innerHTML = axis(height) + curve(height) + lanes(at) + arrows(at) + ops(at) + names +
    `<line x1="${X(now)}" x2="${X(now)}" y1="${AXIS - 8}" y2="${height}" stroke="var(--bad)" stroke-width="1.2" pointer-events="none"/>`;
  showNow();
}

// --- What was so at that time ---
function showNow() {
  $("now").textContent = $("at").textContent = seconds(now);
  $("time").value = Math.round(now / end * 10000);
  const rows = nodes.map((n) => {
    const state = states.filter((s) => s.node === n && s.at <= now).pop();
    const span = roles.filter((r) => r.node === n && r.from <= now).pop();
    return { n, state, kind: span ? span.kind : "" };
  });
  const top = Math.max(0, ...rows.filter((r) => r.state).map((r) => r.state.applied));
  $("replicas").innerHTML = "<tr><th>node<th>is<th>term<th>last index<th>commit<th>applied</tr>" + rows.map(({ n, state, kind }) =>
    `<tr><td><b>${n}</b><td>${esc(kind)}<td>${state ? state.term : ""}<td>${state ? state.last : ""}<td>${state ? state.commit : ""}<td class="${state && state.applied < top ? "differs" : ""}">${state ? state.applied : ""}</tr>`).join("");
  const upTo = lines.filter((l) => l.at <= now && !hidden.has(l.node)).slice(-40).reverse();
  $("lines").innerHTML = upTo.map((l) => `<li><time>${seconds(l.at)}</time><b>${esc(l.node)}</b><span>${esc(l.text)}</span></li>`).join("");
  let here = null;
  for (const li of $("steps").children) { li.classList.remove("here"); if (+li.dataset.at <= now) here = li; }
  if (here) here.classList.add("here");
}
function go(t, zoom) {
  now = Math.max(0, Math.min(end, t));
  if (zoom || now < view.from || now > view.to) { const half = (view.to - view.from) / 2; view.from = now - half; view.to = now + half; }
  draw();
}

// --- The story: disasters, leaders, operations that the verdict speaks of ---
function story() {
  const steps = [];
  for (const e of events) {
    if (e.what === "node.resume" || e.where.startsWith("c") || (e.what === "node.boot" && e.at === 0)) continue;
    steps.push({ at: e.at, kind: "disaster", text: e.words });
  }
  const known = {};
  for (const s of states) {
    if (s.role === "leader" && known[s.node] !== s.term) { known[s.node] = s.term; steps.push({ at: s.at, kind: "lead", text: `${s.node} leads term ${s.term}` }); }
  }
  const few = operations.length <= 14;
  for (const o of operations) {
    if (!o.bad && !few) continue;
    steps.push({ at: o.called, kind: o.bad ? "bad" : "op", text: `${o.client} asks ${o.node}: ${o.words}` });
    if (o.returned >= 0) steps.push({ at: o.returned, kind: o.bad ? "bad" : "op", text: `${o.client} is told: ${o.answer}` });
  }
  if (guilty[1] > guilty[0]) steps.push({ at: guilty[0], kind: "bad", text: `guilty interval, to ${seconds(guilty[1])}` });
  steps.push({ at: end, kind: "bad", text: `${head.oracle} complains` });
  steps.sort((a, b) => a.at - b.at);
  const merged = [];
  for (const s of steps) {
    const last = merged[merged.length - 1];
    if (last && last.at === s.at && last.kind === s.kind && s.kind === "disaster") last.text += "; " + s.text;
    else merged.push(s);
  }
  $("steps").innerHTML = merged.slice(-120).map((s) => `<li class="${s.kind}" data-at="${s.at}"><time>${seconds(s.at)}</time><span>${esc(s.text)}</span></li>`).join("");
  $("steps").onclick = (e) => { const li = e.target.closest("li"); if (li) go(+li.dataset.at, true); };
}

function fill() {
  $("oracle").textContent = head.oracle;
  $("where").textContent = head.where;
  $("verdict").textContent = head.verdict;
  $("facts").innerHTML = head.facts.map(([k, v]) => `<span>${esc(k)} <b>${esc(v)}</b></span>`).join("");
  $("commands").innerHTML = head.commands.map(([k, v]) => `<div><span>${esc(k)}</span><code>${esc(v)}</code></div>`).join("");
  const keys = [...new Set(operations.flatMap((o) => o.keys))].sort();
  $("key").innerHTML += keys.map((k) => `<option>${esc(k)}</option>`).join("");
  $("nodes").innerHTML = nodes.map((n) => `<label><input type="checkbox" checked value="${n}">${n}</label>`).join("");
  const swatch = (color, text) => `<span><i style="background:var(--${color})"></i>${text}</span>`;
  $("legend").innerHTML = swatch("leader", "leader") + swatch("follower", "follower") + swatch("candidate", "candidate") + swatch("down", "down") + swatch("paused", "paused") +
    swatch("band", "fault") + swatch("append", "append") + swatch("vote", "vote") + swatch("read", "read; answered") + swatch("snap", "snapshot") + swatch("unknown", "no answer") + swatch("bad", "offends; lost") +
    "<span>drag to pan, wheel to zoom, click for the state then, arrow keys for the next step</span>";
}

function listen() {
  const svg = $("lanes");
  let grab = null;
  const zoom = (factor, t) => { view.from = t - (t - view.from) * factor; view.to = t + (view.to - t) * factor; draw(); };
  svg.onwheel = (e) => { e.preventDefault(); zoom(e.deltaY > 0 ? 1.25 : 0.8, T(e.offsetX)); };
  svg.onpointerdown = (e) => { grab = { x: e.clientX, from: view.from, to: view.to, moved: false }; svg.setPointerCapture(e.pointerId); };
  svg.onpointermove = (e) => {
    if (grab && Math.abs(e.clientX - grab.x) > 3) {
      const shift = (e.clientX - grab.x) / (width - LEFT - 8) * (grab.to - grab.from);
      grab.moved = true; view.from = grab.from - shift; view.to = grab.to - shift; draw();
    }
  };
  svg.onpointerup = (e) => { const clicked = grab && !grab.moved; grab = null; if (clicked) go(T(e.offsetX)); };
  svg.addEventListener("mousemove", (e) => {
    const item = e.target.closest("[data-tip]");
    $("tip").hidden = !item;
    if (!item) return;
    $("tip").textContent = tips[+item.dataset.tip];
    $("tip").style.left = Math.min(e.clientX + 14, innerWidth - 380) + "px";
    $("tip").style.top = Math.min(e.clientY + 14, innerHeight - 110) + "px";
  });
  svg.addEventListener("mouseleave", () => { $("tip").hidden = true; });
  document.addEventListener("keydown", (e) => {
    if (/INPUT|SELECT/.test(e.target.tagName) || !/^Arrow(Left|Right)$/.test(e.key)) return;
    const all = [...$("steps").children].map((li) => +li.dataset.at);
    const next = e.key === "ArrowRight" ? all.find((t) => t > now) : all.filter((t) => t < now).pop();
    if (next !== undefined) go(next);
  });
  $("time").oninput = (e) => go(e.target.value / 10000 * end);
  $("key").onchange = (e) => { key = e.target.value; draw(); };
  $("index").oninput = (e) => { index = +e.target.value || 0; draw(); };
  $("nodes").onchange = (e) => { hidden[e.target.checked ? "delete" : "add"](e.target.value); draw(); };
  $("beats").onchange = (e) => { beats = e.target.checked; draw(); };
  $("whole").onclick = () => { view.from = 0; view.to = end; draw(); };
  $("failure").onclick = () => { fitFailure(); draw(); };
  $("in").onclick = () => zoom(0.6, Math.max(view.from, Math.min(view.to, now)));
  $("out").onclick = () => zoom(1.7, Math.max(view.from, Math.min(view.to, now)));
  const root = document.documentElement;
  root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const wanted = new URLSearchParams(location.hash.slice(1)).get("theme");
  if (wanted) root.dataset.theme = wanted;
  $("theme").onclick = () => { root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; };
  addEventListener("resize", draw);
}

fill();
story();
fitFailure();
if (bad.length) now = Math.max(...bad.map((o) => (o.returned < 0 ? o.called : o.returned)));
listen();
draw();
})();
