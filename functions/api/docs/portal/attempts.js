// The log: every POST to an endpoint, and what was sent and answered.
import { getAttempt, getEndpoint, listAttempts, resend } from "./api.js";
import { tried } from "./actions.js";
import { attemptRow, attemptTable, resultBadge } from "./attempt_table.js";
import { button, fill, h } from "./dom.js";
import { append, more } from "./endpoints.js";
import { catalogue } from "./event_types.js";
import { field, form, select, valueOf } from "./forms.js";
import { duration, localInput, momentOf, number, readable, time } from "./format.js";
import { definitions, frame } from "./frame.js";
import { announce } from "./shell.js";
import { counted, named, t } from "./texts.js";

/** @typedef {import("./types.d.ts").Attempt} Attempt */
/** @typedef {import("./types.d.ts").AttemptDetails} AttemptDetails */
/** @typedef {import("./types.d.ts").Child} Child */
/** @typedef {import("./types.d.ts").Place} Place */
/** @typedef {import("./types.d.ts").View} View */

const FILTERS = ["outcome", "event_type", "message_id", "since", "until"];
const MOMENTS = new Set(["since", "until"]);
const WAITS_S = [1, 1, 1, 2, 2, 3, 3, 5, 5, 10, 10, 15];
/** How long to wait before each look for the attempts of a message that is on its way. */

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function showAttempts(place) {
  const { params, query, signal } = place;
  const { id } = params;
  const [{ endpoint }, page, types] = await Promise.all([
    getEndpoint(id, signal),
    listAttempts(id, query, signal),
    catalogue(signal),
  ]);
  const names = types.map(({ name }) => name);
  const results = h("div", { class: "results" });
  fill(results, listed(place, page));
  if (page.items.length === 0 && query.has("message_id")) awaitAttempts(place, results);
  return frame(endpoint, "/attempts", [
    filters(id, query, names),
    h(
      "div",
      { class: "title" },
      h(
        "h2",
        { "data-focus": query.size > 0 },
        query.size > 0 ? t("found_attempts") : t("all_attempts"),
      ),
      button(t("refresh"), place.again),
    ),
    results,
  ]);
}

/**
 * @param {Place} place
 * @param {import("./types.d.ts").Listing<Attempt>} page
 * @returns {Child}
 */
function listed({ params: { id }, query, signal }, page) {
  if (page.items.length === 0)
    return h("p", { class: "empty" }, query.size > 0 ? t("no_such_attempts") : t("no_attempts"));
  const { rows, table } = attemptTable(id, page.items);
  const load = async (/** @type {string} */ cursor) => {
    const next = await listAttempts(
      id,
      new URLSearchParams([...query, ["cursor", cursor]]),
      signal,
    );
    append(
      rows,
      next.items.map((each) => attemptRow(id, each)),
    );
    return next.next_cursor;
  };
  return [table, more(page.next_cursor, load)];
}

/**
 * Look for the attempts of a message that was sent a moment ago, until there are some.
 *
 * @param {Place} place
 * @param {HTMLElement} results
 */
async function awaitAttempts(place, results) {
  const { params, query, signal } = place;
  fill(results, h("p", { class: "empty waiting" }, t("waiting")));
  for (const wait of WAITS_S) {
    await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    if (signal.aborted) return;
    const page = await listAttempts(params.id, query, signal).catch(() => null);
    if (signal.aborted) return;
    if (page && page.items.length > 0) {
      fill(results, listed(place, page));
      announce(t("attempt_is_here"), " ", resultBadge(page.items[0]));
      return;
    }
  }
  fill(results, h("p", { class: "empty" }, t("no_such_attempts")));
}

/**
 * @param {string} id
 * @param {URLSearchParams} query
 * @param {string[]} names
 */
function filters(id, query, names) {
  const outcomes = [
    ["", t("any")],
    ["succeeded", t("outcome_succeeded")],
    ["failed", t("outcome_failed")],
  ];
  const types = [["", t("any")], ...names.map((name) => [name, name])];
  const value = (/** @type {string} */ name) => query.get(name) ?? "";
  const moment = (/** @type {string} */ name) => {
    const text = value(name) && localInput(new Date(value(name)));
    return h("input", { type: "datetime-local", name, value: text });
  };
  const fields = h(
    "div",
    { class: "filter-fields" },
    field(
      t("result"),
      select(/** @type {[string, string][]} */ (outcomes), {
        name: "outcome",
        value: value("outcome"),
      }),
    ),
    field(
      t("event_type"),
      select(/** @type {[string, string][]} */ (types), {
        name: "event_type",
        value: value("event_type"),
      }),
    ),
    field(t("since"), moment("since")),
    field(t("until"), moment("until")),
    field(
      t("message_id"),
      h("input", {
        name: "message_id",
        value: value("message_id"),
        spellcheck: "false",
        maxlength: 36,
        pattern: "[0-9a-fA-F\\-]{36}",
      }),
    ),
  );
  const open = query.size > 0 || matchMedia("(min-width: 50rem)").matches;
  return h(
    "details",
    { class: "filters", open },
    h("summary", {}, t("filter")),
    form(fields, {
      submit: t("apply"),
      label: t("filter"),
      besides:
        query.size > 0 &&
        h("a", { class: "button", href: `#/endpoints/${id}/attempts` }, t("all_attempts")),
      act: (made) => {
        location.hash = `#/endpoints/${id}/attempts${asked(made)}`;
      },
    }),
  );
}

