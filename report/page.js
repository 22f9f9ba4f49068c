"use strict";
(() => {
const all = (query, of = document) => [...of.querySelectorAll(query)];
const one = (query, of = document) => of.querySelector(query);
const make = (name, attributes, of) => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const k in attributes) e.setAttribute(k, attributes[k]);
  return of ? of.appendChild(e) : e;
};

// Colours: as the system has them, light, or dark.
const remember = { get: k => { try { return localStorage.getItem(k); } catch { return null; } },
                   set: (k, v) => { try { localStorage.setItem(k, v); } catch { /* not allowed to */ } } };
const themes = ["auto", "light", "dark"], button = one("#theme");
function theme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = name;
  button.textContent = name;
  button.setAttribute("aria-label", "Colours: " + (name === "auto" ? "as the system has them" : name));
}
theme(themes.includes(remember.get("theme")) ? remember.get("theme") : "auto");
button.onclick = () => {
  const next = themes[(themes.indexOf(button.textContent) + 1) % themes.length];
  theme(next);
  remember.set("theme", next);
};

// Runs: one at a time; the sections' names go with the one that is shown.
const pick = one("#runs");
function show(run) {
  for (const e of all("[data-run]")) e.hidden = e.dataset.run !== run;
  const seen = new Set();
  for (const s of all("[data-section]")) {
    const visible = !s.closest("[hidden]");
    s.id = visible && !seen.has(s.dataset.section) ? s.dataset.section : "";
    if (!s.id) s.removeAttribute("id"); else seen.add(s.id);
  }
}
if (pick) pick.onchange = () => { show(pick.value); hide(); };

// Keys: on and off in all figures at once.
const pressed = new Map();
function apply(key, on) {
  const name = CSS.escape(key);
  for (const e of all(`button.key[data-k="${name}"]`)) e.setAttribute("aria-pressed", on);
  for (const e of all(`g.s[data-k="${name}"]`)) e.classList.toggle("off", !on);
}
document.addEventListener("click", e => {
  const key = e.target.closest && e.target.closest("button.key");
  if (!key) return;
  const on = key.getAttribute("aria-pressed") !== "true";
  pressed.set(key.dataset.k, on);
  apply(key.dataset.k, on);
  hide();
});

// Values: the nearest point to the pointer, or the next by the arrow keys.
const tip = one("#tip");
let ring = null;
function hide() { tip.hidden = true; if (ring) { ring.remove(); ring = null; } }
function series(svg) {
  return all("g.s[data-v]:not(.off)", svg).map(g => g.points ||= g.dataset.v.split(";").map(text => {
    const [x, y, vx, vy, interval, note] = text.split(",");
    return { x: +x, y: +y, vx, vy, interval, note, label: g.dataset.l };
  }));
}
function tell(svg, p) {
  if (!ring || ring.ownerSVGElement !== svg) { hide(); ring = make("circle", { r: 3.6, fill: "none", stroke: "var(--ink)", "stroke-width": 1 }, svg); }
  ring.setAttribute("cx", p.x);
  ring.setAttribute("cy", p.y);
  const lines = [p.label, `${svg.dataset.x || "x"}: ${p.vx}`, `${svg.dataset.y || "y"}: ${p.vy}${p.interval ? ` (${p.interval})` : ""}`, p.note];
  tip.textContent = lines.filter(Boolean).join("\n").replace(/^(x|y): /gm, "");
  tip.hidden = false;
  const box = svg.getBoundingClientRect(), k = box.width / svg.viewBox.baseVal.width, own = tip.getBoundingClientRect();
  const x = box.left + p.x * k, y = box.top + p.y * k;
  tip.style.left = Math.max(4, Math.min(x + 12, innerWidth - own.width - 4)) + "px";
  tip.style.top = (y - own.height - 12 < 4 ? y + 14 : y - own.height - 12) + "px";
}
document.addEventListener("pointermove", e => {
  const svg = e.target.closest && e.target.closest(".panels svg");
  if (!svg || svg.closest(".scrubber")) { if (e.pointerType === "mouse" && document.activeElement !== (ring && ring.ownerSVGElement)) hide(); return; }
  const box = svg.getBoundingClientRect(), k = svg.viewBox.baseVal.width / box.width;
  const x = (e.clientX - box.left) * k, y = (e.clientY - box.top) * k;
  let best = null, near = 18 * 18;
  for (const points of series(svg)) for (const p of points) {
    const d = (p.x - x) ** 2 + (p.y - y) ** 2;
    if (d < near) { near = d; best = p; }
  }
  if (best) tell(svg, best); else hide();
});
document.addEventListener("pointerdown", e => { if (!(e.target.closest && e.target.closest(".panels svg"))) hide(); });
document.addEventListener("scroll", hide, { passive: true });
document.addEventListener("focusout", hide);
document.addEventListener("keydown", e => {
  if (e.key === "Escape") return hide();
  const svg = document.activeElement;
  if (!svg.matches || !svg.matches(".panels svg") || !e.key.startsWith("Arrow")) return;
  const lists = series(svg);
  if (!lists.length) return;
  e.preventDefault();
  const at = svg.at ||= { s: lists.length - 1, p: -1 };
  if (e.key === "ArrowUp" || e.key === "ArrowDown") { at.s += e.key === "ArrowUp" ? 1 : lists.length - 1; at.p = Math.max(at.p, 0); }
  at.s %= lists.length;
  const n = lists[at.s].length;
  if (e.key === "ArrowRight") at.p++;
  if (e.key === "ArrowLeft") at.p--;
  at.p = Math.max(0, Math.min(at.p, n - 1));
  tell(svg, lists[at.s][at.p]);
});

