// What the page draws: elements, signs, the key image with its box, the spine. Knows nothing of the list.
"use strict";

const LEVELS = ["C1", "C2", "C3", "C4", "C5", "C6", "C7"];

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "rect", "text", "image", "polygon", "g", "title", "polyline", "circle"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function icon(kind, label = null) {
  const shapes = {
    alarm: [["path", { d: "M12 2 23 21.5H1Z", fill: "currentColor" }], ["path", { d: "M11 9h2v6h-2zM11 16.7h2v2.2h-2z", class: "cut" }]],
    partly: [["circle", { cx: 12, cy: 12, r: 10, fill: "none", stroke: "currentColor", "stroke-width": 2.6 }], ["path", { d: "M12 2a10 10 0 0 1 0 20z", fill: "currentColor" }]],
    not: [["rect", { x: 2.3, y: 2.3, width: 19.4, height: 19.4, rx: 3, fill: "none", stroke: "currentColor", "stroke-width": 2.6 }], ["path", { d: "M6.5 6.5l11 11M17.5 6.5l-11 11", stroke: "currentColor", "stroke-width": 2.8 }]],
    none: [["path", { d: "M4 10.6h16v2.8H4z", fill: "currentColor" }]],
    retracted: [["path", { d: "M10 5 4 11l6 6M4.5 11H15a5 5 0 0 1 0 9h-3", fill: "none", stroke: "currentColor", "stroke-width": 2.6 }]],
    online: [["circle", { cx: 12, cy: 12, r: 8, fill: "currentColor" }]],
    degraded: [["path", { d: "M12 3 22 20.5H2Z", fill: "none", stroke: "currentColor", "stroke-width": 2.6 }]],
    offline: [["path", { d: "M4 4l16 16M20 4 4 20", stroke: "currentColor", "stroke-width": 3.4 }]],
    silent: [["circle", { cx: 12, cy: 12, r: 8.5, fill: "none", stroke: "currentColor", "stroke-width": 2.6, "stroke-dasharray": "4 3.5" }]],
    unknown: [["circle", { cx: 12, cy: 12, r: 8.5, fill: "none", stroke: "currentColor", "stroke-width": 2.6, "stroke-dasharray": "4 3.5" }]],
    waiting: [["circle", { cx: 12, cy: 12, r: 8.5, fill: "none", stroke: "currentColor", "stroke-width": 2.6, "stroke-dasharray": "4 3.5" }]],
    lost: [["path", { d: "M4 4l16 16M20 4 4 20", stroke: "currentColor", "stroke-width": 3.4 }]],
  };
  const drawn = element("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": label ? null : "true", role: label ? "img" : null, "aria-label": label });
  for (const [name, attributes] of shapes[kind] || shapes.unknown) {
    drawn.append(element(name, attributes));
  }
  return drawn;
}

function iconOf(study) {
  if (study.verdict === "suspected") return "alarm";
  if (study.certainty === "retracted") return "retracted";
  return { partly_analysed: "partly", not_analysed: "not", none_suspected: "none" }[study.verdict] || "not";
}

function picture(study) {
  if (!study.image) {
    const words = study.verdict === "suspected"
      ? `No picture came with this alert.${study.slice_number === null ? "" : ` Look at slice ${study.slice_number}.`}`
      : "A picture comes with a suspected finding only.";
    return element("p", { class: "no-picture" }, words);
  }
  const label = `Axial CT slice ${study.slice_number ?? ""}${study.fracture_box ? ` with a box around the suspected finding at ${study.levels[0] ?? ""}` : ""}`;
  const drawn = element("svg", { viewBox: "0 0 256 256", role: "img", "aria-label": label },
    element("image", { href: study.image, width: 256, height: 256, preserveAspectRatio: "none" }));
  if (study.fracture_box) {
    const [x, y, width, height] = study.fracture_box.map((share) => share * 256);
    const around = { x: x - 3, y: y - 3, width: width + 6, height: height + 6, rx: 2, fill: "none" };
    drawn.append(element("rect", { ...around, stroke: "#000", "stroke-width": 4.5, opacity: .75 }),
      element("rect", { ...around, stroke: "#ffd400", "stroke-width": 2.2, class: "box" }));
  }
  const caption = [study.slice_number === null ? "Slice to look at first" : `Slice ${study.slice_number}: look here first`];
  if (!study.fracture_box) caption.push("(no box came with this alert)");
  return element("figure", { class: "picture" }, drawn, element("figcaption", {}, caption.join(" ")));
}

