// What the pages do by themselves: draw charts, keep still while somebody is reading or typing, and say so when the
// service does not answer. Everything works without it, only less freshly.
"use strict";

(() => {
  const charts = new Map();

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const options = (element, chart) => {
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const lines = [colour("--line-1"), colour("--line-2")];
    const series = chart.names.map((name, index) => ({
      label: name, stroke: lines[index], width: 2, points: { show: chart.data[0].length < 3 }, spanGaps: false,
      fill: index === 0 ? lines[0] + "22" : undefined,
    }));
    return {
      width: element.clientWidth, height: element.clientHeight, legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } }, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: { x: { range: () => [chart.from, chart.to] }, y: { range: (_, least, most) => [0, Math.max(1, most * 1.15)] } },
      axes: [{ ...axis, space: 70, size: 28, values: (_, times) => times.map((time) => new Date(time * 1000).toISOString().slice(11, 16)) }, { ...axis, size: 44 }],
      series: [{}, ...series],
    };
  };

  const draw = (element) => {
    const chart = JSON.parse(element.dataset.chart);
    charts.get(element)?.destroy();
    charts.set(element, new uPlot(options(element, chart), chart.data, element));
  };

  const drawAll = () => {
    for (const [element, plot] of charts) if (!element.isConnected) { plot.destroy(); charts.delete(element); }
    document.querySelectorAll("[data-chart]").forEach(draw);
  };

  const busyWith = (element) => {
    const chosen = document.getSelection();
    const selecting = chosen && !chosen.isCollapsed && element.contains(chosen.anchorNode);
    return document.hidden || selecting || element.contains(document.activeElement) || element.querySelector("details[open]");
  };

  const now = () => new Date().toISOString().slice(11, 19);
  const lost = document.getElementById("lost");

  document.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    if (element.hasAttribute("data-polled") && event.detail.requestConfig.triggeringEvent?.type !== "load" && busyWith(element)) event.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.elt.hasAttribute("data-polled")) return;
    if (event.detail.successful) {
      document.getElementById("loaded").textContent = now();
      lost.hidden = true;
    } else if (lost.hidden) {
      document.getElementById("lost-since").textContent = document.getElementById("loaded").textContent;
      lost.hidden = false;
    }
  });
  document.addEventListener("htmx:afterSettle", drawAll);
  document.addEventListener("DOMContentLoaded", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

  let resized;
  window.addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(drawAll, 150); });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      document.getElementById("jump")?.focus();
      event.preventDefault();
    }
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling);
    }
  });
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button && event.target.method === "post") setTimeout(() => { button.disabled = true; });
  });
})();
