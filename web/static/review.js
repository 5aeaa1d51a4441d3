// The review and quarantine pages work without this file; it adds zoom by wheel, panning, marks in the text and keys.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const inField = (target) => target instanceof Element && target.closest("input, select, textarea, [contenteditable]");

  // --- keys can be switched off (WCAG 2.1.4): the choice is the browser's, not the archive's --------------------
  const asked = one("[data-keys-switch]");
  const KEYS = "luutru-keys";
  const stored = () => { try { return localStorage.getItem(KEYS); } catch { return null; } };
  let keys = stored() !== "off";
  if (asked) {
    asked.closest("[hidden]")?.removeAttribute("hidden");
    asked.checked = keys;
    asked.addEventListener("change", () => {
      keys = asked.checked;
      try { localStorage.setItem(KEYS, keys ? "on" : "off"); } catch { /* private window: for this page only */ }
    });
  }

  // --- lists: j and k go down and up, Enter opens ---------------------------------------------------------------
  const rows = all("[data-rows] a[data-row]");
  function step(by) {
    const at = rows.indexOf(document.activeElement);
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by))];
    next?.focus();
    next?.closest("tr, li")?.scrollIntoView({ block: "nearest" });
  }

  // --- the picture ----------------------------------------------------------------------------------------------
  const viewer = one("[data-viewer]");
  const picture = viewer && one("img", viewer);
  const view = { zoom: 1, turn: 0 };
  const STEPS = [1, 1.25, 1.5, 2, 2.5, 3, 4];

  function draw(about) {
    const before = { w: viewer.scrollWidth, h: viewer.scrollHeight };
    const box = viewer.getBoundingClientRect();
    const x = about ? about.clientX - box.left : box.width / 2, y = about ? about.clientY - box.top : box.height / 2;
    const left = (viewer.scrollLeft + x) / before.w, top = (viewer.scrollTop + y) / before.h;
    picture.parentElement.style.width = `${view.zoom * 100}%`;
    viewer.scrollLeft = left * viewer.scrollWidth - x;
    viewer.scrollTop = top * viewer.scrollHeight - y;
    sharpen();
  }
  function sharpen() {      // fetch a larger drawing when the picture is shown larger than it was drawn
    const wanted = Math.min(3000, viewer.clientWidth * view.zoom * (window.devicePixelRatio || 1));
    const url = new URL(picture.currentSrc || picture.src);
    const has = Number(url.searchParams.get("width")) || 1200;
    const turned = Number(url.searchParams.get("turn")) || 0;
    const width = [1200, 1800, 3000].find((size) => size >= wanted) || 3000;
    if (width <= has && turned === view.turn) return;
    url.searchParams.set("width", String(Math.max(width, has)));
    url.searchParams.set("turn", String(view.turn));
    const next = new Image();
    next.onload = () => { picture.src = next.src; hint(null); };
    next.src = url.href;
  }
  function zoom(by, about) {
    const near = STEPS.reduce((best, size) => Math.abs(size - view.zoom) < Math.abs(best - view.zoom) ? size : best);
    view.zoom = STEPS[Math.max(0, Math.min(STEPS.length - 1, STEPS.indexOf(near) + by))];
    draw(about);
  }
  const acts = {
    in: () => zoom(1), out: () => zoom(-1), fit: () => { view.zoom = 1; draw(); },
    turn: () => { view.turn = (view.turn + 90) % 360; sharpen(); },
  };
  if (picture) {
    view.zoom = Number(viewer.dataset.zoom) / 100 || 1;
    view.turn = Number(viewer.dataset.turn) || 0;
    all("[data-act]").forEach((link) => link.addEventListener("click", (event) => {
      event.preventDefault();
      acts[link.dataset.act]();
    }));
    viewer.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1 : -1, event);
    }, { passive: false });
    let hold = null;
    viewer.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;      // fingers scroll by themselves
      hold = { x: event.clientX, y: event.clientY, left: viewer.scrollLeft, top: viewer.scrollTop };
      viewer.setPointerCapture(event.pointerId);
      viewer.classList.add("held");
    });
    viewer.addEventListener("pointermove", (event) => {
      if (!hold) return;
      viewer.scrollLeft = hold.left - (event.clientX - hold.x);
      viewer.scrollTop = hold.top - (event.clientY - hold.y);
    });
    const drop = () => { hold = null; viewer.classList.remove("held"); };
    viewer.addEventListener("pointerup", drop);
    viewer.addEventListener("pointercancel", drop);
    picture.addEventListener("dragstart", (event) => event.preventDefault());
  }

  // --- the place of a word on the picture -----------------------------------------------------------------------
  const ring = viewer && one("[data-ring]", viewer);
  function hint(box) {
    if (!ring) return;
    ring.hidden = !box || view.turn !== 0;
    if (ring.hidden) return;
    const [x0, y0, x1, y1] = box, w = picture.clientWidth, h = picture.clientHeight;
    const share = (part, more = 0) => `calc(${part * 100}% ${more < 0 ? "-" : "+"} ${Math.abs(more)}px)`;    // grows with the zoom
    Object.assign(ring.style, { left: share(x0, -4), top: share(y0, -4), width: share(x1 - x0, 8), height: share(y1 - y0, 8) });
    const near = (from, size, begin, end) => begin < from + 24 || end > from + size - 24 ? (begin + end - size) / 2 : from;
    viewer.scrollTo({ left: near(viewer.scrollLeft, viewer.clientWidth, x0 * w, x1 * w),
      top: near(viewer.scrollTop, viewer.clientHeight, y0 * h, y1 * h), behavior: "auto" });
  }

  // --- the text: doubtful words are marked behind it, and stay where they are while one types --------------------
  const text = one("[data-text]");
  let spans = [], places = [], told = "", at = -1;
  const under = document.createElement("div");

  function paint() {
    under.replaceChildren();
    let from = 0;
    spans.forEach((span, n) => {
      under.append(told.slice(from, span.begin));
      const mark = document.createElement("mark");
      mark.className = n === at ? `${span.why} now` : span.why;
      mark.append(told.slice(span.begin, span.end));
      under.append(mark);
      from = span.end;
    });
    under.append(told.slice(from) + "\n");
    under.scrollTop = text.scrollTop;
  }
  const moved = (span, end, by) => span.begin >= end ? { ...span, begin: span.begin + by, end: span.end + by } : span;
  function follow() {       // the ring on the picture goes where the caret goes
    const caret = text.selectionStart;
    const place = places.find((one) => one.begin <= caret && caret <= one.end);
    if (place) hint(place.box);
  }
  function typed() {        // what changed lies between the common beginning and the common end
    const now = text.value;
    let first = 0, last = 0;
    while (first < Math.min(told.length, now.length) && told[first] === now[first]) first++;
    while (last < Math.min(told.length, now.length) - first && told.at(-1 - last) === now.at(-1 - last)) last++;
    const end = told.length - last, by = now.length - told.length;
    const current = spans[at];
    const stays = (span) => span.end < first || span.begin > end || (span.end === first && by < 1);
    spans = spans.filter(stays).map((span) => moved(span, end, by));
    places = places.map((place) => place.begin >= end ? moved(place, end, by)       // a corrected word keeps its place
      : place.end > first ? { ...place, end: Math.max(place.begin, place.end + by) } : place);
    at = spans.indexOf(current);
    told = now;
    paint();
  }
  function doubt(by) {      // the next (or previous) doubtful word from where the caret is
    if (!spans.length) return;
    const caret = by > 0 ? text.selectionEnd : text.selectionStart;
    const found = by > 0 ? spans.findIndex((span) => span.begin >= caret) : spans.findLastIndex((span) => span.end <= caret);
    go(found >= 0 ? found : by > 0 ? 0 : spans.length - 1);
  }
  function go(n) {
    at = n;
    const span = spans[n];
    text.focus({ preventScroll: false });
    text.setSelectionRange(span.begin, span.end);
    paint();
    const mark = one("mark.now", under);
    if (mark) text.scrollTop = mark.offsetTop - text.clientHeight / 2;
    under.scrollTop = text.scrollTop;
    follow();
  }
  if (text) {
    told = text.value;
    spans = all("[data-marked] mark").map((mark) => ({ begin: Number(mark.dataset.begin), end: Number(mark.dataset.end),
      why: mark.dataset.why }));
    under.className = "under";
    under.setAttribute("aria-hidden", "true");
    text.before(under);
    text.parentElement.classList.add("live");
    one("[data-marked]")?.setAttribute("hidden", "");
    text.addEventListener("input", typed);
    text.addEventListener("scroll", () => { under.scrollTop = text.scrollTop; });
    text.addEventListener("click", () => {
      const n = spans.findIndex((span) => span.begin <= text.selectionStart && text.selectionStart <= span.end);
      if (n >= 0) { at = n; paint(); }
      follow();
    });
    text.addEventListener("keyup", follow);
    if (text.dataset.places) {
      const asked = text.value;
      fetch(text.dataset.places).then((answer) => answer.ok ? answer.json() : []).then((found) => {
        if (text.value !== asked) return;       // typed meanwhile: then the places are no longer known
        places = found.map(([begin, end, ...box]) => ({ begin, end, box }));
        text.dataset.placed = String(places.length);
      }).catch(() => { /* without them the picture does not follow, and all else works */ });
    }
    paint();
    const start = text.value;
    let leaving = false;
    text.form.addEventListener("submit", () => { leaving = true; });
    window.addEventListener("beforeunload", (event) => {
      if (!leaving && text.value !== start) event.preventDefault();
    });
    all("[data-doubt]").forEach((button) => {
      button.hidden = false;
      button.addEventListener("click", () => doubt(Number(button.dataset.doubt)));
    });
    if (text.hasAttribute("data-focus") && window.matchMedia("(min-width: 60rem)").matches) {
      text.focus({ preventScroll: true });
      text.setSelectionRange(0, 0);
    }
  }

  // --- proposals: a key puts one into its field; a person still has to confirm ------------------------------------
  function take(button) {
    const field = document.getElementById(button.dataset.into);
    if (!field) return false;
    field.closest("details")?.setAttribute("open", "");
    field.value = button.dataset.value;
    field.classList.add("taken");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.scrollIntoView({ block: "nearest" });
    const confirm = one("[data-confirm]", field.form);
    if (confirm) { confirm.classList.add("ready"); confirm.focus({ preventScroll: true }); confirm.scrollIntoView({ block: "nearest" }); }
    return true;
  }
  const takes = all("[data-take]");
  takes.forEach((button) => button.addEventListener("click", (event) => {
    if (take(button)) event.preventDefault();
  }));

  all("[data-press]").forEach((chip) => chip.addEventListener("click", (event) => {
    const button = takes.find((found) => found.dataset.take === chip.dataset.press);
    if (button) { button.click(); event.preventDefault(); }
  }));

  // --- keys -------------------------------------------------------------------------------------------------------
  const press = (name) => { const found = one(`[data-key="${name}"]`); found?.click(); return Boolean(found); };
  document.addEventListener("keydown", (event) => {
    if (!keys || event.isComposing || event.defaultPrevented) return;
    const { key } = event;
    if ((event.ctrlKey || event.metaKey) && !event.altKey) {
      const name = key === "Enter" ? (event.shiftKey ? "right" : "save") : key.toLowerCase() === "s" && !event.shiftKey ? "save" : "";
      if (name && press(name)) event.preventDefault();
      return;
    }
    if (key === "F2" && text) { doubt(event.shiftKey ? -1 : 1); event.preventDefault(); return; }
    const digit = /^Digit([1-9])$/.exec(event.code);
    if (digit && !event.ctrlKey && (event.altKey || !inField(event.target))) {
      const button = takes.find((found) => found.dataset.take === digit[1]);
      if (button) { button.click(); event.preventDefault(); }
      return;
    }
    if (event.altKey) return;
    if (key === "Escape" && inField(event.target)) { event.target.blur(); return; }
    if (inField(event.target)) return;
    if (rows.length && (key === "j" || key === "k")) { step(key === "j" ? 1 : -1); event.preventDefault(); return; }
    const name = { "+": "in", "=": "in", "-": "out", "0": "fit", r: "turn", n: "next", p: "previous", u: "up" }[key];
    if (key === "e" && text) { text.focus(); event.preventDefault(); return; }
    if (name && press(name)) event.preventDefault();
  });
})();
