// The clinic's page: a list that the server tells anew on every change, and what a person does with it.
// Holds no state of its own but the choice, the name, the sound and the theme.
"use strict";

const LEVELS = ["C1", "C2", "C3", "C4", "C5", "C6", "C7"];
const STALE_AFTER = 12000; // ms without a word from the server
const REMIND_EVERY = 30000; // ms between two sounds while somebody is waited for
const GROUPS = {
  alarm: "Suspected: not acknowledged",
  unread: "Partly or not analysed: read these studies",
  seen: "Suspected: acknowledged",
  read: "Partly or not analysed: acknowledged",
  information: "None suspected: not a clearance",
};

const by = (id) => document.getElementById(id);
const state = { view: null, at: 0, chosen: null, alarms: null, lost: "waiting", source: null };

// ---- small things -------------------------------------------------------------------------------------------------

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "rect", "text", "image", "polygon", "g", "title", "polyline", "circle"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function span(secs) {
  const [minutes, hours] = [Math.floor(secs / 60), Math.floor(secs / 3600)];
  const two = (n) => String(n).padStart(2, "0");
  if (hours === 0) return `${minutes}:${two(secs % 60)}`;
  if (hours < 24) return `${hours} h ${two(minutes % 60)}`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

// Ages go on between two words of the server, by the browser's monotonic clock.
function age(secs, before = "", after = "") {
  const made = element("span", { "data-since": state.at - secs * 1000, "data-before": before, "data-after": after });
  grow(made);
  return made;
}

function grow(one) {
  const secs = Math.max(0, Math.round((performance.now() - Number(one.dataset.since)) / 1000));
  one.textContent = `${one.dataset.before}${span(secs)}${one.dataset.after}`;
}

// What two words of the server differ in, but for ages, which run by themselves.
const withoutAges = (value) => JSON.stringify(value, (key, inner) => /_secs$/.test(key) ? undefined : inner);

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

const announce = (words) => { by("announce").textContent = words; };
const chosen = () => state.view && state.view.studies.find((study) => study.id === state.chosen);
const dialogIsOpen = () => document.querySelector("dialog[open]") !== null;

// ---- the list -----------------------------------------------------------------------------------------------------

function ackWords(study) {
  const ack = study.ack;
  if (ack.state === "recorded") return `seen by ${ack.by}`;
  if (ack.state === "sent") return `sent by ${ack.by}`;
  if (ack.state === "unconfirmed") return "not confirmed";
  if (study.sent_again > 0) return `sent again ${study.sent_again}x`;
  return study.overdue ? "overdue" : "";
}

function certaintyWord(study) {
  return { provisional: "provisional", revised: "revised", retracted: "retracted", final: "" }[study.certainty];
}

function row(study) {
  const title = study.verdict === "suspected"
    ? element("span", { class: "levels" }, study.levels.join(" "))
    : element("span", { class: "word" }, study.certainty === "retracted" ? "SUSPICION RETRACTED" : study.headline);
  const where = [`${study.site} / ${study.device}`, study.name, certaintyWord(study)].filter(Boolean).join(" · ");
  const made = element("button", { type: "button", class: "row", "data-id": study.id, "data-group": study.group, "data-urgency": study.urgency },
    element("span", { class: "mark" }, icon(iconOf(study), study.verdict === "suspected" ? "Suspected" : study.headline)),
    title,
    element("span", { class: "age" }, age(study.age_secs, study.at_least ? "> " : "")),
    element("span", { class: "where" }, where),
    element("span", { class: "note" }, ackWords(study)));
  made.addEventListener("click", () => { choose(study.id); open(true); });
  return element("li", {}, made);
}

let listed = "";
function renderList(view) {
  const words = withoutAges([view.studies, view.beyond]);
  if (words === listed) return;
  listed = words;
  const focused = document.activeElement && document.activeElement.dataset && document.activeElement.dataset.id;
  const groups = [];
  for (const [group, words] of Object.entries(GROUPS)) {
    const studies = view.studies.filter((study) => study.group === group);
    if (studies.length === 0) continue;
    groups.push(element("h3", {}, `${words} (${studies.length})`), element("ol", { "data-group": group }, ...studies.map(row)));
  }
  by("groups").replaceChildren(...groups);
  markChosen();
  if (focused) rowOf(focused)?.focus({ preventScroll: true });
  const waiting = view.unacknowledged;
  by("counts").textContent = waiting === 0 ? "none waits" : `${waiting} not acknowledged`;
  by("beyond").hidden = view.beyond === 0;
  by("beyond").textContent = `${view.beyond} more alerts found no room in this list: telephone the sites`;
}

function renderEmpty() {
  const none = !state.view || state.view.studies.length === 0;
  by("empty").hidden = !none;
  by("empty").textContent = state.lost
    ? "Whether there are alerts is not known: there is no connection."
    : "No study was told yet. That there is no alert does not mean that there is no fracture.";
}

const rowOf = (id) => document.querySelector(`.row[data-id="${CSS.escape(id)}"]`);

function markChosen() {
  document.querySelectorAll(".row").forEach((row) => {
    if (row.dataset.id === state.chosen) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  });
}

function choose(id) {
  state.chosen = id;
  markChosen();
  renderStudy(true);
}

// On a narrow screen list and study take turns.
function open(yes) {
  document.body.dataset.open = yes;
  if (yes && matchMedia("(max-width: 860px)").matches) { by("detail").focus(); scrollTo(0, 0); }
}

function step(direction) {
  const rows = [...document.querySelectorAll(".row")];
  if (rows.length === 0) return;
  const at = rows.findIndex((row) => row.dataset.id === state.chosen);
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + direction))];
  choose(next.dataset.id);
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

