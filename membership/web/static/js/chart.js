// Draws every [data-chart] from the JSON it names, in the colours of the stylesheet.
// The table beside it says the same, so the picture is hidden from those who listen.
const pictures = [...document.querySelectorAll("[data-chart]")];
const dark = matchMedia("(prefers-color-scheme: dark)");
const language = document.documentElement.lang;

const token = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const figures = (unit) => {
  const money = { style: "currency", currency: unit, currencyDisplay: "narrowSymbol", maximumFractionDigits: 0 };
  const share = { style: "percent", maximumFractionDigits: 1 };
  const format = new Intl.NumberFormat(language, unit === "share" ? share : unit && unit !== "per_mille" ? money : {});
  // A minus sign as everywhere else on the page.
  return (value) => (value === null || value === undefined ? "–" : format.format(value).replace("-", "−"));
};

const series = ({ name, values, tone }, kind) => {
  const colour = token(tone || "coffee");
  return {
    name,
    data: values,
    type: kind === "line" ? "line" : "bar",
    stack: kind === "stacked" ? "all" : undefined,
    color: colour,
    lineStyle: { width: 2 },
    symbol: "circle",
    symbolSize: 5,
    showSymbol: values.length < 32,
    barMaxWidth: 28,
    animation: false,
  };
};

// Pixels of a length that grows with the reader's text, as rem does.
const rem = (length) => length * parseFloat(getComputedStyle(document.documentElement).fontSize);

const text = () => ({ color: token("muted"), fontFamily: token("sans"), fontSize: rem(0.8125) });

// Into lines of at most so many pixels, between words; the library itself takes Cyrillic for narrower than it is.
const pen = document.createElement("canvas").getContext("2d");
const broken = (width) => (name) => {
  pen.font = `${text().fontSize}px ${text().fontFamily}`;
  return name.split(" ").reduce((lines, word) => {
    const longer = `${lines.at(-1)} ${word}`;
    return lines.length && pen.measureText(longer).width <= width ? [...lines.slice(0, -1), longer] : [...lines, word];
  }, []).join("\n");
};

// Rich text is drawn into the picture; the HTML kind would need inline styles.
const tooltip = (more) => ({
  renderMode: "richText",
  backgroundColor: token("raised"),
  borderColor: token("edge"),
  borderWidth: 1,
  shadowBlur: 0,
  padding: [8, 12],
  textStyle: { ...text(), color: token("ink") },
  ...more,
});

const labelled = (labels, { edges, ...more } = {}) => ({
  type: "category",
  data: labels,
  axisLine: { lineStyle: { color: token("edge") } },
  axisTick: { show: false },
  axisLabel: { ...text(), margin: 12, hideOverlap: true, ...edges },
  ...more,
});

const measured = (show, more) => ({
  type: "value",
  splitNumber: 4,
  axisLabel: { ...text(), formatter: show },
  splitLine: { lineStyle: { color: token("rule") } },
  ...more,
});

// Months may be left out where they do not fit; what a few bars are called may not.
const along = (kind, labels, width) => {
  if (kind === "line") return { boundaryGap: false, edges: { alignMinLabel: "left", alignMaxLabel: "right" } };
  if (kind === "stacked" || labels.length > 8) return {};
  const each = (width - rem(4)) / labels.length - 8;
  return { axisLabel: { ...text(), interval: 0, formatter: broken(each), lineHeight: rem(1), margin: 12 } };
};

// What lies beside its bar may take two lines.
const beside = (width) => ({ ...text(), interval: 0, formatter: broken(rem(width)), lineHeight: rem(1) });
const isNarrow = (width) => width < rem(30);
const nameWidth = (width) => (isNarrow(width) ? 6.75 : 11.25);

const lines = ({ kind, labels, series: rows, unit }, width) => {
  const show = figures(unit);
  // The legend wraps; what is drawn begins under its last line.
  const legend = rows.reduce((sum, { name }) => sum + rem(1.6 + 0.44 * name.length), 0);
  const isShare = unit === "share";
  const all = rows.flatMap(({ values }) => values).filter((value) => value !== null);
  const least = Math.min(...all);
  const most = Math.max(...all);
  // A line that stays near the whole would be flat if it were drawn from nothing; bars must be.
  const ground = !isShare ? {} : {
    ...(kind === "line" && least > 0.75 ? { min: Math.min(0.9, Math.floor(least * 20) / 20) } : { interval: 0.25 }),
    ...(most <= 1 ? { max: 1 } : { interval: undefined }),
  };
  const above = rows.length > 1 ? rem(1.25) * (1 + Math.ceil(legend / width)) : 12;
  return {
    grid: { left: 4, right: 12, top: above, bottom: 4, containLabel: true },
    legend: rows.length > 1
      ? { left: 0, top: 0, icon: "circle", itemWidth: 10, itemHeight: 10, textStyle: { ...text(), color: token("ink") } }
      : undefined,
    tooltip: tooltip({
      trigger: "axis",
      valueFormatter: show,
      axisPointer: { type: kind === "line" ? "line" : "shadow", lineStyle: { color: token("edge") } },
    }),
    ...(kind === "across" || (kind === "bar" && isNarrow(width))
      ? { xAxis: measured(show, { splitNumber: isNarrow(width) ? 2 : 4, axisLabel: { ...text(), formatter: show, alignMaxLabel: "right" } }), yAxis: labelled(labels, { inverse: true, axisLabel: beside(kind === "across" ? 1.5 * nameWidth(width) : nameWidth(width)) }) }
      : { xAxis: labelled(labels, along(kind, labels, width)), yAxis: measured(show, ground) }),
    series: rows.map((row) => series(row, kind)),
  };
};

