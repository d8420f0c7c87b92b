// Pictures of a run: what waits for what, and when each phase took its time.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function picture(width, height, label) {
  return shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
}

const words = (name) => name.replaceAll("_", " ");
const phaseName = (one) => words(one.phase) + (Number(one.index) ? " " + one.index : "");

function look(phases) {
  const every = (status) => phases.every((one) => one.status === status);
  if (phases.some((one) => one.status === "failed")) return "failed";
  if (every("done")) return "done";
  return every("blocked") ? "blocked" : "busy";
}

// Phases of one name are one box: three control planes stand side by side.
function boxes(phases) {
  const found = new Map();
  for (const phase of phases) {
    if (!found.has(phase.phase)) found.set(phase.phase, { name: phase.phase, all: [], needs: new Set() });
    const box = found.get(phase.phase);
    box.all.push(phase);
    for (const need of phase.needs) box.needs.add(need);
  }
  for (const box of found.values()) {
    box.needs.delete(box.name);
    box.needs = [...box.needs].filter((need) => found.has(need));
  }
  return found;
}

// A box stands one column behind the last that it needs.
function place(found) {
  const columns = [];
  const column = (box) => {
    if (box.column === undefined) {
      box.column = 0; // ends a circle, if there ever were one
      box.column = Math.max(0, ...box.needs.map((need) => column(found.get(need)) + 1));
      box.row = (columns[box.column] = columns[box.column] || []).push(box) - 1;
    }
    return box.column;
  };
  for (const box of found.values()) column(box);
  return columns;
}

// What follows from others anyway is no edge of its own.
function direct(box, found) {
  const reached = (name, seen) => {
    for (const need of found.get(name).needs)
      if (!seen.has(need)) { seen.add(need); reached(need, seen); }
    return seen;
  };
  const behind = new Set();
  for (const need of box.needs) reached(need, behind);
  return box.needs.filter((need) => !behind.has(need));
}

// `room`: how wide it may be; it is wider where that is too little.
function graph(phases, room) {
  const [wide, high, down] = [112, 34, 12];
  const found = boxes(phases);
  const columns = place(found);
  const gaps = Math.max(1, columns.length - 1);
  const across = Math.min(90, Math.max(30, (room - 4 - columns.length * wide) / gaps));
  const rows = Math.max(1, ...columns.map((column) => column.length));
  const width = columns.length * (wide + across) - across + 4;
  const height = rows * (high + down) - down + 4;
  const done = phases.filter((one) => one.status === "done").length;
  const svg = picture(width, height, `${done} of ${phases.length} phases are done`);
  const x = (box) => 2 + box.column * (wide + across);
  const y = (box) => 2 + (rows - columns[box.column].length) * (high + down) / 2 + box.row * (high + down);
  for (const box of found.values())
    for (const need of direct(box, found)) {
      const from = found.get(need);
      const [x1, y1, x2, y2] = [x(from) + wide, y(from) + high / 2, x(box), y(box) + high / 2];
      const bend = Math.min((x2 - x1) / 2, across);
      svg.append(shape("path", { class: "edge", d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` }));
    }
  for (const box of found.values()) {
    const group = shape("g", { class: look(box.all), "data-phase": box.name });
    const over = box.all.filter((one) => one.status === "done").length;
    group.append(
      shape("rect", { class: "box", x: x(box), y: y(box), width: wide, height: high, rx: 7 }),
      shape("text", { x: x(box) + wide / 2, y: y(box) + 21, "text-anchor": "middle" },
        words(box.name) + (box.all.length > 1 ? ` ${over}/${box.all.length}` : "")),
      shape("title", {}, box.all.map((one) => `${words(one.phase)} ${one.index}: ${one.status}`).join("\n")));
    svg.append(group);
  }
  return svg;
}

function span(ms) {
  if (ms < 1000) return Math.round(ms) + " ms";
  if (ms < 10000) return (ms / 1000).toFixed(1) + " s";
  if (ms < 600000) return Math.round(ms / 1000) + " s";
  return Math.round(ms / 60000) + " min";
}

// `still`: does the run go on? What is open then grows until now.
function timeline(phases, still, room) {
  const begun = phases.filter((one) => one.from);
  const now = Date.now();
  const start = (one) => Date.parse(one.from);
  const end = (one) => one.until ? Date.parse(one.until) : still ? Math.max(now, start(one)) : start(one);
  const first = Math.min(...begun.map(start));
  const total = Math.max(1, ...begun.map((one) => end(one) - first));
  const [left, right, row, width] = [130, 60, 22, Math.max(330, room)];
  const bars = width - left - right;
  const svg = picture(width, begun.length * row + 26, `The run took ${span(total)}`);
  const marks = bars > 300 ? 4 : 2;
  for (let i = 0; i <= marks; i++) {
    const x = left + bars * i / marks;
    svg.append(shape("line", { class: "grid", x1: x, x2: x, y1: 18, y2: begun.length * row + 24 }),
      shape("text", { class: "mute", x, y: 12, "text-anchor": "middle" }, i ? span(total * i / marks) : "0"));
  }
  begun.forEach((one, i) => {
    const x = left + (start(one) - first) / total * bars;
    const long = Math.max(2, (end(one) - start(one)) / total * bars);
    const group = shape("g", { class: look([one]) });
    group.append(
      shape("text", { x: 0, y: i * row + 37 }, phaseName(one)),
      shape("rect", { class: "bar", x, y: i * row + 26, width: long, height: 14, rx: 3 }),
      shape("text", { class: "mute", x: x + long + 6, y: i * row + 37 }, span(end(one) - start(one))));
    svg.append(group);
  });
  return svg;
}