// ---- one study ----------------------------------------------------------------------------------------------------

// What a person has to know first where there is no suspected level.
function summary(study) {
  if (study.why) return study.why;
  if (study.verdict === "none_suspected") return "Not a clearance. Read the study as usual.";
  return study.missing[0] ?? study.coverage.find((line) => /^Gap/.test(line)) ?? "Read the study.";
}

function verdictBand(study) {
  const suspected = study.verdict === "suspected";
  const words = [study.certainty === "retracted" ? "SUSPICION RETRACTED" : study.headline];
  if (study.certainty === "provisional") words.push("provisional, slices still arrive");
  if (study.certainty === "revised") words.push(`revised (revision ${study.revision})`);
  const levels = suspected ? study.levels.join(" ") : study.certainty === "retracted" && study.was.length
    ? `was ${study.was.join(" ")}` : "";
  const urgent = study.sent_again > 0 ? `URGENCY ${study.urgency} OF 3` : study.overdue ? "OVERDUE" : "";
  return element("div", { class: "verdict", "data-group": study.group },
    icon(iconOf(study)),
    element("h2", { id: "detail-title" }, words.join(" · ")),
    levels ? element("p", { class: "levels" }, levels) : element("p", { class: "words" }, summary(study)),
    element("p", { class: "age" }, age(study.age_secs, study.at_least ? "> " : ""), element("small", {}, urgent || "since the verdict")));
}

function ackStrip(study) {
  const ack = study.ack;
  const note = ack.note ? ` Note: ${ack.note}` : "";
  const telephone = study.sent_again > 0 ? `Sent again ${study.sent_again}x. Telephone.` : "The device's screen says so too.";
  const lines = {
    none: ["Not acknowledged", study.alarm ? telephone : "Nobody has taken note yet."],
    sent: [`Sent: ${ack.by}`, "Waits for the device to record it."],
    unconfirmed: [`Not confirmed by the device: ${ack.by}`, "It may not show on the device's screen. Telephone."],
    recorded: [`Recorded by the device: seen by ${ack.by}`, ""],
  };
  const [strong, words] = lines[ack.state];
  const second = element("span", {}, words);
  if (ack.state !== "none") second.append(words ? " " : "", age(ack.age_secs, "", " ago."), note);
  if (ack.others && ack.others.length) second.append(` Also: ${ack.others.join(", ")}.`);
  const button = element("button", { type: "button", class: study.alarm ? "primary" : "", id: "acknowledge-open", "aria-haspopup": "dialog" },
    "Acknowledge ", element("kbd", {}, "a"));
  button.addEventListener("click", askForName);
  return element("div", { class: "ack", "data-state": ack.state, "data-alarm": study.alarm },
    element("p", {}, element("strong", {}, strong), second), ack.state === "recorded" ? null : button);
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

function facts(study) {
  const list = (title, lines, bad = false) => lines.length === 0 ? null
    : element("div", {}, element("h3", {}, title), element("ul", {}, ...lines.map((line) => element("li", { class: bad || /^(NOT|Gap)/.test(line) ? "bad" : null }, line))));
  const timings = element("dl", {}, ...study.timings.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, value)]));
  return element("div", { class: "facts" },
    list("Findings", study.findings),
    list("Coverage", study.coverage),
    list("Missing", [...(study.why ? [study.why] : []), ...study.missing], true),
    element("div", {}, element("h3", {}, "Timings"), timings),
    list("Models", study.models),
    element("div", {}, element("h3", {}, "Study"), element("ul", {},
      element("li", {}, `${study.name} of ${study.device} at ${study.site}`), element("li", {}, `Revision ${study.revision}`))));
}

