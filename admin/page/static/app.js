// What the page does beyond forms and links. Everything here adds to a page that works without it for
// reading. It asks this server alone, and puts no text into the page as HTML but what the server's
// own templates made.
"use strict";

// A form with data-ask asks before it is sent: there is no way back, or a costly one.
document.addEventListener("submit", (event) => {
  const ask = event.submitter?.dataset.ask || event.target.dataset.ask;
  if (ask && !window.confirm(ask)) event.preventDefault();
});

// A button with data-copy copies the text of the element with that ID.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  if (navigator.clipboard) {
    await navigator.clipboard.writeText("value" in source ? source.value : source.textContent);
  } else { // without TLS, browsers give the clipboard to nobody but an older way
    getSelection().selectAllChildren(source);
    document.execCommand("copy");
  }
  const label = button.querySelector("span") || button;
  const before = label.textContent;
  label.textContent = button.dataset.done;
  setTimeout(() => { label.textContent = before; }, 1500);
});

// A table with data-follow="ADDRESS" shows the events of that address as they come, the newest last. What is in them was sent by anybody:
// it goes in as text. It is not asked for again when it ends: following is recorded, and only so many may.
const mostFollowed = 1000;
for (const table of document.querySelectorAll("[data-follow]")) {
  const rows = table.tBodies[0], labels = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const source = new EventSource(table.dataset.follow);
  source.addEventListener("trace", (event) => {
    const batch = JSON.parse(event.data);
    for (const e of batch.events || []) {
      const words = (e.attrs || []).map((a) => a.key + "=" + a.value).join("  ");
      const row = rows.insertRow();
      [new Date(e.at).toLocaleTimeString(), "#" + e.conn + " " + e.client, e.kind + ": " + e.what + "  " + words].forEach((text, i) => {
        const cell = row.insertCell();
        cell.textContent = text;
        cell.dataset.label = labels[i];
      });
    }
    while (rows.rows.length > mostFollowed) rows.deleteRow(0);
  });
  source.addEventListener("error", () => {
    source.close();
    const status = document.getElementById(table.dataset.status);
    status.textContent = status.dataset.over;
  });
}

// A checkbox with data-all checks all those of that name.
document.addEventListener("change", (event) => {
  const all = event.target.dataset.all;
  if (!all) return;
  for (const box of document.getElementsByName(all)) box.checked = event.target.checked;
});

// A form, or a part of one, with data-live="ID" is sent while one types in it, and the answer, a part of a page, takes the place
// of what is in the element with that ID; a button with it does so when it is pressed. data-action, or a button's formaction,
// overrides the form's own; data-live-fields names the inputs that are sent, where not all are. With data-live-when, a selector, it waits until there is such an element. What has data-into="ID" in an answer
// goes there. Only the latest answer counts.
const place = (target, part) => {
  const answer = document.createElement("template");
  answer.innerHTML = part;
  for (const piece of answer.content.querySelectorAll("[data-into]")) {
    const into = document.getElementById(piece.dataset.into);
    if (into && into.innerHTML !== piece.innerHTML) into.replaceChildren(...piece.childNodes); // what is read aloud is not said twice
    piece.remove();
  }
  target.replaceChildren(answer.content);
};
for (const box of document.querySelectorAll("[data-live]")) {
  const form = box.closest("form"), button = box.tagName === "BUTTON";
  const target = document.getElementById(box.dataset.live);
  let timer;
  const refresh = async () => {
    const mine = target.latest = (target.latest || 0) + 1;
    target.setAttribute("aria-busy", "true");
    try {
      // By attribute: a field that is called method or action stands in the place of the form's own property.
      const address = box.dataset.action || (button && box.formAction) || form.getAttribute("action") || location.href;
      const data = new URLSearchParams(new FormData(form));
      const wanted = box.dataset.liveFields?.split(" ");
      if (wanted) for (const name of [...data.keys()]) if (!wanted.includes(name)) data.delete(name);
      const answer = form.getAttribute("method") === "get"
        ? await fetch(address + "?" + data, { headers: { "X-Fragment": "1" } })
        : await fetch(address, { method: "POST", body: data, headers: { "X-Fragment": "1" } });
      const part = await answer.text();
      if (mine !== target.latest) return;
      if (answer.ok && !answer.redirected) place(target, part);
    } catch { /* the server is away: what is shown stays */ }
    if (mine === target.latest) target.removeAttribute("aria-busy");
  };
  if (button) {
    box.addEventListener("click", (event) => { event.preventDefault(); refresh(); });
    continue;
  }
  box.addEventListener("input", () => {
    if (box.dataset.liveWhen && !document.querySelector(box.dataset.liveWhen)) return;
    clearTimeout(timer);
    timer = setTimeout(refresh, 350);
  });
  if (box.hasAttribute("data-live-now")) refresh();
}

