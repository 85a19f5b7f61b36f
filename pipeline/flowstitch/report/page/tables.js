// Tables: a click on a head sorts, the field above filters.
"use strict";
(() => {
  const value = (row, place) => {
    const cell = row.cells[place];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  // what is not known comes last, whichever way
  const compare = (a, b, way) => {
    if (a === "-" || b === "-") return (a === "-") - (b === "-");
    return way * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  };
  const sort = (table, head, place) => {
    const way = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
    table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort((a, b) => compare(value(a, place), value(b, place), way)));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("thead th").forEach((head, place) => {
      const button = head.querySelector("button");
      if (button) button.addEventListener("click", () => sort(table, head, place));
    });
  }
  for (const field of document.querySelectorAll("input.filter")) {
    const table = document.getElementById(field.dataset.table);
    const shown = document.getElementById(`${field.dataset.table}-shown`);
    field.hidden = false;
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      let rows = 0;
      for (const row of table.tBodies[0].rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
        rows += !row.hidden;
      }
      shown.textContent = wanted ? `${rows} of ${table.tBodies[0].rows.length} rows have it` : "";
    });
  }
})();