let drawn = "";
function renderStudy(force = false) {
  const study = chosen();
  if (!study) return;
  // Only what has changed is drawn anew, so that nothing flickers under a finger.
  const words = withoutAges(study);
  if (!force && words === drawn) return;
  drawn = words;
  const focused = document.activeElement && document.activeElement.id === "acknowledge-open";
  by("study").replaceChildren(verdictBand(study), ackStrip(study),
    element("div", { class: "body" }, picture(study), spine(study)),
    facts(study),
    element("ul", { class: "notices" }, ...study.notices.map((notice) => element("li", {}, notice))));
  if (focused) by("acknowledge-open")?.focus();
}

// ---- devices and link ---------------------------------------------------------------------------------------------

function device(one) {
  const words = { online: "online", degraded: "degraded", offline: "offline", silent: "silent", unknown: "not known" }[one.state];
  const since = one.state === "unknown" ? null : age(one.age_secs, " ");
  const more = [one.heard_secs === null ? null : age(one.heard_secs, "heard ", " ago"),
    one.waiting > 0 ? `${one.waiting} messages wait` : null, one.given_up > 0 ? `${one.given_up} messages given up` : null,
    one.open_series > 0 ? "a series arrives" : null, one.clock_trusted ? null : "clock not set", one.version ? `version ${one.version}` : null]
    .filter(Boolean);
  return element("li", { class: "device", "data-id": one.id },
    element("span", { class: "name" }, `${one.site} / ${one.device}`),
    element("span", { class: "pill", "data-state": one.state }, icon(one.state), words, since ?? ""),
    one.reasons.length ? element("span", { class: "why" }, one.reasons.join("; ")) : null,
    element("span", { class: "more" }, ...more.flatMap((part, i) => i ? [" · ", part] : [part])));
}

function renderDevices(view) {
  const rank = { silent: 0, offline: 1, degraded: 2, unknown: 3, online: 4 };
  const sorted = [...view.devices].sort((a, b) => rank[a.state] - rank[b.state] || a.id.localeCompare(b.id));
  by("device-list").replaceChildren(...sorted.map(device));
  const unwell = sorted.filter((one) => one.state !== "online");
  const all = `${sorted.length} ${sorted.length === 1 ? "device" : "devices"}`;
  by("fleet").replaceChildren(icon(unwell[0]?.state ?? (sorted.length ? "online" : "unknown")),
    sorted.length === 0 ? "no device heard yet" : unwell.length ? `${all}, ${unwell.length} not well` : `${all} online`);
  by("fleet").dataset.state = unwell[0]?.state ?? (sorted.length ? "online" : "waiting");
}

