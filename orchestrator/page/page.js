"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const every = (where, what) => [...where.querySelectorAll(what)];
  const make = (tag, text, parent) => {
    const it = document.createElement(tag);
    if (text !== undefined) it.textContent = text;
    if (parent) parent.append(it);
    return it;
  };
  const rows = data.front ? data.front.datasets.cells : [];
  const places = new Map(rows.map((it) => [`${it.t} ${it.i}`, it]));
  const row = (table, i) => places.get(`${table} ${i}`);
  const choice = { table: 0, front: 0, x: 0, y: 0, off: [], bars: true, pick: -1, q: 0 };
  const members = { y: "surely", p: "possibly", n: "ruled out", x: "kept off" };
  const views = {};

  // Dark and light: as the system has it, until a reader says otherwise.
  at("theme").addEventListener("click", () => {
    const asks = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const now = document.documentElement.dataset.theme || asks;
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
  });

  // Tables: a column's name sorts by it, empty cells last.
  const key = (cell) => {
    const text = (cell.dataset.v !== undefined ? cell.dataset.v : cell.textContent).trim();
    const found = /^[-+]?[\d.]+(?:e[-+]?\d+)?(?: ([kMGT])(?!\w))?/.exec(text.replace("−", "-"));
    const unit = found && found[1] ? 1e3 ** ("kMGT".indexOf(found[1]) + 1) : 1;
    return { text, number: found ? parseFloat(found[0]) * unit : NaN };
  };
  const sort = (head) => {
    const table = head.closest("table"), body = table.tBodies[0];
    const place = [...head.parentNode.cells].indexOf(head);
    const falls = head.getAttribute("aria-sort")
      ? head.getAttribute("aria-sort") === "ascending" : head.classList.contains("n");
    every(table, "th[aria-sort]").forEach((it) => it.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", falls ? "descending" : "ascending");
    const sign = falls ? -1 : 1;
    const keyed = [...body.rows].map((it) => [key(it.cells[place]), it]);
    keyed.sort(([a], [b]) => {
      if (!a.text || !b.text) return !a.text - !b.text;
      const both = !Number.isNaN(a.number) && !Number.isNaN(b.number);
      return sign * (both ? a.number - b.number : a.text.localeCompare(b.text));
    });
    body.append(...keyed.map(([, it]) => it));
  };
  every(document, ".sortable thead button").forEach((it) =>
    it.addEventListener("click", () => sort(it.closest("th"))));

  // Numbers as the tables have them.
  const number = (value) => {
    for (const [least, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
      if (Math.abs(value) >= least) return Number((value / least).toPrecision(3)) + unit;
    }
    if (Math.abs(value) < 1e-9) return "0.00";  // what rounding leaves of 0
    return Math.abs(value) < 0.005 ? String(Number(value.toPrecision(2))) : value.toFixed(2);
  };

  // What is said of a cell, beside the pointer and below the chart.
  const numbers = (it, brief) => {
    const list = make("dl");
    data.axes.forEach((axis, a) => {
      if (it["v" + a] === undefined || (brief && !axis.brief)) return;
      const low = it["l" + a], high = it["h" + a];
      make("dt", axis.words, list);
      const ends = low === undefined ? "" : ` [${number(low)}, ${number(high)}]`;
      make("dd", number(it["v" + a]) + ends, list);
    });
    return list;
  };
  const facts = (it) => {
    const cell = data.tables[it.t].cells[it.i], front = choice.front;
    const said = [`${cell.seeds} seeds`];
    if (cell.collapsed) said.push(`${cell.collapsed} collapsed`);
    const member = members[it["b" + front]];
    if (front >= 0 && it["o" + front]) said.push("on the front");
    if (front >= 0 && it["k" + front]) said.push("its knee");
    if (front >= 0 && member) said.push(`on the true front: ${member}`);
    const often = front >= 0 ? cell.often[front] : null;
    if (often !== null && often !== undefined) said.push(`in ${Math.round(100 * often)} % of resamples`);
    return said.join(" · ");
  };
  const name = (it) => [it.m, it.n].filter(Boolean).join(" ");
  const tip = make("div", undefined, document.body);
  tip.id = "tip";
  tip.hidden = true;
  const hover = (handler, event, item, value) => {
    const it = value && item && item.datum && item.datum.i !== undefined ? item.datum : null;
    tip.hidden = !it;
    if (!it) return;
    tip.replaceChildren(make("strong", name(it)), make("span", facts(it)), numbers(it, true));
    make("small", "click for all numbers, its trials, MLflow and how to load it", tip);
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
    tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 8))}px`;
  };
  const pick = (i, scrolls) => {
    const it = row(choice.table, i), panel = at("picked");
    every(document, "tr.chosen").forEach((each) => each.classList.remove("chosen"));
    choice.pick = it ? i : -1;
    if (panel) panel.hidden = !it;
    if (it && panel) {
      panel.replaceChildren(make("h3", name(it)), make("p", facts(it)), numbers(it));
      const trials = data.tables[it.t].cells[i].trials;
      const box = make("div", undefined, trials.length ? panel : null), table = make("table", undefined, box);
      box.className = "scroll";
      box.tabIndex = 0;
      const head = make("tr", undefined, make("thead", undefined, table));
      ["trial", "seed", "status", "load it"].forEach((each) => (make("th", each, head).scope = "col"));
      const body = make("tbody", undefined, table);
      trials.forEach(([id, seed, status, why, place]) => {
        const line = make("tr", undefined, body);
        make("td", id, line);
        make("td", seed, line);
        make("td", [status, why].filter(Boolean).join(": "), line);
        const load = place
          ? place.includes("://") ? `python -m orchestrator.pick … (weights: ${place}/weights.pt)`
            : `import trainer; model = trainer.load(${JSON.stringify(place)})`
          : "";
        make("code", load, make("td", undefined, line));
      });
      if (data.tracking) {
        const where = make("p", "MLflow: ", panel);
        if (/^https?:/.test(data.tracking)) {
          const link = make("a", data.tracking, where);
          link.href = data.tracking;
          link.rel = "noreferrer";
        } else make("code", `mlflow ui --backend-store-uri ${data.tracking}`, where);
        where.append(", its runs by the filter ");
        make("code", `tags."pareto.trial_id" = "${(trials[0] || ["…"])[0]}"`, where);
      }
      const line = document.querySelector(`[data-table="${it.t}"] tr[data-i="${i}"]`);
      if (line) line.classList.add("chosen");
      if (scrolls) panel.scrollIntoView({ block: "nearest" });
    }
    set({ p_pick: choice.pick });
  };
  every(document, "tr[data-i] .open").forEach((it) => it.addEventListener("click", () => {
    pick(Number(it.closest("tr").dataset.i), true);
  }));

  // Lines as the page has them: what a sentence is about, the sentence, and what goes on from it.
  const lines = (said) => {
    const list = make("dl");
    list.className = "lines";
    let box = null;
    said.forEach(([about, text]) => {
      if (about || !box) make("dt", about, (box = make("div", undefined, list)));
      make("dd", text, box);
    });
    return list;
  };

  // The controls, and what follows from them.
  let last = {};
  const set = (signals) => {
    const fresh = Object.entries(signals).filter(([its, value]) => JSON.stringify(value) !== last[its]);
    if (!fresh.length) return;
    fresh.forEach(([its, value]) => (last[its] = JSON.stringify(value)));
    Object.values(views).forEach((view) => {
      const known = view.getState({ signals: (its) => its in signals, data: () => false }).signals || {};
      fresh.forEach(([its, value]) => its in known && view.signal(its, value));
      view.runAsync();
    });
  };
  const methods = () => {
    const boxes = every(document, "input[name=method]");
    return boxes.filter((it) => it.checked).map((it) => data.methods[Number(it.value)]);
  };
  const show = () => {
    const table = data.tables[choice.table], front = table.fronts[choice.front];
    const is_plane = front && front.x === choice.x && front.y === choice.y;
    const chosen = methods(), shown = is_plane ? choice.front : -1;
    at("front-title").textContent = is_plane ? front.title
      : `${data.axes[choice.y].words} against ${data.axes[choice.x].words}`;
    at("note").textContent = is_plane ? front.note
      : "points: no front was made of these two columns; bars where an interval is known.";
    at("sure").replaceChildren(lines(is_plane ? front.lines : []));
    document.querySelector(".key").hidden = !is_plane || !front.members;
    every(document, "[data-table]").forEach((it) => (it.hidden = Number(it.dataset.table) !== choice.table));
    every(document, "tr[data-m]").forEach((it) => (it.hidden = !chosen.includes(it.dataset.m)));
    every(document, `[data-table="${choice.table}"] tr[data-i]`).forEach((it) => {
      const its = row(choice.table, Number(it.dataset.i)), f = choice.front;
      const words = [its["k" + f] ? "knee" : its["o" + f] ? "yes" : "", members[its["b" + f]] || ""];
      it.querySelector(".on").textContent = words.filter(Boolean).join(", ");
    });
    set({
      p_table: choice.table, p_front: shown, p_x: choice.x, p_y: choice.y, p_methods: chosen,
      p_line: is_plane ? front.line : "", p_bars: choice.bars, p_pick: choice.pick, p_q: choice.q,
      p_xtitle: data.axes[choice.x].x_title, p_ytitle: data.axes[choice.y].y_title,
    });
    remember();
  };
  const offer = () => {
    const fronts = data.tables[choice.table].fronts;
    if (choice.front >= fronts.length) choice.front = 0;
    at("which").replaceChildren(...fronts.map((it, f) => {
      const option = make("option", it.title);
      option.value = f;
      return option;
    }));
    at("which").value = choice.front;
  };
  const to_plane = () => {
    const front = data.tables[choice.table].fronts[choice.front];
    [choice.x, choice.y] = [front.x, front.y];
    at("x").value = choice.x;
    at("y").value = choice.y;
  };
  const bind = (id, change) => at(id) && at(id).addEventListener("change", (event) => {
    change(event.target);
    show();
  });
  bind("table", (it) => { choice.table = Number(it.value); offer(); pick(-1); });
  bind("which", (it) => { choice.front = Number(it.value); to_plane(); });
  bind("x", (it) => { choice.x = Number(it.value); });
  bind("y", (it) => { choice.y = Number(it.value); });
  bind("bars", (it) => { choice.bars = it.checked; });
  bind("quantity", (it) => { choice.q = Number(it.value); });
  every(document, "input[name=method]").forEach((it) => it.addEventListener("change", show));
  const tick = (value) => { every(document, "input[name=method]").forEach((it) => (it.checked = value)); show(); };
  if (at("all")) at("all").addEventListener("click", () => tick(true));
  if (at("none")) at("none").addEventListener("click", () => tick(false));

  // While the sweep runs: read the page again, with what a reader had chosen.
  const store = `page ${location.pathname}`;
  const remember = () => {
    if (!data.live) return;
    choice.off = every(document, "input[name=method]").filter((it) => !it.checked)
      .map((it) => data.methods[Number(it.value)]);
    const kept = { ...choice, top: scrollY, theme: document.documentElement.dataset.theme || "" };
    try { sessionStorage.setItem(store, JSON.stringify(kept)); } catch { /* a browser that keeps nothing */ }
  };
  const recall = () => {
    if (!data.live) return;
    let kept = null;
    try { kept = JSON.parse(sessionStorage.getItem(store)); } catch { /* likewise */ }
    if (!kept) return;
    if (kept.theme) document.documentElement.dataset.theme = kept.theme;
    if (kept.table < data.tables.length && kept.x < data.axes.length && kept.y < data.axes.length) {
      Object.assign(choice, kept, { pick: -1 });
    }
    every(document, "input[name=method]").forEach((it) => (it.checked = !kept.off.includes(data.methods[Number(it.value)])));
    scrollTo(0, kept.top || 0);
  };
  if (data.live) {
    setInterval(() => {
      if (at("hold").checked || document.hidden) return;
      remember();
      location.reload();
    }, 10000);
  }

  const options = {
    ast: true, renderer: "svg", tooltip: hover, logLevel: 1,
    actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
    downloadFileName: "front",
  };
  const embed = async (id, spec, its) => {
    if (!spec || !at(id)) return;
    const { tooltip, ...rest } = options;
    const found = await vegaEmbed(at(id), spec, its ? options : rest);
    views[id] = found.view;
    if (its) found.view.addEventListener("click", (event, item) => {
      if (item && item.datum && item.datum.i !== undefined) pick(item.datum.i, true);
    });
  };
  const begin = async () => {
    if (data.front) {
      to_plane();
      recall();
      offer();
      ["table", "x", "y", "bars"].forEach((id) => {
        if (id === "bars") at(id).checked = choice.bars;
        else at(id).value = choice[id];
      });
      if (at("quantity")) at("quantity").value = choice.q;
    }
    const drawn = [data.front, data.curves].filter(Boolean).flatMap((it) => it.params);
    drawn.forEach((it) => (last[it.name] = JSON.stringify(it.value)));
    await embed("front-chart", data.front, true);
    await embed("curve-chart", data.curves, false);
    if (data.front) show();
    document.documentElement.dataset.ready = Math.round(performance.now());
  };
  begin();
})();