// The scrubber.
function scrubber(figure) {
  const d = JSON.parse(one("script", figure).textContent), n = d.rnn_step.length;
  const svg = one(".panels svg", figure), strip = one(".strip", figure), list = one("dl", figure), range = one("input", figure);
  range.max = n - 1;
  const [x0, x1, u0, u1, y0, y1, v0, v1] = svg.dataset.map.split(" ").map(Number);
  const px = i => x0 + (d.pc1[i] - u0) / (u1 - u0) * (x1 - x0), py = i => y0 + (d.pc2[i] - v0) / (v1 - v0) * (y1 - y0);
  const tail = make("polyline", { fill: "none", "stroke-width": 1.4, "stroke-linejoin": "round" }, svg);
  const dot = make("circle", { r: 3.4 }, svg);
  const side = s => s > 0 ? "right" : s < 0 ? "left" : "none";
  const first = i => { while (i > 0 && d.trial[i - 1] === d.trial[i]) i--; return i; };
  const last = i => { while (i < n - 1 && d.trial[i + 1] === d.trial[i]) i++; return i; };
  function draw() {
    const i = +range.value, from = first(i), to = last(i);
    const color = d.block_side[i] > 0 ? "var(--red)" : "var(--blue)";
    const points = [];
    for (let k = Math.max(0, from - 1); k <= i; k++) points.push(px(k).toFixed(2) + "," + py(k).toFixed(2));
    tail.setAttribute("points", points.join(" "));
    tail.setAttribute("stroke", color);
    dot.setAttribute("cx", px(i)); dot.setAttribute("cy", py(i)); dot.setAttribute("fill", color);
    const outcome = d.action[i] === 0 ? "time-out" : d.action[i] === d.trial_side[i] ? "correct" : "error";
    const rows = { "RNN step": d.rnn_step[i], block: `${d.block_number[i] + 1}, ${side(d.block_side[i])}`, trial: d.trial[i] + 1, stimulus: `${side(d.trial_side[i])}, strength ${d.strength[i]}`,
      step: `${d.step[i] + 1} of ${to - from + 1}`, input: `left ${d.left[i].toFixed(2)}, right ${d.right[i].toFixed(2)}, feedback ${d.feedback[i]}`.replace(/-/g, "−"),
      "probability of right": d.probability_right[i].toFixed(3), "posterior: right stimulus": d.stimulus_posterior[i].toFixed(3), "posterior: right block": d.block_posterior[i].toFixed(3),
      action: i === to ? `${side(d.action[i])}: ${outcome}` : "none yet" };
    list.replaceChildren(...Object.entries(rows).flatMap(([k, v]) => {
      const t = document.createElement("dt"), u = document.createElement("dd");
      t.textContent = k; u.textContent = v;
      return [t, u];
    }));
    range.setAttribute("aria-valuetext", `RNN step ${d.rnn_step[i]}, trial ${d.trial[i] + 1}`);
    strip.replaceChildren();
    const w = 300 / 12, y = p => 110 - 100 * p;
    for (const p of [.1, .5, .9]) make("line", { x1: 0, x2: 300, y1: y(p), y2: y(p), stroke: "var(--faint)", "stroke-width": .7, "stroke-dasharray": p === .5 ? "" : "3 2" }, strip);
    const line = [];
    for (let k = from; k <= i; k++) {
      const x = (k - from) * w + 4;
      for (const [v, c, sign] of [[d.right[k], "var(--red)", -1], [d.left[k], "var(--blue)", 1]]) {
        const h = Math.min(48, Math.abs(v) * 10);
        make("rect", { x, width: w - 8, height: h, y: (v * sign < 0) ? 60 - h : 60, fill: c, "fill-opacity": .4 }, strip);
      }
      line.push((x + w / 2 - 4).toFixed(1) + "," + y(d.probability_right[k]).toFixed(1));
    }
    make("polyline", { points: line.join(" "), fill: "none", stroke: "var(--ink)", "stroke-width": 1.5 }, strip);
    for (const p of line) make("circle", { cx: p.split(",")[0], cy: p.split(",")[1], r: 2.2, fill: "var(--ink)" }, strip);
  }
  range.oninput = draw;
  const go = i => { range.value = i; draw(); };
  let timer = 0;
  const play = one("[data-do=play]", figure);
  play.onclick = () => {
    if (timer) { clearInterval(timer); timer = 0; play.textContent = "Play"; return; }
    play.textContent = "Pause";
    timer = setInterval(() => { if (+range.value >= n - 1 || !figure.isConnected) play.onclick(); else go(+range.value + 1); }, 160);
  };
  one("[data-do=back]", figure).onclick = () => go(first(Math.max(0, first(+range.value) - 1)));
  one("[data-do=on]", figure).onclick = () => go(Math.min(n - 1, last(+range.value) + 1));
  draw();
}
for (const f of all(".scrubber")) scrubber(f);
if (pick) show(pick.value);