// A list that may be old never looks like a current one.
function renderLink() {
  const silentFor = performance.now() - state.at;
  const server = !state.view || silentFor > STALE_AFTER || state.source === null || state.source.readyState !== EventSource.OPEN;
  const broker = state.view && !state.view.link.online;
  const lost = !state.view ? "waiting" : server ? "server" : broker ? "broker" : "";
  const changed = lost !== state.lost;
  state.lost = lost;
  document.body.dataset.connection = lost === "" ? "online" : lost === "waiting" ? "waiting" : "lost";
  const banner = by("lost");
  banner.hidden = lost === "" || lost === "waiting";
  if (changed) {
    if (lost === "server") banner.replaceChildren("CONNECTION LOST: THIS LIST IS OLD. ", element("small", {}, "It is as it was ", age(0), " ago. New alerts do not arrive here: telephone. This page keeps trying."));
    if (lost === "broker") banner.replaceChildren("NO CONNECTION TO THE BROKER: NEW ALERTS DO NOT ARRIVE HERE. ", element("small", {}, "Since ", age(state.view.link.for_secs), `: ${state.view.link.reason ?? ""}. Telephone. It is tried again and again.`));
    if (lost === "server" || lost === "broker") beep([[330, 0, .35], [247, .4, .5]]);
  }
  const words = { waiting: "connecting", server: "connection lost", broker: "broker lost", "": "broker connected" }[lost];
  if (changed || by("link").dataset.state === undefined || by("link").textContent === "") {
    by("link").dataset.state = { waiting: "waiting", "": "online" }[lost] ?? "lost";
    by("link").replaceChildren(icon({ waiting: "waiting", "": "online" }[lost] ?? "lost"), words);
  }
  renderEmpty();
  const count = state.view ? state.view.unacknowledged : 0;
  document.title = `${lost === "" || lost === "waiting" ? "" : "(!) "}${count > 0 ? `(${count}) ` : ""}Spinewatch${lost === "server" || lost === "broker" ? ": connection lost" : ""}`;
}

// ---- acknowledging ------------------------------------------------------------------------------------------------

let acknowledging = null;
function askForName() {
  const study = chosen();
  if (!study || study.ack.state === "recorded" || dialogIsOpen()) return;
  acknowledging = { id: study.id, event_id: study.event_id };
  by("acknowledge-what").textContent = `${study.headline}${study.levels.length ? ` ${study.levels.join(" ")}` : ""}: ${study.name} of ${study.device} at ${study.site}`;
  by("acknowledge-error").textContent = "";
  by("note").value = "";
  by("by").value = localStorage.getItem("name") ?? "";
  by("acknowledge").showModal();
  by(by("by").value ? "acknowledge-send" : "by").focus();
}

async function sendAcknowledgement(submit) {
  submit.preventDefault();
  const given = { ...acknowledging, by: by("by").value.trim(), note: by("note").value.trim() };
  if (!given.by) { by("acknowledge-error").textContent = "A name is needed."; by("by").focus(); return; }
  by("acknowledge-send").disabled = true;
  try {
    const answer = await fetch("/ack", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) });
    if (!answer.ok) throw new Error(await answer.text());
    localStorage.setItem("name", given.by);
    by("acknowledge").close();
    announce("Acknowledgement sent. Waiting for the device.");
  } catch (error) {
    by("acknowledge-error").textContent = `Not sent: ${error instanceof TypeError ? "this page's server does not answer" : error.message}`;
  }
  by("acknowledge-send").disabled = false;
}

// ---- sound --------------------------------------------------------------------------------------------------------

let audio = null;
const wantsSound = () => localStorage.getItem("sound") !== "off";
const isBlocked = () => wantsSound() && (!audio || audio.state !== "running");

function renderSound() {
  const words = !wantsSound() ? "Sound off" : isBlocked() ? "Sound blocked" : "Sound on";
  if (!by("sound").textContent.startsWith(words)) {
    by("sound").replaceChildren(words, isBlocked() ? element("span", { class: "wide" }, ": click") : "");
  }
  by("sound").dataset.state = !wantsSound() ? "off" : isBlocked() ? "blocked" : "on";
  by("sound").setAttribute("aria-pressed", String(wantsSound() && !isBlocked()));
}

function unlock() {
  if (!wantsSound()) return;
  try {
    audio ??= new AudioContext();
    audio.onstatechange = renderSound;
    audio.resume().then(renderSound, renderSound);
  } catch { /* no sound here: the button keeps saying so */ }
}

