// The page's only script: asks the server's own APIs and shows what they say. No libraries.
"use strict";

const STATUS_EVERY_MS = 5000;
const POINTS = 300;
const SERIES_MAX = 50;
const LINES_MAX = 500;
const NAMES_MAX = 5000;

const byId = (id) => document.getElementById(id);

/** Makes an element with text, never with markup: what is shown comes from anywhere. */
function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Asks for JSON; an error carries the server's own sentence. */
async function ask(path, parameters) {
  const response = await fetch(path + "?" + new URLSearchParams(parameters));
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error || `the server answers ${response.status}`);
  return answer;
}

function short(value, unit = "") {
  if (!Number.isFinite(value)) return String(value);
  const steps = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const [size, letter] = steps.find(([size]) => Math.abs(value) >= size) || [1, ""];
  const scaled = value / size;
  const digits = Math.abs(scaled) >= 100 || Number.isInteger(scaled) ? 0 : Math.abs(scaled) >= 1 ? 2 : 4;
  return `${Number(scaled.toFixed(digits))} ${letter}${unit}`.trim();
}

function age(seconds) {
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(0)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(0)} h`;
  return `${(seconds / 86400).toFixed(0)} d`;
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const dayAndClock = (ms) => new Date(ms).toLocaleString([], { dateStyle: "short", timeStyle: "medium" });

function showStatus(status) {
  const state = byId("state");
  const reasons = status.reasons.length ? ": " + status.reasons.join("; ") : "";
  state.textContent = `${status.state}${reasons} · ${status.version} · up ${age(status.uptime_seconds)}`;
  state.className = status.state;
  const numbers = [
    ["active series", short(status.metrics.active_series)],
    ["samples per second", short(status.metrics.samples_per_second)],
    ["samples on disk", short(status.metrics.disk_bytes, "B")],
    ["active streams", short(status.logs.active_streams)],
    ["lines per second", short(status.logs.lines_per_second)],
    ["lines on disk", short(status.logs.disk_bytes, "B")],
  ];
  const pairs = numbers.map(([name, value]) => {
    const pair = element("div");
    pair.append(element("dt", name), element("dd", value));
    return pair;
  });
  byId("numbers").replaceChildren(...pairs);
  fillTable("peers", status.peers.map((peer) => [
    peer.name, peer.role, peer.address, age(peer.last_seen_seconds), age(peer.lag_seconds),
  ]));
  fillTable("drops", status.drops.map((drop) => [drop.what, drop.reason, short(drop.count)]));
}

function fillTable(id, rows) {
  const table = byId(id);
  table.hidden = rows.length === 0;
  table.tBodies[0].replaceChildren(...rows.map((row) => {
    const line = element("tr");
    line.append(...row.map((cell) => element("td", cell)));
    return line;
  }));
}

async function refreshStatus() {
  try {
    showStatus(await ask("weft/v1/status", {}));
  } catch (error) {
    byId("state").textContent = error.message;
    byId("state").className = "away";
  }
  setTimeout(refreshStatus, STATUS_EVERY_MS);
}

function seriesName(labels) {
  const { __name__: name = "", ...others } = labels;
  const pairs = Object.entries(others).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return pairs.length ? `${name}{${pairs.join(", ")}}` : name || "value";
}

/** Colours that stay apart from each other: the golden angle around the wheel. */
const colour = (index) => `hsl(${(index * 137.5 + 210) % 360} 60% 50%)`;

function parseSeries(result) {
  return result.slice(0, SERIES_MAX).map((series, index) => ({
    name: seriesName(series.metric),
    colour: colour(index),
    points: (series.values || []).map(([time, text]) => [time, Number(text.replace("Inf", "Infinity"))]),
  }));
}

function svg(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Returns the lowest and highest finite value, apart from each other. */
function bounds(series) {
  let low = Infinity;
  let high = -Infinity;
  for (const { points } of series) {
    for (const [, value] of points) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return [0, 1];
  return low === high ? [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2] : [low, high];
}

/** Draws a line for each series; a gap of more than two steps interrupts it. */
function draw(series, start, end, step) {
  const chart = byId("chart");
  chart.removeAttribute("hidden");
  const width = chart.clientWidth || 800;
  const height = chart.clientHeight || 256;
  const [left, right, top, bottom] = [64, width - 8, 8, height - 20];
  const [low, high] = bounds(series);
  const x = (time) => left + ((time - start) / (end - start)) * (right - left);
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  const parts = [];
  for (let i = 0; i <= 4; i++) {
    const value = low + ((high - low) * i) / 4;
    parts.push(svg("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "grid" }));
    parts.push(svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value)));
  }
  for (let i = 0; i <= 4; i++) {
    const time = start + ((end - start) * i) / 4;
    const anchor = i === 0 ? "start" : i === 4 ? "end" : "middle";
    parts.push(svg("text", { x: x(time), y: height - 4, "text-anchor": anchor }, clock(time)));
  }
  for (const { points, colour } of series) {
    parts.push(svg("path", { d: line(points, step, x, y), stroke: colour }));
  }
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  chart.replaceChildren(...parts);
}

function line(points, step, x, y) {
  let path = "";
  let before = -Infinity;
  points.forEach(([time, value], index) => {
    if (!Number.isFinite(value)) return;
    const joined = time - before <= 2 * step;
    path += `${joined ? "L" : "M"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    const next = points[index + 1];
    // A point without neighbours would not be seen.
    if (!joined && (!next || next[0] - time > 2 * step)) path += "h2";
    before = time;
  });
  return path;
}

