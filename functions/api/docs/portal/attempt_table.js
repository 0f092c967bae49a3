// Attempts as rows, wherever they are listed.
import { h } from "./dom.js";
import { duration, number, time } from "./format.js";
import { named, t } from "./texts.js";

/** @typedef {import("./types.d.ts").Attempt} Attempt */

/**
 * Make a table of attempts; `rows` is where more of them go.
 *
 * @param {string} endpoint
 * @param {Attempt[]} attempts
 */
export function attemptTable(endpoint, attempts) {
  const rows = h(
    "tbody",
    {},
    attempts.map((attempt) => attemptRow(endpoint, attempt)),
  );
  const head = [
    h("th", { scope: "col" }, t("event")),
    h("th", { scope: "col" }, t("result")),
    h("th", { scope: "col", class: "wide" }, t("attempt")),
    h("th", { scope: "col", class: "wide" }, t("cause")),
    h("th", { scope: "col", class: "wide number" }, t("latency")),
  ];
  const caption = h("caption", { class: "unseen" }, t("attempts"));
  return {
    rows,
    table: h("table", { class: "list" }, caption, h("thead", {}, h("tr", {}, head)), rows),
  };
}

/**
 * @param {string} endpoint
 * @param {Attempt} attempt
 */
export function attemptRow(endpoint, attempt) {
  const link = h(
    "a",
    { href: `#/endpoints/${endpoint}/attempts/${attempt.id}` },
    breakable(attempt.event_type),
  );
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, link, h("p", { class: "faint" }, time(attempt.started_at))),
    h(
      "td",
      {},
      resultBadge(attempt),
      attempt.next_at && h("p", { class: "faint" }, t("next"), " ", time(attempt.next_at)),
    ),
    h("td", { class: "wide" }, number(attempt.number)),
    h("td", { class: "wide" }, named("cause", attempt.cause)),
    h("td", { class: "wide number" }, duration(attempt.latency_ms)),
  );
}

/**
 * Let a type's name break where its parts end.
 *
 * @param {string} type
 */
function breakable(type) {
  const [first, ...rest] = type.split(".");
  return [first, rest.map((part) => [h("wbr"), `.${part}`])];
}

/** @param {Attempt} attempt */
export function resultBadge({ outcome, status_code: status, failure }) {
  const words = named("outcome", outcome);
  const why = status ?? (failure ? named("failure", failure) : "");
  return h(
    "span",
    { class: `badge ${outcome === "succeeded" ? "good" : "bad"}` },
    `${words} ${why}`.trim(),
  );
}
