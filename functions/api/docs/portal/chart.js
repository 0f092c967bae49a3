// The attempts of a day, hour by hour, as bars; and as a table, for who reads rather than looks.
import { h, newId, svg } from "./dom.js";
import { hourOf, number, time } from "./format.js";
import { counted, t } from "./texts.js";

/** @typedef {import("./types.d.ts").Hour} Hour */
/** @typedef {Hour & {at: Date}} Bar */

const HOURS = 24;
const HOUR_MS = 3_600_000;
const HEIGHT = 100;
const WIDTH = 10;
const GAP = 2;

/**
 * @param {Hour[]} hours
 */
export function chart(hours) {
  const bars = wholeDay(hours);
  const most = ceiling(Math.max(...bars.map((bar) => bar.succeeded + bar.failed)));
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, h("h2", {}, t("last_day")), legend(bars)),
    h("div", { class: "plot" }, scale(most), drawing(bars, most)),
    axis(bars),
    h("details", {}, h("summary", {}, t("as_table")), table(bars)),
  );
}

/**
 * Return an entry for each of the last 24 hours: those without an attempt are not told.
 *
 * @param {Hour[]} hours
 * @returns {Bar[]}
 */
function wholeDay(hours) {
  const known = new Map(hours.map((hour) => [Math.floor(Date.parse(hour.hour) / HOUR_MS), hour]));
  const last = Math.floor(Date.now() / HOUR_MS);
  return Array.from({ length: HOURS }, (_, index) => {
    const hour = last - HOURS + 1 + index;
    const at = new Date(hour * HOUR_MS);
    const { succeeded = 0, failed = 0 } = known.get(hour) ?? {};
    return { at, hour: at.toISOString(), succeeded, failed };
  });
}

/**
 * Return a round number that is at least this.
 *
 * @param {number} most
 */
function ceiling(most) {
  const size = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  const steps = size < 10 ? [1, 2, 4, 6, 8, 10] : [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10];
  return steps.map((step) => step * size).find((round) => round >= most) ?? most;
}

/** @param {Bar[]} bars */
function legend(bars) {
  const [succeeded, failed] = totals(bars);
  return h(
    "p",
    { class: "legend" },
    h("span", { class: "key succeeded" }, `${number(succeeded)} ${t("outcome_succeeded")}`),
    h("span", { class: "key failed" }, `${number(failed)} ${t("outcome_failed")}`),
  );
}

/** @param {Bar[]} bars */
function totals(bars) {
  return [
    bars.reduce((sum, bar) => sum + bar.succeeded, 0),
    bars.reduce((sum, bar) => sum + bar.failed, 0),
  ];
}

/** @param {number} most */
function scale(most) {
  const marks = most > 1 ? [most, most / 2, 0] : [most, 0];
  return h(
    "div",
    { class: "scale", "aria-hidden": "true" },
    marks.map((mark) => h("span", {}, number(mark))),
  );
}

/** @param {Bar[]} bars */
function axis(bars) {
  const marks = bars.filter((_, index) => index % 6 === 0);
  return h(
    "div",
    { class: "axis", "aria-hidden": "true" },
    marks.map((bar) => h("span", {}, hourOf(bar.at))),
    h("span", {}, t("now")),
  );
}

/**
 * @param {Bar[]} bars
 * @param {number} most
 */
function drawing(bars, most) {
  const [succeeded, failed] = totals(bars);
  const title = svg("title", { id: newId() }, t("last_day"));
  const words = `${counted("succeeded", succeeded)}, ${counted("failed", failed)}`;
  const description = svg("desc", { id: newId() }, words);
  const lines = [0, HEIGHT / 2, HEIGHT].map((y) =>
    svg("line", { class: "grid", x1: 0, x2: HOURS * WIDTH, y1: y, y2: y }),
  );
  return svg(
    "svg",
    {
      role: "img",
      viewBox: `0 0 ${HOURS * WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      "aria-labelledby": `${title.id} ${description.id}`,
    },
    title,
    description,
    lines,
    bars.map((bar, index) => column(bar, { x: index * WIDTH + GAP / 2, most })),
  );
}

/**
 * @param {Bar} bar
 * @param {{x: number, most: number}} place
 */
function column(bar, { x, most }) {
  const good = (bar.succeeded / most) * HEIGHT;
  const bad = (bar.failed / most) * HEIGHT;
  const width = WIDTH - GAP;
  return svg(
    "g",
    {},
    svg(
      "title",
      {},
      `${hourOf(bar.at)}: ${counted("succeeded", bar.succeeded)}, ${counted("failed", bar.failed)}`,
    ),
    svg("rect", { class: "hover", x: x - GAP / 2, y: 0, width: WIDTH, height: HEIGHT }),
    good > 0 && svg("rect", { class: "succeeded", x, y: HEIGHT - good, width, height: good }),
    bad > 0 && svg("rect", { class: "failed", x, y: HEIGHT - good - bad, width, height: bad }),
  );
}

/** @param {Bar[]} bars */
function table(bars) {
  const told = bars.filter((bar) => bar.succeeded + bar.failed > 0);
  if (told.length === 0) return h("p", { class: "faint" }, t("no_attempts"));
  const head = [t("hour"), t("outcome_succeeded"), t("outcome_failed")];
  return h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        head.map((each) => h("th", { scope: "col" }, each)),
      ),
    ),
    h(
      "tbody",
      {},
      told.map((bar) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, time(bar.hour)),
          h("td", {}, number(bar.succeeded)),
          h("td", {}, number(bar.failed)),
        ),
      ),
    ),
  );
}