function showLegend(series) {
  byId("legend").replaceChildren(...series.map(({ name, colour, points }) => {
    const item = element("li");
    const swatch = element("i");
    swatch.style.background = colour;
    const last = points.length ? short(points[points.length - 1][1]) : "";
    item.append(swatch, element("b", last), name);
    return item;
  }));
}

async function askMetrics(form) {
  const end = Math.floor(Date.now() / 1000);
  const since = Number(form.get("since"));
  const step = Math.max(1, Math.ceil(since / POINTS));
  const start = Math.floor((end - since) / step) * step;
  const answer = await ask("api/v1/query_range", { query: form.get("query"), start, end, step });
  const result = answer.data.result;
  const series = parseSeries(result);
  draw(series, start, end, step);
  showLegend(series);
  const remarks = [...(answer.warnings || []), ...(answer.infos || [])];
  if (result.length === 0) remarks.push("No series matches.");
  if (result.length > SERIES_MAX) remarks.push(`${SERIES_MAX} of ${result.length} series are shown.`);
  return remarks.join("\n");
}

async function loadNames() {
  try {
    const answer = await ask("api/v1/label/__name__/values", { limit: NAMES_MAX });
    byId("names").replaceChildren(...answer.data.map((name) => element("option", undefined, { value: name })));
  } catch {
    // The box works without proposals.
  }
}

/** Plain words stand for lines that contain all of them, in any stream. */
function logQuery(text) {
  const words = text.trim();
  if (words.includes("{")) return words;
  const filters = words.split(/\s+/).map((word) => `|~ ${JSON.stringify("(?i)" + escapeRegex(word))}`);
  return `{service_name=~".+"} ${filters.join(" ")}`;
}

const escapeRegex = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

function flattened(streams) {
  const lines = streams.flatMap(({ stream, values }) =>
    values.map(([nanos, text]) => ({ nanos: BigInt(nanos), text, labels: stream })));
  return lines.sort((a, b) => (a.nanos < b.nanos ? 1 : a.nanos > b.nanos ? -1 : 0));
}

function showLines(lines) {
  byId("lines").replaceChildren(...lines.map(({ nanos, text, labels }) => {
    const item = element("li", undefined, { "data-level": labels.detected_level || labels.level || "" });
    const ms = Number(nanos / 1000000n);
    item.append(element("time", dayAndClock(ms), { title: seriesName(labels) }), element("span", text));
    return item;
  }));
}

async function askLogs(form) {
  const end = Date.now();
  const start = end - Number(form.get("since")) * 1000;
  const nanos = (ms) => `${ms}000000`;
  const query = logQuery(form.get("query"));
  const answer = await ask("loki/api/v1/query_range", {
    query, start: nanos(start), end: nanos(end), limit: LINES_MAX, direction: "backward",
  });
  if (answer.data.resultType !== "streams") {
    throw new Error("This query yields numbers; ask for lines here.");
  }
  const lines = flattened(answer.data.result);
  showLines(lines);
  if (lines.length === 0) return "No line matches.";
  return lines.length >= LINES_MAX ? `The newest ${LINES_MAX} lines are shown.` : "";
}

/** Runs `answer` when a form is sent; an answer that comes after a newer question is left out. */
function listen(id, answer) {
  let newest = 0;
  byId(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    const question = ++newest;
    const show = (error, remark) => {
      byId(`${id}-error`).textContent = error;
      byId(`${id}-remark`).textContent = remark;
    };
    show("", "asking…");
    try {
      const remark = await answer(new FormData(event.target));
      if (question === newest) show("", remark);
    } catch (error) {
      if (question === newest) show(error.message, "");
    }
  });
}

listen("metrics", askMetrics);
listen("logs", askLogs);
loadNames();
refreshStatus();
