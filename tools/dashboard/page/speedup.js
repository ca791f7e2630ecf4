"use strict";
(() => {
  const NONE = "";
  const COLUMNS = ["Strategy", "Concurrency", "Time (s)", "Throughput (items/s)", "Memory (MB)", "Speedup"];
  const BYTES_PER_MB = 1e6;
  const OWN_WAY = "stac_manager";
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const root = document.documentElement;
  const charts = new Map();
  const shown = { series: null, run: null, other: null };

  // --- What is chosen: five selects, and the address, so that a view can be linked to -------------------------------

  const CHOICES = ["machine", "benchmark", "size", "commit", "compare"];

  function start() {
    document.title = `Speedup: ${data.project}`;
    at("heading").textContent = `${data.project}: speedup by concurrency`;
    at("published").textContent = `Published ${moment(data.published)}.`;
    setUpTheme();
    at("empty").hidden = data.series.length > 0;
    at("content").hidden = data.series.length === 0;
    if (!data.series.length) return;
    at("no-charts").hidden = Boolean(window.Chart);
    for (const name of CHOICES) at(name).addEventListener("change", () => choose(chosen()));
    window.addEventListener("hashchange", () => location.hash.includes("=") && choose(fromAddress(), true));
    choose(fromAddress(), true);
  }

  const chosen = () => Object.fromEntries(CHOICES.map((name) => [name, at(name).value]));
  const fromAddress = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

  /** Show what was asked for, or the nearest that there is; who came by a link is told so. */
  function choose(wanted, isLink = false) {
    const missing = [];
    const pick = (name, options, preferred) => {
      const asked = wanted[name];
      const value = asked ? options.find(([key]) => matches(name, key, asked))?.[0] : undefined;
      if (asked && value === undefined) missing.push(`${name} ${asked}`);
      return fill(name, options, value ?? preferred);
    };
    const machines = unique(data.series.map((series) => series.machine));
    const machine = pick("machine", same(machines), machines[0]);
    const ofMachine = data.series.filter((series) => series.machine === machine);
    const benchmarks = unique(ofMachine.map((series) => series.benchmark));
    const benchmark = pick("benchmark", same(benchmarks), benchmarks[0]);
    const ofBenchmark = ofMachine.filter((series) => series.benchmark === benchmark);
    const sizes = ofBenchmark.map((series) => [series.size, sized(series.size)]);
    const size = pick("size", sizes, sizes[0][0]);
    const series = ofBenchmark.find((one) => one.size === size);
    const newestFirst = [...series.runs].reverse();
    const commits = newestFirst.map((run) => [run.commit, `${short(run)} · ${day(run.date)}`]);
    const commit = pick("commit", commits, newestFirst[0].commit);
    const others = [[NONE, "no other"], ...commits.filter(([key]) => key !== commit)];
    const compare = pick("compare", others, NONE);
    shown.series = series;
    shown.run = series.runs.find((run) => run.commit === commit);
    shown.other = series.runs.find((run) => run.commit === compare) ?? null;
    at("notice").hidden = !(isLink && missing.length);
    at("notice").textContent = `There are no results of ${missing.join(", ")}; this is the nearest that there is.`;
    const address = new URLSearchParams({ machine, benchmark, size, commit, ...(compare && { compare }) });
    history.replaceState(null, "", `#${address}`);
    render();
  }

  const matches = (name, key, asked) =>
    key === asked || (["commit", "compare"].includes(name) && asked.length > 3 && key.startsWith(asked));
  /** "test_size=1000" as people say it: 1,000 items. */
  const sized = (variant) =>
    variant
      .replace(/(^|, )test_size=(\d+)(?=, |$)/g, (_, before, count) => `${before}${Number(count).toLocaleString("en")} items`)
      .replace(/(^|, )([^=,]+)=/g, "$1$2 ") || "one size";
  const same = (values) => values.map((value) => [value, value]);
  const unique = (values) => [...new Set(values)];

  function fill(name, options, value) {
    at(name).replaceChildren(...options.map(([key, text]) => new Option(text, key, false, key === value)));
    return value;
  }

  // --- Words and tables ---------------------------------------------------------------------------------------------

  function render() {
    const { run, other, series } = shown;
    at("title").textContent = run.title;
    at("subtitle").textContent =
      `Commit ${short(run)} of ${day(run.date)}, measured ${moment(run.measured)} on ${series.machine}.`;
    at("lines").replaceChildren(...run.lines.map(([label, text, command]) => {
      const line = element("p", "");
      line.append(element("strong", label), `: ${text}`, ...(command ? [": ", element("code", command)] : []));
      return line;
    }));
    at("changes").replaceChildren(...run.changes.map(item));
    at("details").replaceChildren(...run.details.map(item));
    at("levels").replaceChildren(
      table(COLUMNS, run.levels.map((level) => level.cells), {
        caption: `Commit ${short(run)}${run.recommended === null ? "" : `; marked: the recommended default, ${run.recommended}`}`,
        marked: run.levels.findIndex((level) => level.concurrency === run.recommended),
      }),
      ...(other ? [table(COLUMNS, other.levels.map((level) => level.cells), { caption: `Commit ${short(other)}` })] : []),
    );
    at("environment").replaceChildren(
      ...run.environment.flatMap(([name, value]) => [element("dt", name), element("dd", value)]),
    );
    at("peers-section").hidden = run.peers.length === 0;
    drawEverything();
  }

  /** A sentence of a list; a name before its colon may be broken after a dot, a bracket, a comma, an underscore. */
  function item(sentence) {
    const line = element("li", "");
    const name = sentence.slice(0, Math.max(0, sentence.indexOf(": "))).split(/(?<=[._(,=])/);
    line.append(...name.flatMap((piece) => [piece, element("wbr", "")]), sentence.slice(name.join("").length));
    return line;
  }

  function element(name, text, properties = {}) {
    return Object.assign(document.createElement(name), { textContent: text, ...properties });
  }

  function table(columns, rows, { caption, marked = -1 } = {}) {
    const made = document.createElement("table");
    if (caption) made.append(element("caption", caption));
    const head = made.createTHead().insertRow();
    for (const column of columns) head.append(element("th", column, { scope: "col" }));
    const body = made.createTBody();
    rows.forEach((cells, place) => {
      const row = body.insertRow();
      if (place === marked) row.className = "recommended";
      for (const cell of cells) row.append(element("td", cell));
    });
    return made;
  }

  const short = (run) => run.commit.slice(0, 8);
  const day = (milliseconds) => new Date(milliseconds).toISOString().slice(0, 10);
  const moment = (text) => `${text.slice(0, 16).replace("T", " ")} UTC`;
  const number = (value, digits = 3) =>
    value === null || value === undefined
      ? "n/a"
      : value.toLocaleString("en", Math.abs(value) >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits });
  const ratio = (value) => (value === null || value === undefined ? "n/a" : `${number(value)}x`);

  // --- Charts -------------------------------------------------------------------------------------------------------

  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  function drawEverything() {
    const { run, other, series } = shown;
    const levels = concurrencyLevels(run, other);
    drawThroughput(levels, run, other);
    drawSpeedup(levels, run, other);
    drawMemory(levels, run, other);
    drawHistory(series, run);
    if (run.peers.length) drawPeers(run);
  }

  /** The levels of both commits: numbers in order, words after them. */
  function concurrencyLevels(run, other) {
    const names = [...new Set([...run.levels, ...(other?.levels ?? [])].map((level) => level.concurrency))];
    const rank = (name) => (typeof name === "number" ? name : Infinity);
    return names.sort((one, two) => (rank(one) === rank(two) ? 0 : rank(one) - rank(two)));
  }

  const levelOf = (run, name) => run.levels.find((level) => level.concurrency === name);
  const values = (run, levels, value) => levels.map((name) => { const level = levelOf(run, name); return level ? value(level) : null; });

  /** A level without a time keeps its place and says why. */
  const levelLabels = (run, levels) =>
    levels.map((name) => {
      const status = levelOf(run, name)?.status ?? "n/a";
      return [...`${name}`.split(" "), ...(status === "ok" ? [] : [status])];
    });

  /** The lowest and the highest thing drawn: of a bar that goes far beyond the samples, a part. */
  function extent(sets) {
    const ends = sets.flatMap(({ data, samples, whiskers }) => data.flatMap((value, place) => {
      if (value === null || value === undefined) return [];
      const measured = [value, ...(samples?.[place] ?? [])];
      const [low, high] = [Math.min(...measured), Math.max(...measured)];
      const bar = whiskers?.[place] ?? [low, high];
      return [Math.min(low, Math.max(bar[0], low / 2)), Math.max(high, Math.min(bar[1], high * 2))];
    }));
    return ends.length ? [Math.min(...ends), Math.max(...ends)] : [1, 1];
  }

  function byLevel(id, title, run, other, levels, value, { bars, barsAre, samples, format = number, extra = [], scale } = {}) {
    const runs = [[run, "--first", []], ...(other ? [[other, "--second", [6, 4]]] : [])];
    const datasets = runs.map(([one, colour, dash]) => ({
      label: short(one),
      data: values(one, levels, value),
      whiskers: bars ? values(one, levels, bars) : undefined,
      samples: samples ? values(one, levels, samples) : undefined,
      whiskersAre: barsAre,
      borderColor: css(colour),
      backgroundColor: css(colour),
      borderDash: dash,
      borderWidth: 2,
      // The recommended level has a ring.
      pointBorderColor: levels.map((name) => css(name === one.recommended ? "--third" : colour)),
      pointBorderWidth: levels.map((name) => (name === one.recommended ? 3 : 1)),
      pointRadius: levels.map((name) => (name === one.recommended ? 6 : 5)),
      pointHoverRadius: 8,
    }));
    draw(id, {
      title,
      summary: `${title} of commit ${short(run)}: ${levels.map((name, place) => `${format(datasets[0].data[place])} at concurrency ${name}`).join(", ")}.`,
      columns: ["Concurrency", ...runs.map(([one]) => short(one))],
      rows: levels.map((name, place) => [`${name}`, ...datasets.map((set) => format(set.data[place]))]),
      config: { type: "line", data: { labels: levelLabels(run, levels), datasets: [...datasets, ...extra] },
        scale: (scale ?? ((low, high) => ({ beginAtZero: true, suggestedMax: high * 1.08 })))(...extent(datasets)) },
      x: "Concurrency (workers)",
      format,
      legend: Boolean(other) || extra.length > 0,
    });
  }

  const rate = (level, seconds) => level.items / seconds;

  function drawThroughput(levels, run, other) {
    byLevel("throughput", "Throughput (items/s)", run, other, levels, (level) => level.throughput, {
      bars: (level) => (level.items && level.q25_seconds ? [rate(level, level.q75_seconds), rate(level, level.q25_seconds)] : null),
      barsAre: "quartiles",
      samples: (level) => (level.items ? level.samples.map((seconds) => rate(level, seconds)) : []),
    });
  }

  function drawSpeedup(levels, run, other) {
    const ideal = {
      label: "ideal",
      data: levels.map((name) => (typeof name === "number" ? name : null)),
      borderColor: css("--other"),
      borderDash: [3, 4],
      borderWidth: 1.5,
      pointRadius: 0,
      pointHoverRadius: 0,
      silent: true,
    };
    byLevel("speedup", "Speedup against 1 worker", run, other, levels, (level) => level.speedup, {
      format: ratio,
      bars: (level) => level.speedup_interval,
      barsAre: "95 % interval",
      samples: (level) =>
        level.speedup === null ? [] : level.samples.map((seconds) => (level.speedup * level.median_seconds) / seconds),
      extra: [ideal],
      scale: ratioScale,
    });
  }

  function drawMemory(levels, run, other) {
    const megabytes = (level) => (level.peak_bytes === null ? null : level.peak_bytes / BYTES_PER_MB);
    byLevel("memory", "Peak memory (MB)", run, other, levels, megabytes);
  }

  function drawHistory(series, run) {
    const runs = series.runs;
    const common = (id, title, value, format, more = {}) =>
      draw(id, {
        title,
        summary: `${title}, ${runs.length} commits, the newest ${format(value(runs.at(-1)))}. Enter shows a commit.`,
        columns: ["Commit", "Date", title],
        rows: [...runs].reverse().map((one) => [short(one), day(one.date), format(value(one))]),
        config: {
          type: "line",
          data: {
            labels: runs.map((one) => short(one)),
            datasets: [{
              label: title,
              data: runs.map(value),
              borderColor: css("--first"),
              // A quick run is no measurement: its point is hollow. The commit that is shown has a large one.
              pointBackgroundColor: runs.map((one) => (one.quick ? css("--card") : css("--first"))),
              pointBorderColor: css("--first"),
              pointRadius: runs.map((one) => (one === run ? 8 : 4)),
              pointHoverRadius: 9,
              borderWidth: 2,
              ...more,
            }],
          },
        },
        x: "Commit, oldest first",
        format,
        heading: (place) => `${short(runs[place])}, ${day(runs[place].date)}${runs[place].quick ? ", quick run" : ""}`,
        onPick: (place) => choose({ ...chosen(), commit: runs[place].commit, compare: NONE }),
      });
    const isNumber = (value) => (typeof value === "number" ? value : null);
    const ofBest = (name) => (one) => levelOf(one, one.best)?.[name] ?? null;
    common("history-speedup", "Best speedup", ofBest("speedup"), ratio);
    common("history-best", "Best concurrency (workers)", (one) => isNumber(one.best), number, { stepped: "middle" });
    common("history-throughput", "Best throughput (items/s)", ofBest("throughput"), number);
    const figures = [...at("history-section").querySelectorAll("figure")];
    at("history-section").hidden = run.changes.length === 0 && figures.every((figure) => figure.hidden);
  }

  function drawPeers(run) {
    draw("peers", {
      title: "Throughput by way (items/s)",
      summary: `Throughput: ${run.peers.map((peer) => `${peer.name} ${peer.cells[2]}`).join(", ")}.`,
      columns: ["Way", "Time (s)", "Throughput (items/s)"],
      rows: run.peers.map((peer) => peer.cells),
      config: {
        type: "bar",
        indexAxis: "y",
        data: {
          labels: run.peers.map((peer) => (peer.median_seconds === null ? `${peer.name} (${peer.cells[1]})` : peer.name)),
          datasets: [{
            label: "items/s",
            data: run.peers.map((peer) => peer.throughput),
            backgroundColor: run.peers.map((peer) => (peer.name === OWN_WAY ? css("--first") : css("--other"))),
            maxBarThickness: 28,
          }],
        },
      },
      x: "items/s",
      format: number,
    });
  }

  /**
   * A figure: its caption, the plot, what the keyboard points at, and the same numbers as a table; none of nothing, but
   * the labels of bars say what failed.
   */
  function draw(id, { title, summary, columns, rows, config, x, format, legend = false, heading, onPick }) {
    const figure = at(id);
    const shownSets = config.data.datasets.filter((set) => !set.silent);
    figure.hidden = config.type === "line" && !shownSets.some(({ data }) => data.some((value) => value !== null && value !== undefined));
    if (figure.hidden) return;
    const open = figure.querySelector("details")?.open ?? !window.Chart;
    const focused = figure.contains(document.activeElement) && document.activeElement.tagName === "CANVAS";
    charts.get(id)?.destroy();
    const plot = element("div", "", { className: "plot" });
    const reading = element("p", "", { className: "reading quiet" });
    reading.setAttribute("role", "status");
    const details = element("details", "", { open });
    const wrapped = element("div", "", { className: "table" });
    wrapped.append(table(columns, rows));
    details.append(element("summary", "As a table", { ariaLabel: `${title}: as a table` }), wrapped);
    figure.replaceChildren(element("figcaption", title), ...(window.Chart ? [plot, reading] : []), details);
    if (!window.Chart) return;
    const canvas = document.createElement("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${summary} Left and right arrow keys go from point to point; a table follows.`);
    plot.append(canvas);
    const sideways = config.indexAxis === "y";
    // Levels are few, and each is named; commits may be many.
    const everyTick = config.data.labels.length <= 8;
    const axis = (text, isValue) => ({
      title: { display: Boolean(text), text, color: css("--quiet") },
      grid: { color: css("--line"), display: isValue },
      border: { color: css("--line") },
      ticks: { color: css("--quiet"), maxRotation: 60, autoSkip: !everyTick, autoSkipPadding: 12, ...(isValue && { callback: format === ratio ? ratio : (value) => number(value) }) },
      ...(isValue ? (config.scale ?? { beginAtZero: true, grace: "8%" }) : { offset: true }),
    });
    const chart = new Chart(canvas, {
      type: config.type,
      data: config.data,
      plugins: [whiskers],
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        indexAxis: config.indexAxis ?? "x",
        interaction: { mode: "index", intersect: false, axis: sideways ? "y" : "x" },
        scales: sideways ? { x: axis(x, true), y: axis("", false) } : { x: axis(x, false), y: axis("", true) },
        onClick: (event, hit) => onPick && hit.length && onPick(hit[0].index),
        plugins: {
          legend: { display: legend, labels: { color: css("--ink"), boxWidth: 28, boxHeight: 0 } },
          tooltip: {
            filter: (item) => !item.dataset.silent,
            callbacks: {
              title: (items) => (items.length ? (heading ? heading(items[0].dataIndex) : `${x}: ${[items[0].label].flat().join(" ")}`) : ""),
              label: (item) => `${item.dataset.label}: ${format(item.raw)}${spread(item, format)}`,
            },
          },
        },
      },
    });
    charts.set(id, chart);
    canvas.addEventListener("keydown", (event) => onKey(event, chart, reading, format, heading, onPick));
    if (focused) canvas.focus();
  }

  const spread = (item, format) => {
    const range = item.dataset.whiskers?.[item.dataIndex];
    return range ? ` (${item.dataset.whiskersAre} ${format(range[0])} to ${format(range[1])})` : "";
  };

  /** The axis of ratios: 2x looks as far from 1x as 0.5x. What is measured fills it; the ideal line may leave it. */
  const ratioScale = (low, high) => ({
    type: "logarithmic",
    afterDataLimits: (scale) => {
      scale.min = Math.min(low, 0.9) / 1.1;
      scale.max = 1.6 * Math.max(high, 1);
    },
    afterBuildTicks: (scale) => {
      scale.ticks = [];
      for (let power = -10; power <= 20; power += 1) {
        const value = 2 ** power;
        if (value >= scale.min && value <= scale.max) scale.ticks.push({ value });
      }
    },
  });

  /** Quartiles and intervals as error bars, which end inside of the axes, and every sample beside its median. */
  const whiskers = {
    id: "whiskers",
    afterDatasetDraw(chart, { index, meta }) {
      const dataset = chart.data.datasets[index];
      if (meta.hidden) return;
      const { ctx: pen, scales, chartArea: area } = chart;
      pen.save();
      pen.strokeStyle = pen.fillStyle = dataset.borderColor;
      pen.lineWidth = 1.5;
      pen.beginPath();
      dataset.whiskers?.forEach((range, place) => {
        if (!range) return;
        const { x } = meta.data[place];
        const [low, high] = range.map((value) => Math.min(area.bottom, Math.max(area.top, scales.y.getPixelForValue(value))));
        pen.moveTo(x, low);
        pen.lineTo(x, high);
        // A bar that goes on beyond the axis ends in an arrow.
        for (const [end, edge, inwards] of [[low, area.bottom, -5], [high, area.top, 5]]) {
          const back = end === edge ? inwards : 0;
          pen.moveTo(x - 4, end + back);
          pen.lineTo(x, end);
          pen.lineTo(x + 4, end + back);
        }
      });
      pen.stroke();
      pen.globalAlpha = 0.5;
      const aside = Math.min(12, area.width / chart.data.labels.length / 4) * (index === 0 ? 1 : -1);
      dataset.samples?.forEach((samples, place) => samples?.forEach((value) => {
        pen.beginPath();
        pen.arc(meta.data[place].x + aside, scales.y.getPixelForValue(value), 2.5, 0, 7);
        pen.fill();
      }));
      pen.restore();
    },
  };

  function onKey(event, chart, reading, format, heading, onPick) {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const count = chart.data.labels.length;
    const place = chart.getActiveElements()[0]?.index;
    if (event.key === "Enter" && onPick && place !== undefined) onPick(place);
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = place === undefined ? (steps[event.key] > 0 ? 0 : count - 1) : (place + steps[event.key] + count) % count;
    const sets = chart.data.datasets.map((set, index) => ({ set, index })).filter(({ set }) => !set.silent);
    const active = sets.map(({ index }) => ({ datasetIndex: index, index: next }));
    chart.setActiveElements(active);
    chart.tooltip.setActiveElements(active, { x: 0, y: 0 });
    chart.update("none");
    const where = heading ? heading(next) : [chart.data.labels[next]].flat().join(" ");
    reading.textContent = `${where}: ${sets.map(({ set }) => `${sets.length > 1 ? `${set.label} ` : ""}${format(set.data[next])}`).join(", ")}`;
  }

  // --- Theme --------------------------------------------------------------------------------------------------------

  function setUpTheme() {
    const names = { "": "system", light: "light", dark: "dark" };
    const order = Object.keys(names);
    const apply = (theme) => {
      if (theme) root.dataset.theme = theme;
      else delete root.dataset.theme;
      at("theme").textContent = `Theme: ${names[theme]}`;
      if (shown.run) drawEverything();
    };
    at("theme").addEventListener("click", () => {
      const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length];
      remember(next);
      apply(next);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shown.run && drawEverything());
    apply(remembered());
  }

  // Storage is refused in some settings of browsers; the choice then lasts as long as the page.
  function remember(theme) {
    try { localStorage.setItem("speedup-theme", theme); } catch { /* not kept */ }
  }
  function remembered() {
    try { return { light: "light", dark: "dark" }[localStorage.getItem("speedup-theme")] ?? ""; } catch { return ""; }
  }

  start();
})();