/** @param {HTMLFormElement} made */
function asked(made) {
  const given = FILTERS.map((name) => [name, valueOf(made, name).trim()]).filter(
    ([, value]) => value,
  );
  const query = new URLSearchParams(
    given.map(([name, value]) => [name, MOMENTS.has(name) ? momentOf(value) : value]),
  );
  return query.size > 0 ? `?${query}` : "";
}

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function showAttempt({ params: { id, attempt: attemptId }, signal }) {
  const [{ endpoint }, attempt] = await Promise.all([
    getEndpoint(id, signal),
    getAttempt(id, attemptId, signal),
  ]);
  const log = `#/endpoints/${id}/attempts?message_id=${attempt.message_id}`;
  return frame(endpoint, "/attempts", [
    h(
      "div",
      { class: "title" },
      h("h2", { "data-focus": true }, attempt.event_type),
      resultBadge(attempt),
    ),
    h(
      "div",
      { class: "buttons" },
      button(t("send_again"), () => sendAgain(id, attempt), { class: "primary" }),
      h("a", { class: "button", href: log }, t("same_message")),
    ),
    summary(attempt),
    exchange(t("request"), attempt.request),
    attempt.response
      ? exchange(t("response"), attempt.response)
      : [h("h3", {}, t("response")), h("p", { class: "empty" }, t("no_response"))],
  ]);
}

/**
 * @param {string} id
 * @param {Attempt} attempt
 */
async function sendAgain(id, attempt) {
  if (await tried(() => resend(id, attempt.id))) announce(t("is_sent_again"));
}

/** @param {AttemptDetails} attempt */
function summary(attempt) {
  const {
    message_id: message,
    number: count,
    cause,
    started_at: start,
    latency_ms: latency,
  } = attempt;
  const lines = /** @type {[string, Child][]} */ ([
    [t("time"), time(start)],
    [t("attempt"), number(count)],
    [t("cause"), named("cause", cause)],
    [t("latency"), duration(latency)],
    [t("message_id"), h("code", {}, message)],
  ]);
  if (attempt.failure) lines.push([t("failure"), named("failure", attempt.failure)]);
  if (attempt.detail) lines.push([t("detail"), attempt.detail]);
  if (attempt.next_at) lines.push([t("next"), time(attempt.next_at)]);
  return definitions(lines);
}

/**
 * Show what was sent or answered: its headers, its body, and whatever else the log tells.
 *
 * @param {string} title
 * @param {Record<string, unknown>} message
 */
function exchange(title, { headers, body, body_bytes: size, truncated, ...rest }) {
  const lines = Object.entries(rest).map(
    ([name, value]) => /** @type {[string, Child]} */ ([named("exchange", name), shown(value)]),
  );
  if (typeof size === "number") lines.push([t("size"), counted("bytes", size)]);
  return h(
    "section",
    { class: "exchange" },
    h("h3", {}, title),
    lines.length > 0 && definitions(lines),
    pairs(headers).length > 0 && headerTable(title, pairs(headers)),
    body
      ? h(
          "pre",
          { tabindex: 0, role: "region", "aria-label": `${title}: ${t("body")}` },
          readable(body),
        )
      : body !== undefined && h("p", { class: "empty" }, t("no_body")),
    truncated === true && h("p", { class: "faint" }, t("truncated")),
  );
}

/** @param {unknown} value */
function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * Return headers as pairs, whether they are told as an object or as a list.
 *
 * @param {unknown} headers
 * @returns {[string, string][]}
 */
function pairs(headers) {
  const entries = Array.isArray(headers) ? headers : Object.entries(headers ?? {});
  return entries.map(([name, value]) => [String(name), shown(value)]);
}

/**
 * @param {string} title
 * @param {[string, string][]} headers
 */
function headerTable(title, headers) {
  return h(
    "table",
    { class: "headers" },
    h("caption", { class: "unseen" }, `${title}: ${t("headers")}`),
    h(
      "tbody",
      {},
      headers.map(([name, value]) =>
        h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, h("code", {}, value))),
      ),
    ),
  );
}
