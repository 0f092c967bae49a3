// One endpoint: how it is set up, how it answers, and its secrets.
import { getEndpoint, getStatistics, listAttempts, listSecrets } from "./api.js";
import { actions } from "./actions.js";
import { attemptTable } from "./attempt_table.js";
import { chart } from "./chart.js";
import { button, h } from "./dom.js";
import { definitions, frame } from "./frame.js";
import { number, time } from "./format.js";
import { openRotation, secretList } from "./secrets.js";
import { counted, named, t } from "./texts.js";

/** @typedef {import("./types.d.ts").Child} Child */
/** @typedef {import("./types.d.ts").Endpoint} Endpoint */
/** @typedef {import("./types.d.ts").Place} Place */
/** @typedef {import("./types.d.ts").View} View */

const RECENT = "5";

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function showEndpoint(place) {
  const { id } = place.params;
  const [{ endpoint }, statistics, recent] = await Promise.all([
    getEndpoint(id, place.signal),
    getStatistics(id, place.signal),
    listAttempts(id, new URLSearchParams({ limit: RECENT }), place.signal),
  ]);
  const log = `#/endpoints/${id}/attempts`;
  return frame(endpoint, "", [
    actions(endpoint, place),
    chart(statistics.hours),
    h("p", { class: "faint" }, counted("pending", statistics.pending)),
    h(
      "div",
      { class: "title" },
      h("h2", {}, t("recent_attempts")),
      h("a", { href: log }, t("all_attempts")),
    ),
    recent.items.length > 0
      ? attemptTable(id, recent.items).table
      : h("p", { class: "empty" }, t("no_attempts")),
    h("h2", {}, t("settings")),
    settings(endpoint),
  ]);
}

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function showSecrets({ params: { id }, signal, again }) {
  const [{ endpoint }, secrets] = await Promise.all([
    getEndpoint(id, signal),
    listSecrets(id, signal),
  ]);
  return frame(endpoint, "/secrets", [
    h("p", { class: "lead" }, t("secrets_lead")),
    h(
      "div",
      { class: "buttons" },
      button(t("rotate"), () => openRotation(id, secrets, again), { class: "primary" }),
    ),
    secretList(secrets),
  ]);
}

/** @param {Endpoint} endpoint */
function settings(endpoint) {
  const {
    description,
    event_types: types,
    ordered,
    header_names: headers,
    rate_limit: limit,
  } = endpoint;
  const lines = /** @type {[string, Child][]} */ ([
    [t("description"), description || t("none")],
    [t("event_types"), types.map((type) => h("code", { class: "chip" }, type))],
    [t("order"), ordered ? t("ordered") : t("not_ordered")],
    [
      t("headers"),
      headers.length > 0 ? headers.map((name) => h("code", { class: "chip" }, name)) : t("none"),
    ],
    [t("rate_limit"), limit ? t("per_second", { count: number(limit) }) : t("none")],
    [t("verification"), verification(endpoint)],
    [t("created"), time(endpoint.created_at)],
    [t("changed"), time(endpoint.updated_at)],
    [t("id"), h("code", {}, endpoint.id)],
  ]);
  return definitions(lines);
}

/** @param {Endpoint} endpoint */
function verification({ verification: kind, verified_at: at }) {
  return [named("verification", kind), at && [" · ", time(at)]];
}