// A served page follows what it shows.
if ("live" in document.documentElement.dataset) {
  const state = one("#live");
  const followed = "figure[id], .status[id], article .facts, article > .lead";
  const source = new Map(all(followed).map((e, i) => [e.id || e.className + i, e.outerHTML]));
  async function update() {
    const text = await (await fetch(location.pathname, { cache: "no-store" })).text();
    const next = new DOMParser().parseFromString(text, "text/html");
    const there = all("figure[id]", next);
    if (there.length !== all("figure[id]").length || there.some(e => !document.getElementById(e.id)) || all("[data-section]", next).length !== all("[data-section]").length) return location.reload();
    for (const e of all(followed, next).map((e, i) => [e, e.id || e.className + i])) {
      const [element, id] = e, html = element.outerHTML;
      if (source.get(id) === html) continue;
      source.set(id, html);
      const old = element.id ? document.getElementById(element.id) : all(followed).find((o, i) => o.className + i === id);
      if (!old) continue;
      old.replaceWith(document.adoptNode(element));
      if (element.matches(".scrubber")) scrubber(element);
    }
    for (const [key, on] of pressed) apply(key, on);
    hide();
  }
  let busy = false;
  const events = new EventSource("events");
  events.onmessage = async () => {
    if (busy) return;
    busy = true;
    try { await update(); } catch { /* the next event tries again */ }
    busy = false;
  };
  events.onopen = () => { state.textContent = "live"; state.classList.remove("lost"); };
  events.onerror = () => { state.textContent = "connection lost"; state.classList.add("lost"); };
}
})();