// Each step begins where the one before ended. The first and the last stand on the ground, unless
// the steps are too small to be seen so: then they are marks, and the ground is left out.
const waterfall = ({ labels, values, tones, unit }, width) => {
  const show = figures(unit);
  const last = values.length - 1;
  let height = 0;
  const levels = values.map((value, step) => (height = step === last ? value : height + value));
  const least = Math.min(...levels);
  const most = Math.max(...levels);
  const isZoomed = least > 0 && most - least < most / 3;
  const spans = levels.map((level, step) => {
    const from = step === 0 || step === last ? (isZoomed ? level : 0) : levels[step - 1];
    return [Math.min(from, level), Math.max(from, level)];
  });
  const bar = { type: "bar", stack: "all", barMaxWidth: 22, animation: false };
  return {
    grid: { left: 4, right: rem(isNarrow(width) ? 3.25 : 4.25), top: 4, bottom: 4, containLabel: true },
    tooltip: tooltip({
      trigger: "axis",
      axisPointer: { type: "shadow" },
      formatter: ([{ dataIndex }]) => `${labels[dataIndex]}: ${show(values[dataIndex])}`,
    }),
    yAxis: labelled(labels, {
      inverse: true,
      axisLabel: beside(nameWidth(width)),
    }),
    xAxis: measured(show, { scale: isZoomed, boundaryGap: isZoomed ? ["10%", "10%"] : undefined, splitNumber: isNarrow(width) ? 2 : 4, axisLabel: { ...text(), formatter: show, hideOverlap: true } }),
    series: [
      { ...bar, silent: true, itemStyle: { color: "transparent" }, data: spans.map(([low]) => low) },
      {
        ...bar,
        barMinHeight: 3,
        data: spans.map(([low, high], step) => ({ value: high - low, itemStyle: { color: token(tones[step]) } })),
        label: { show: true, position: "right", ...text(), color: token("ink"), formatter: ({ dataIndex }) => show(values[dataIndex]) },
      },
    ],
  };
};

// Shares of one colour, from the least that is there, so that what differs can be told apart.
const heat = ({ labels, rows, values, unit }, width) => {
  const show = figures(unit);
  const cells = values.flatMap((row, y) =>
    row.flatMap((value, x) => (value === null ? [] : [[x, y, value]])),
  );
  const least = Math.floor(Math.min(0.9, ...cells.map(([, , value]) => value)) * 10) / 10;
  return {
    grid: { left: 4, right: 4, top: 4, bottom: rem(3.25), containLabel: true },
    tooltip: tooltip({
      formatter: ({ value: [x, y, value] }) => `${rows[y]}, ${labels[x]}: ${show(value)}`,
    }),
    visualMap: {
      type: "continuous",
      calculable: false,
      orient: "horizontal",
      left: 0,
      bottom: 4,
      itemWidth: 12,
      itemHeight: Math.min(rem(10), width / 3),
      min: least,
      max: 1,
      text: [show(1), show(least)],
      textStyle: text(),
      inRange: { color: [token("sunk"), token("coffee")] },
    },
    xAxis: labelled(labels, { position: "top" }),
    yAxis: labelled(rows, { inverse: true }),
    series: [{ type: "heatmap", data: cells, animation: false, itemStyle: { borderColor: token("paper"), borderWidth: 2 } }],
  };
};

const kinds = { heat, waterfall };
const option = (data, width) => ({
  animation: false,
  textStyle: text(),
  ...(kinds[data.kind] ?? lines)(data, width),
});

// Words are measured as they will be drawn: not before the letters of the page are there.
await Promise.allSettled([document.fonts.load(`1rem ${token("sans")}`, "Aя")]);

const drawn = pictures.map((picture) => {
  const data = JSON.parse(document.getElementById(picture.dataset.chart).textContent);
  picture.dataset.drawn = "";
  if (data.kind === "across") picture.style.blockSize = `${5 + 3 * data.labels.length}rem`;
  if (data.kind === "heat") picture.style.blockSize = `${5.25 + 1.375 * data.rows.length}rem`;
  const chart = echarts.init(picture, null, { renderer: "canvas" });
  const redraw = () => {
    picture.dataset.scheme = dark.matches ? "dark" : "light";
    chart.setOption(option(data, chart.getWidth()), true);
  };
  new ResizeObserver(() => {
    chart.resize();
    redraw();
  }).observe(picture);
  return redraw;
});
const draw = () => drawn.forEach((redraw) => redraw());

draw();
for (const look of [dark, matchMedia("print")]) look.addEventListener("change", draw);
