// Suggestions while typing in a search field (ARIA combobox). The field works without this file.
"use strict";
(() => {
  const WAIT = 160, SHORTEST = 2;
  let number = 0;
  for (const field of document.querySelectorAll("input[data-suggest]")) enhance(field);

  function enhance(field) {
    const form = field.form, list = document.createElement("ul"), said = document.createElement("span");
    const id = `suggest-${++number}`;
    let options = [], active = -1, timer = 0, asking = null, typed = field.value;
    list.id = id;
    list.className = "suggestions";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", field.dataset.suggestLabel);
    list.hidden = true;
    said.className = "unseen";
    said.setAttribute("role", "status");
    field.parentElement.classList.add("suggesting");
    field.after(list, said);
    field.type = "text";                 // a combobox is a text field to browsers and readers
    field.autocomplete = "off";
    for (const [name, value] of [["role", "combobox"], ["aria-expanded", "false"], ["aria-controls", id],
                                 ["aria-autocomplete", "list"]]) field.setAttribute(name, value);

    function close() {
      clearTimeout(timer);
      asking?.abort();
      list.hidden = true;
      active = -1;
      field.setAttribute("aria-expanded", "false");
      field.removeAttribute("aria-activedescendant");
    }

    function show(found) {
      options = found;
      active = -1;
      field.removeAttribute("aria-activedescendant");
      list.replaceChildren(...found.map((one, n) => {
        const item = document.createElement("li"), text = document.createElement("b");
        item.id = `${id}-${n}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        text.textContent = one.text;
        item.append(text);
        if (one.subject) item.append(` ${one.subject}`);
        item.addEventListener("mousedown", (event) => { event.preventDefault(); take(n); });
        return item;
      }));
      list.hidden = found.length === 0;
      field.setAttribute("aria-expanded", String(found.length > 0));
      said.textContent = found.length ? field.dataset.suggestSaid.replace("{n}", found.length) : "";
    }

    function mark(n) {
      active = n;
      [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === n)));
      if (n < 0) {
        field.removeAttribute("aria-activedescendant");
        field.value = typed;
        return;
      }
      field.setAttribute("aria-activedescendant", `${id}-${n}`);
      list.children[n].scrollIntoView({ block: "nearest" });
      if (!options[n].address) field.value = options[n].text;
    }

    function take(n) {
      const one = options[n];
      close();
      if (one.address) { location.href = one.address; return; }
      field.value = one.text;
      form.requestSubmit();
    }

    async function ask() {
      const text = field.value.trim();
      asking?.abort();
      if (text.length < SHORTEST) { close(); return; }
      asking = new AbortController();
      try {
        const answer = await fetch(`/search/suggest?q=${encodeURIComponent(field.value)}`,
          { signal: asking.signal, headers: { accept: "application/json" } });
        const told = answer.ok && !answer.redirected ? await answer.json() : [];
        if (field.value.trim() === text && document.activeElement === field) show(told);
      } catch { /* typed on, or no answer: the field goes on without */ }
    }

    field.addEventListener("input", () => {
      typed = field.value;
      clearTimeout(timer);
      timer = setTimeout(ask, WAIT);
    });
    field.addEventListener("keydown", (event) => {
      if (event.isComposing) return;      // Vietnamese input methods compose letters
      const open = !list.hidden;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        if (!open) { if (event.key === "ArrowDown") ask(); return; }
        event.preventDefault();
        const last = options.length - 1, by = event.key === "ArrowDown" ? 1 : -1;
        mark(active + by > last ? -1 : active + by < -1 ? last : active + by);
      } else if (event.key === "Enter" && open && active >= 0) {
        event.preventDefault();
        take(active);
      } else if (event.key === "Escape" && open) {
        event.preventDefault();
        field.value = typed;
        close();
      }
    });
    field.addEventListener("blur", close);
  }
})();
