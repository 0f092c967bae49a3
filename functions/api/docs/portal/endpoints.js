// The list of endpoints, with how each one is and how it answers.
import { listEndpoints } from "./api.js";
import { button, fill, focus, h } from "./dom.js";
import { ago } from "./format.js";
import { select } from "./forms.js";
import { announce } from "./shell.js";
import { tried } from "./actions.js";
import { counted, named, t } from "./texts.js";

/** @typedef {import("./types.d.ts").Endpoint} Endpoint */
/** @typedef {import("./types.d.ts").Health} Health */
/** @typedef {import("./types.d.ts").Place} Place */
/** @typedef {import("./types.d.ts").View} View */

const STATES = ["enabled", "disabled", "unverified"];
const SHOWN_TYPES = 3;

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function showEndpoints({ query, signal }) {
  const page = await listEndpoints(query, signal);
  const rows = h("tbody", {}, page.items.map(row));
  const isEmpty = page.items.length === 0;
  const add = h("a", { class: "button primary", href: "#/new" }, t("add_endpoint"));
  return {
    title: t("endpoints"),
    node: h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, t("endpoints")), add),
      h("p", { class: "lead" }, t("endpoints_lead")),
      (!isEmpty || query.size > 0) && stateFilter(query),
      isEmpty ? nothing(query) : table(rows),
      more(page.next_cursor, async (cursor) => {
        const next = await listEndpoints(
          new URLSearchParams([...query, ["cursor", cursor]]),
          signal,
        );
        append(rows, next.items.map(row));
        return next.next_cursor;
      }),
    ),
  };
}

/** @param {URLSearchParams} query */
function nothing(query) {
  if (query.size > 0) return h("p", { class: "empty" }, t("no_such_endpoints"));
  return h(
    "div",
    { class: "empty" },
    h("p", {}, t("no_endpoints")),
    h("p", { class: "faint" }, t("no_endpoints_why")),
  );
}

/** @param {URLSearchParams} query */
function stateFilter(query) {
  const options = [["", t("any_state")], ...STATES.map((state) => [state, named("state", state)])];
  const made = select(/** @type {[string, string][]} */ (options), {
    id: "state",
    value: query.get("state") ?? "",
  });
  made.addEventListener("change", () => {
    location.hash = made.value ? `#/?state=${made.value}` : "#/";
  });
  if (query.size > 0) made.setAttribute("data-focus", "");
  return h("p", { class: "inline-filter" }, h("label", { for: "state" }, t("state")), made);
}

/** @param {HTMLElement} rows */
function table(rows) {
  const head = [
    h("th", { scope: "col" }, t("endpoint")),
    h("th", { scope: "col", class: "wide" }, t("event_types")),
    h("th", { scope: "col" }, t("state")),
  ];
  return h(
    "table",
    { class: "list" },
    h("caption", { class: "unseen" }, t("endpoints")),
    h("thead", {}, h("tr", {}, head)),
    rows,
  );
}

/** @param {Endpoint} endpoint */
function row(endpoint) {
  const { id, url, description, event_types: types } = endpoint;
  const rest = types.length - SHOWN_TYPES;
  return h(
    "tr",
    {},
    h(
      "th",
      { scope: "row" },
      h("a", { href: `#/endpoints/${id}`, class: "url" }, url),
      description && h("p", { class: "faint clamp" }, description),
    ),
    h(
      "td",
      { class: "wide" },
      types.slice(0, SHOWN_TYPES).map((type) => h("code", { class: "chip" }, type)),
      rest > 0 && h("span", { class: "faint" }, `+${rest}`),
    ),
    h("td", {}, stateBadge(endpoint), h("p", { class: "faint" }, health(endpoint))),
  );
}

/** @param {Endpoint} endpoint */
export function stateBadge({ state, health: { failures, paused_until: paused } }) {
  const mood = {
    enabled: failures > 0 || isAhead(paused) ? "warn" : "good",
    disabled: "off",
    unverified: "warn",
  }[state];
  return h("span", { class: `badge ${mood}` }, named("state", state));
}

/** @param {string | null} moment */
function isAhead(moment) {
  return moment !== null && Date.parse(moment) > Date.now();
}

/**
 * Say how an endpoint answers, in a line.
 *
 * @param {Endpoint} endpoint
 */
export function health({ state, disabled_reason: reason, disabled_at: since, health: answers }) {
  if (state === "disabled")
    return [named("reason", reason ?? "by_owner"), since && [" · ", ago(since)]];
  if (state === "unverified") return t("unverified_why");
  return answering(answers);
}

/** @param {Health} answers */
function answering({ failures, failing_since: since, succeeded_at: last, paused_until: paused }) {
  if (isAhead(paused)) return [t("paused"), " ", ago(/** @type {string} */ (paused))];
  if (failures > 0) return [counted("failures", failures), since && [" · ", ago(since)]];
  return last ? [t("last_success"), " ", ago(last)] : t("nothing_sent");
}

/**
 * Add rows, and go on from the first of them.
 *
 * @param {HTMLElement} rows
 * @param {HTMLElement[]} added
 */
export function append(rows, added) {
  rows.append(...added);
  focus(added[0]?.querySelector("a"));
  announce(counted("loaded", added.length));
}

/**
 * Make the button that gets the next page; nothing on the last one.
 *
 * @param {string | null} cursor
 * @param {(cursor: string) => Promise<string | null>} load
 */
export function more(cursor, load) {
  const place = h("p", { class: "more" });
  /** @param {string | null} next */
  function draw(next) {
    fill(place, next && button(t("load_more"), () => tried(async () => draw(await load(next)))));
  }
  draw(cursor);
  return place;
}