// The device's own drawing: seven vertebrae in a gentle curve, bodies to the left, spinous processes to the right.
function spine(study) {
  const pitch = 30, left = 82, bend = 0.42;
  const at = (i, [back, down]) => {
    const t = (i + 0.5) / 7 * Math.PI;
    const slope = -bend * Math.PI / 7 * Math.cos(t);
    const scale = pitch / Math.hypot(slope, 1);
    const [x, y] = [left - bend * pitch * Math.sin(t), 24 + pitch * (i + 0.5)];
    return [x + (back + slope * down) * scale, y + (down - slope * back) * scale].map((n) => n.toFixed(1)).join(",");
  };
  const tip = (i) => i === 6 ? 2.62 : 1.9 + 0.06 * i;
  const forms = (i) => [
    [[[-.44, -.06], [-.36, -.1], [-.36, .26], [-.46, .22]], [[.66, -.14], [.98, -.16], [1.02, .2], [.7, .22]], [[1.36, -.02], [1.76, -.08], [1.8, .16], [1.38, .12]]],
    [[[-.44, -.22], [-.16, -.36], [-.1, -.92], [.04, -1.06], [.2, -.92], [.22, -.36], [.46, -.24], [.44, .02], [.5, .28], [0, .25], [-.54, .28], [-.42, 0]],
      [[.74, -.34], [1.02, -.22], [1.08, .3], [.82, .14]], [[1.34, -.22], [1.6, -.3], [2.16, .12], [2.12, .4], [1.36, .14]]],
  ][i] || [[[-.5, -.27], [0, -.23], [.48, -.27], [.42, 0], [.5, .28], [0, .25], [-.54, .28], [-.44, 0]],
    [[.76, -.36], [1.02, -.2], [1.08, .3], [.82, .14]], [[1.34, -.1], [1.5, -.12], [tip(i), .26], [tip(i) - .06, .42], [1.36, .14]]];
  const ended = study.certainty !== "provisional";
  const markOf = (level) => study.levels.includes(level) ? "suspected" : study.seen.includes(level) ? "seen" : ended ? "missing" : "awaited";
  const words = LEVELS.map((level) => `${level} ${{ suspected: "suspected", seen: "seen", missing: "not seen", awaited: "awaited" }[markOf(level)]}`).join(", ");
  const drawn = element("svg", { viewBox: "0 0 170 240", role: "img", "aria-label": `Cervical spine: ${words}` });
  LEVELS.forEach((level, i) => {
    const mark = markOf(level);
    const y = 24 + pitch * i;
    if (mark === "suspected") drawn.append(element("rect", { class: "tag", x: 4, y: y + 4, width: 42, height: pitch - 7, rx: 4 }));
    drawn.append(element("text", { class: `label ${mark === "suspected" ? "on-tag" : mark}`, x: 25, y: y + 21, "text-anchor": "middle" }, mark === "missing" ? `${level}?` : level));
    forms(i).forEach((form) => drawn.append(element("polygon", { class: mark, "data-level": level, points: form.map((corner) => at(i, corner)).join(" "), "stroke-linejoin": "round" })));
    if (mark === "suspected") {
      const crack = i === 0 ? [[.8, -.34], [.92, -.02], [.76, .04], [.88, .4]] : [[.16, -.46], [-.12, -.06], [.14, .04], [-.14, .46]];
      drawn.append(element("polyline", { class: "crack", points: crack.map((corner) => at(i, corner)).join(" ") }));
    }
  });
  return element("div", { class: "spine" }, drawn, element("p", { class: "legend" }, "Red with a crack: suspected. Filled: seen. Dashed with “?”: not seen."));
}
