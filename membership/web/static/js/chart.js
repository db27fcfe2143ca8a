// Draws every [data-chart] from the JSON it names, in the colours of the stylesheet.
// The table beside it says the same, so the picture is hidden from those who listen.
const pictures = [...document.querySelectorAll("[data-chart]")];
const language = document.documentElement.lang;

const token = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const figures = (unit) => {
  const money = { style: "currency", currency: unit, currencyDisplay: "narrowSymbol", maximumFractionDigits: 0 };
  const share = { style: "percent", maximumFractionDigits: 1 };
  const format = new Intl.NumberFormat(language, unit === "share" ? share : unit ? money : {});
  return (value) => (value === null || value === undefined ? "–" : format.format(value));
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
    symbolSize: 6,
    showSymbol: values.length < 32,
    barMaxWidth: 28,
    animation: false,
  };
};

const text = () => ({ color: token("muted"), fontFamily: token("sans"), fontSize: 13 });

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

const labelled = (labels, more) => ({
  type: "category",
  data: labels,
  axisLine: { lineStyle: { color: token("edge") } },
  axisTick: { show: false },
  axisLabel: { ...text(), hideOverlap: true },
  ...more,
});

const measured = (show) => ({
  type: "value",
  splitNumber: 4,
  axisLabel: { ...text(), formatter: show },
  splitLine: { lineStyle: { color: token("rule") } },
});

const lines = ({ kind, labels, series: rows, unit }, width) => {
  const show = figures(unit);
  // The legend wraps; what is drawn begins under its last line.
  const legend = rows.reduce((sum, { name }) => sum + 25 + 7 * name.length, 0);
  const above = rows.length > 1 ? 20 + 20 * Math.ceil(legend / width) : 12;
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
    xAxis: labelled(labels, { boundaryGap: kind !== "line" }),
    yAxis: measured(show),
    series: rows.map((row) => series(row, kind)),
  };
};

// Each step begins where the one before ended; the first and the last stand on the ground.
const waterfall = ({ labels, values, tones, unit }) => {
  const show = figures(unit);
  const last = values.length - 1;
  let height = 0;
  const spans = values.map((value, step) => {
    const from = step === 0 || step === last ? 0 : height;
    height = from + (value ?? 0);
    return [Math.min(from, height), Math.max(from, height)];
  });
  const bar = { type: "bar", stack: "all", barMaxWidth: 44, animation: false };
  return {
    grid: { left: 4, right: 12, top: 24, bottom: 4, containLabel: true },
    tooltip: tooltip({
      trigger: "axis",
      axisPointer: { type: "shadow" },
      formatter: ([{ dataIndex }]) => `${labels[dataIndex]}: ${show(values[dataIndex])}`,
    }),
    xAxis: labelled(labels, { axisLabel: { ...text(), interval: 0, width: 84, overflow: "break" } }),
    yAxis: measured(show),
    series: [
      { ...bar, silent: true, itemStyle: { color: "transparent" }, data: spans.map(([low]) => low) },
      {
        ...bar,
        data: spans.map(([low, high], step) => ({ value: high - low, itemStyle: { color: token(tones[step]) } })),
        label: { show: true, position: "top", ...text(), formatter: ({ dataIndex }) => show(values[dataIndex]) },
      },
    ],
  };
};

const heat = ({ labels, rows, values, unit }) => {
  const show = figures(unit);
  const cells = values.flatMap((row, y) =>
    row.flatMap((value, x) => (value === null ? [] : [[x, y, value]])),
  );
  return {
    grid: { left: 4, right: 12, top: 4, bottom: 4, containLabel: true },
    tooltip: tooltip({
      formatter: ({ value: [x, y, value] }) => `${rows[y]}, ${labels[x]}: ${show(value)}`,
    }),
    visualMap: { show: false, min: 0, max: 1, inRange: { color: [token("paper"), token("coffee")] } },
    xAxis: labelled(labels, { position: "top" }),
    yAxis: labelled(rows, { inverse: true }),
    series: [{ type: "heatmap", data: cells, animation: false, itemStyle: { borderColor: token("paper"), borderWidth: 1 } }],
  };
};

const kinds = { heat, waterfall };
const option = (data, width) => ({
  animation: false,
  textStyle: text(),
  ...(kinds[data.kind] ?? lines)(data, width),
});

const drawn = pictures.map((picture) => {
  const data = JSON.parse(document.getElementById(picture.dataset.chart).textContent);
  picture.dataset.drawn = "";
  if (data.kind === "heat") picture.style.blockSize = `${60 + 22 * data.rows.length}px`;
  const chart = echarts.init(picture, null, { renderer: "canvas" });
  const redraw = () => chart.setOption(option(data, chart.getWidth()), true);
  new ResizeObserver(() => {
    chart.resize();
    redraw();
  }).observe(picture);
  return redraw;
});
const draw = () => drawn.forEach((redraw) => redraw());

draw();
document.fonts.ready.then(draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
