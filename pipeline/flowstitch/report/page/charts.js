// Charts of the data in the page, drawn by ECharts in the colours of the page.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const charts = new Map();
  const chosen = { flows: "connections", pairs: "primary" };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const known = ["primary", "secondary", "member", "local", "outside", "nothing"];
  const roleColour = (role) => colour(known.includes(role) ? role : "nothing");
  const count = (number) => number.toLocaleString("en-US");
  const bytes = (number) => {
    const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let place = 0;
    for (; number >= 999.5 && place < units.length - 1; place++) number /= 1000;
    return `${place ? number.toFixed(1) : number} ${units[place]}`;
  };
  const isNarrow = () => innerWidth < 640;
  const words = () => ({ color: colour("ink"), fontFamily: getComputedStyle(document.body).fontFamily });
  // tooltips of HTML would need styles that the policy of the page forbids
  const tip = (formatter) => ({
    renderMode: "richText", confine: true, formatter, backgroundColor: colour("card"), borderColor: colour("line"), textStyle: words(),
  });
  const axis = (more) => ({
    axisLine: { lineStyle: { color: colour("line") } }, axisTick: { show: false }, splitLine: { lineStyle: { color: colour("line") } },
    axisLabel: { color: colour("soft") }, ...more,
  });
  const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  // room for the labels of the axes
  const within = { outerBoundsMode: "same", outerBoundsContain: "axisLabel", outerBoundsClampWidth: "10%" };
  const base = () => ({ textStyle: words(), animation: false });

  const flows = () => {
    const measure = chosen.flows === "bytes" ? 5 : 4;
    const show = measure === 5 ? bytes : count;
    const named = (layer, name) => `${layer} ${name}`;
    const nodes = new Map();
    const links = new Map();
    for (const row of data.flows) {
      const value = row[measure];
      if (!value) continue;
      for (let layer = 0; layer < 4; layer++) {
        const name = named(layer, row[layer]);
        const node = nodes.get(name) || { name, depth: layer, value: 0, label: row[layer] };
        node.value += value;
        nodes.set(name, node);
        if (layer === 3) continue;
        const key = JSON.stringify([layer, row[layer], row[layer + 1], row[3]]);
        const link = links.get(key) || { source: name, target: named(layer + 1, row[layer + 1]), value: 0, lands: row[3] };
        link.value += value;
        links.set(key, link);
      }
    }
    const text = new Map([...nodes.values()].map((node) => [node.name, node.label]));
    return {
      ...base(),
      tooltip: tip(({ dataType, data: one }) =>
        dataType === "edge"
          ? `${text.get(one.source)} → ${text.get(one.target)}\nreply: ${one.lands}\n${show(one.value)}`
          : `${text.get(one.name)}\n${show(one.value)}`),
      series: [{
        type: "sankey", left: 4, right: isNarrow() ? 70 : 90, top: 8, bottom: 8, nodeWidth: 9, nodeGap: 9, draggable: false, emphasis: { focus: "adjacency" },
        data: [...nodes.values()].map((node) => ({
          name: node.name, depth: node.depth, value: node.value,
          itemStyle: { color: node.depth === 3 ? roleColour(node.label) : colour("soft"), borderWidth: 0 },
        })),
        links: [...links.values()].map((link) => ({ ...link, lineStyle: { color: roleColour(link.lands), opacity: 0.42 } })),
        label: {
          color: colour("ink"), fontSize: isNarrow() ? 10 : 12, textBorderColor: colour("paper"), textBorderWidth: 3,
          formatter: ({ name }) => cut(text.get(name), isNarrow() ? 16 : 30),
        },
      }],
    };
  };

  const pairs = () => {
    const rows = data.pairs.filter((row) => row[2] === chosen.pairs);
    const names = (place) => [...new Set(data.pairs.map((row) => row[place]))].sort();
    const clients = names(0).reverse();
    const servers = names(1);
    const most = Math.max(1, ...rows.map((row) => row[3]));
    const letters = isNarrow() ? 12 : 24;
    const short = (name) => (name.length > letters ? `…${name.slice(1 - letters)}` : name);
    return {
      ...base(),
      grid: { left: 4, right: 8, top: 8, bottom: 48, ...within },
      tooltip: tip(({ value: [x, y, value, size] }) => `${clients[y]} → ${servers[x]}\n${count(value)} connections, ${bytes(size)} of replies\n${chosen.pairs}`),
      xAxis: axis({ type: "category", data: servers, axisLabel: { color: colour("soft"), formatter: short, rotate: servers.length > (isNarrow() ? 3 : 6) ? 45 : 0 } }),
      yAxis: axis({ type: "category", data: clients, axisLabel: { color: colour("soft"), formatter: short } }),
      visualMap: {
        dimension: 2, min: 0, max: most, calculable: false, orient: "horizontal", left: "center", bottom: 0, itemHeight: 90, itemWidth: 10,
        inRange: { color: [colour("wash"), roleColour(chosen.pairs)] }, textStyle: { color: colour("soft") }, text: [count(most), "0"],
      },
      series: [{
        type: "heatmap", data: rows.map((row) => ({
          value: [servers.indexOf(row[1]), clients.indexOf(row[0]), row[3], row[4]],
          label: { color: colour(row[3] > most / 2 ? "paper" : "ink") },
        })),
        label: { show: servers.length <= 8, formatter: ({ value }) => count(value[2]) },
        itemStyle: { borderColor: colour("paper"), borderWidth: 2 },
      }],
    };
  };

  const gapWords = (row) => [
    row[7] ? `conntrack of ${row[7]} nodes may have missed something` : "",
    row[8] ? `flow logs of ${row[8]} ENIs may have missed something` : "",
  ].filter(Boolean);
  const timeline = () => {
    const kinds = [["answered", 2, "secondary"], ["refused", 3, "member"], ["unanswered", 4, "primary"], ["rejected", 5, "bad"], ["not known", 6, "local"]];
    const step = data.timeline[0][1] * 1000;
    const areas = data.timeline.filter((row) => gapWords(row).length).map((row) => [{ xAxis: row[0] - step / 2 }, { xAxis: row[0] + step / 2 }]);
    return {
      ...base(),
      color: kinds.map(([, , name]) => colour(name)),
      grid: { left: 4, right: 12, top: 34, bottom: 4, ...within },
      legend: { left: 0, top: 0, icon: "rect", itemWidth: 11, itemHeight: 11, textStyle: { color: colour("soft") } },
      tooltip: {
        ...tip((parts) => {
          const row = data.timeline[parts[0].dataIndex];
          const at = new Date(row[0]).toISOString().replace(".000Z", "Z");
          return [`${at}, ${row[1]} s`, ...kinds.map(([name, place]) => `${name} ${count(row[place])}`), ...gapWords(row)].join("\n");
        }),
        trigger: "axis", axisPointer: { lineStyle: { color: colour("soft") } },
      },
      useUTC: true,
      xAxis: axis({ type: "time", splitLine: { show: false }, min: (range) => range.min - step / 2, max: (range) => range.max + step / 2 }),
      yAxis: axis({ type: "value", minInterval: 1 }),
      series: kinds.map(([name, place], number) => ({
        name, type: "bar", stack: "all", barWidth: "82%", data: data.timeline.map((row) => [row[0], row[place]]),
        markArea: number ? undefined : { silent: true, itemStyle: { color: colour("nothing"), opacity: 0.45 }, data: areas },
      })),
    };
  };

  const bars = (rows, text, value, fill, show, told) => {
    const width = isNarrow() ? 130 : 380;
    return {
      ...base(),
      grid: { left: 4, right: 64, top: 4, bottom: 4, ...within },
      tooltip: tip(({ dataIndex }) => told(rows[dataIndex])),
      xAxis: axis({ type: "value", show: false }),
      yAxis: axis({
        type: "category", inverse: true, data: rows.map((_, place) => place), axisLine: { show: false },
        axisLabel: { color: colour("ink"), width, overflow: "truncate", formatter: (place) => text(rows[place]) },
      }),
      series: [{
        type: "bar", barMaxWidth: 16, data: rows.map((row) => ({ value: value(row), itemStyle: { color: fill(row), borderRadius: 2 } })),
        label: { show: true, position: "right", color: colour("soft"), formatter: ({ value: number }) => show(number) },
      }],
    };
  };
  const lines = (text, most) => (text.match(new RegExp(`.{1,${most}}(\\s|$)`, "g")) || [text]).join("\n");
  const enis = () =>
    bars(data.enis, (row) => (isNarrow() ? row[1] : `${row[0] || "node not known"}  ${row[1]}`), (row) => row[3], (row) => roleColour(row[2]), bytes,
      (row) => `${row[1]}, ${row[2] || "role not known"}\n${row[0] || "node not known"}\n${bytes(row[3])}, ${count(row[4])} pods`);
  const drifts = () =>
    bars(data.drifts, (row) => row[0], (row) => row[2], () => colour("primary"), count, (row) => `${row[0]}\n${lines(row[1] || "", 60)}\n${count(row[2])} connections`);
  const deadends = () =>
    bars(data.deadends, (row) => row[0], (row) => row[2], () => colour("primary"), count,
      (row) => `${row[0]}\n${row[1]}\n${count(row[2])} attempts, ${count(row[3])} answered`);

  const options = { flows, pairs, timeline, enis, drifts, deadends };
  const heights = {
    flows: () => Math.max(320, 26 * new Set(data.flows.map((row) => row[2])).size),
    pairs: () => 120 + 40 * Math.max(2, new Set(data.pairs.map((row) => row[0])).size),
    timeline: () => 260,
    enis: () => 24 + 24 * data.enis.length,
    drifts: () => 24 + 30 * data.drifts.length,
    deadends: () => 24 + 30 * data.deadends.length,
  };
  const draw = (name) => charts.get(name)?.setOption(options[name](), true);
  const drawAll = () => charts.forEach((_, name) => draw(name));
  for (const name of Object.keys(options)) {
    const place = document.getElementById(`chart-${name}`);
    if (!place) continue;
    charts.set(name, echarts.init(place, null, { renderer: "svg", height: heights[name]() }));
    draw(name);
  }
  for (const button of document.querySelectorAll("button[data-chart]")) {
    button.addEventListener("click", () => {
      chosen[button.dataset.chart] = button.dataset.value;
      for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
      draw(button.dataset.chart);
    });
  }
  document.addEventListener("theme", drawAll);
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      charts.forEach((chart) => chart.resize());
      drawAll();
    }, 120);
  });
  // a printer does not wait for the next frame
  const fit = (width) =>
    charts.forEach((chart) => {
      chart.resize({ width });
      chart.getZr().flush();
    });
  addEventListener("beforeprint", () => fit(660));
  addEventListener("afterprint", () => fit("auto"));
})();
