// Draws every [data-chart] from the JSON it names, in the colours of the stylesheet.
// The table beside it says the same, so the picture is hidden from those who listen.
const pictures = [...document.querySelectorAll("[data-chart]")];
const language = document.documentElement.lang;

const token = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const figures = (unit) => {
  const format = new Intl.NumberFormat(
    language,
    unit ? { style: "currency", currency: unit, currencyDisplay: "narrowSymbol", maximumFractionDigits: 0 } : {},
  );
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

const option = ({ kind, labels, series: rows, unit }, width) => {
  const text = { color: token("muted"), fontFamily: token("sans"), fontSize: 13 };
  const show = figures(unit);
  // The legend wraps; what is drawn begins under its last line.
  const legend = rows.reduce((sum, { name }) => sum + 25 + 7 * name.length, 0);
  const above = rows.length > 1 ? 20 + 20 * Math.ceil(legend / width) : 12;
  return {
    animation: false,
    textStyle: text,
    grid: { left: 4, right: 12, top: above, bottom: 4, containLabel: true },
    legend: rows.length > 1
      ? { left: 0, top: 0, icon: "circle", itemWidth: 10, itemHeight: 10, textStyle: { ...text, color: token("ink") } }
      : undefined,
    // Rich text is drawn into the picture; the HTML kind would need inline styles.
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      backgroundColor: token("raised"),
      borderColor: token("edge"),
      borderWidth: 1,
      shadowBlur: 0,
      padding: [8, 12],
      textStyle: { ...text, color: token("ink") },
      valueFormatter: show,
      axisPointer: { type: kind === "line" ? "line" : "shadow", lineStyle: { color: token("edge") } },
    },
    xAxis: {
      type: "category",
      data: labels,
      boundaryGap: kind !== "line",
      axisLine: { lineStyle: { color: token("edge") } },
      axisTick: { show: false },
      axisLabel: { ...text, hideOverlap: true },
    },
    yAxis: {
      type: "value",
      splitNumber: 4,
      axisLabel: { ...text, formatter: show },
      splitLine: { lineStyle: { color: token("rule") } },
    },
    series: rows.map((row) => series(row, kind)),
  };
};

const drawn = pictures.map((picture) => {
  const data = JSON.parse(document.getElementById(picture.dataset.chart).textContent);
  picture.dataset.drawn = "";
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