function switchSound() {
  if (wantsSound() && !isBlocked()) localStorage.setItem("sound", "off");
  else { localStorage.setItem("sound", "on"); unlock(); beep([[660, 0, .12]]); }
  renderSound();
}

// Pairs of frequency in Hz, start and length in seconds.
function beep(tones) {
  if (!wantsSound() || !audio || audio.state !== "running") return;
  for (const [frequency, start, length] of tones) {
    const [tone, gain, from] = [audio.createOscillator(), audio.createGain(), audio.currentTime + start];
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0, from);
    gain.gain.linearRampToValueAtTime(.35, from + .02);
    gain.gain.setValueAtTime(.35, from + length - .04);
    gain.gain.linearRampToValueAtTime(0, from + length);
    tone.connect(gain).connect(audio.destination);
    tone.start(from);
    tone.stop(from + length);
  }
}
const ALERT = [[784, 0, .18], [988, .22, .18], [1175, .44, .3]];

// ---- what the server tells ----------------------------------------------------------------------------------------

function hear(view) {
  state.view = view;
  state.at = performance.now();
  const alarms = new Map(view.studies.filter((study) => study.alarm).map((study) => [study.id, `${study.event_id} ${study.levels}`]));
  const fresh = state.alarms === null ? [] : view.studies.filter((study) => study.alarm && state.alarms.get(study.id) !== alarms.get(study.id));
  state.alarms = alarms;
  if (!view.studies.some((study) => study.id === state.chosen)) { state.chosen = view.studies[0]?.id ?? null; drawn = ""; }
  renderLink();
  renderList(view);
  renderStudy();
  renderDevices(view);
  if (fresh.length > 0) {
    beep(ALERT);
    announce(fresh.map((study) => `${study.sent_again ? "Sent again, not acknowledged" : "New alert"}: suspected ${study.levels.join(" ")}, ${study.device} at ${study.site}`).join(". "));
  }
}

function listen() {
  const source = new EventSource("/events");
  state.source = source;
  source.addEventListener("view", (event) => hear(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    renderLink();
    if (source.readyState === EventSource.CLOSED) { state.source = null; setTimeout(listen, 2000); }
  });
}

// ---- theme and keys -----------------------------------------------------------------------------------------------

const THEMES = { auto: "as the system", light: "light", dark: "dark" };
function renderTheme() {
  const theme = localStorage.getItem("theme") ?? "auto";
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  by("theme").replaceChildren("Theme", element("span", { class: "wide" }, `: ${THEMES[theme]}`));
}

function switchTheme() {
  const names = Object.keys(THEMES);
  localStorage.setItem("theme", names[(names.indexOf(localStorage.getItem("theme") ?? "auto") + 1) % names.length]);
  renderTheme();
}

function key(event) {
  unlock();
  if (event.ctrlKey || event.metaKey || event.altKey || dialogIsOpen() || /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
  const actions = {
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
    a: askForName, s: switchSound, "?": () => by("help").showModal(),
    Escape: () => { open(false); rowOf(state.chosen)?.focus(); },
    Enter: event.target.matches(".row, body") ? () => { open(true); by("detail").focus(); } : null,
  };
  const action = actions[event.key];
  if (action) { event.preventDefault(); action(); }
}

function everySecond() {
  document.querySelectorAll("[data-since]").forEach(grow);
  renderLink();
  renderSound();
}

document.addEventListener("keydown", key);
document.addEventListener("pointerdown", unlock);
by("sound").addEventListener("click", switchSound);
by("theme").addEventListener("click", switchTheme);
by("help-open").addEventListener("click", () => by("help").showModal());
by("back").addEventListener("click", () => { open(false); rowOf(state.chosen)?.focus(); });
by("acknowledge-form").addEventListener("submit", sendAcknowledgement);
by("acknowledge-cancel").addEventListener("click", () => by("acknowledge").close());
document.addEventListener("visibilitychange", () => { if (!document.hidden) everySecond(); });
setInterval(everySecond, 1000);
setInterval(() => { if (state.view && state.view.unacknowledged > 0) beep(ALERT); }, REMIND_EVERY);
renderTheme();
unlock();
renderSound();
renderLink();
listen();