// A button with data-fill, a JSON object, puts its values into the inputs with those IDs, and chooses those that can be.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fill]");
  if (!button) return;
  let input;
  for (const [id, value] of Object.entries(JSON.parse(button.dataset.fill))) {
    input = document.getElementById(id);
    if (input.type === "radio") input.checked = true; else input.value = value;
  }
  input.dispatchEvent(new Event("input", { bubbles: true }));
});

// What is shown may be old where the server does not answer: the element with the ID away says so.
const away = (is) => document.getElementById("away")?.toggleAttribute("hidden", !is);
const awayPause = 3000; // milliseconds between two looks whether it is back

// An element with data-job follows a run: its progress element and its .phase and .count are kept up to date, and the
// page is loaded again at the end, or where the server does not tell of the run any more. A server that ends itself tells
// the end of the run, too: then the page stays until there is somebody to load it from.
for (const box of document.querySelectorAll("[data-job]")) {
  const bar = box.querySelector("progress"), phase = box.querySelector(".phase"), count = box.querySelector(".count");
  const events = new EventSource("/api/v1/jobs/" + encodeURIComponent(box.dataset.job) + "/events");
  const format = new Intl.NumberFormat(document.documentElement.lang);
  events.addEventListener("progress", (event) => {
    const p = JSON.parse(event.data);
    phase.textContent = box.dataset["phase" + p.phase[0].toUpperCase() + p.phase.slice(1)] || p.phase;
    count.textContent = p.total ? format.format(p.done) + " / " + format.format(p.total) : format.format(p.done);
    if (p.total) { bar.max = p.total; bar.value = p.done; } else bar.removeAttribute("value");
  });
  const end = async () => {
    events.close();
    try {
      await fetch(location.href, { method: "HEAD" });
      location.reload();
    } catch {
      away(true);
      setTimeout(end, awayPause);
    }
  };
  events.addEventListener("report", end);
  events.addEventListener("problem", end);
  events.addEventListener("open", () => away(false));
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(end, awayPause); else away(true); // the browser tries again
  });
}

// An element with data-drop takes a file that is dropped on it into the file input within.
for (const box of document.querySelectorAll("[data-drop]")) {
  const input = box.querySelector("input[type=file]");
  const over = (on) => (event) => { event.preventDefault(); box.classList.toggle("over", on); };
  for (const kind of ["dragenter", "dragover"]) box.addEventListener(kind, over(true));
  box.addEventListener("dragleave", over(false));
  box.addEventListener("drop", (event) => {
    over(false)(event);
    if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; input.dispatchEvent(new Event("change", { bubbles: true })); }
  });
}

// A select or input with data-send sends its form when it is changed.
document.addEventListener("change", (event) => {
  if (event.target.hasAttribute?.("data-send")) event.target.form.requestSubmit();
});

// An element with data-refresh is loaded again every so many seconds, while the page is looked at
// and nobody is about to press something in it.
for (const box of document.querySelectorAll("[data-refresh]")) {
  const refresh = async () => {
    if (!document.hidden && !box.contains(document.activeElement)) {
      try {
        const answer = await fetch(location.href, { headers: { "X-Fragment": "1" } });
        if (answer.redirected) location.reload(); // nobody is signed in any more
        else if (answer.ok) place(box, await answer.text());
        away(!answer.ok);
      } catch { away(true); }
    }
    setTimeout(refresh, Number(box.dataset.refresh) * 1000);
  };
  setTimeout(refresh, Number(box.dataset.refresh) * 1000);
}
