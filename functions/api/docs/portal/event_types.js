// The event types of the catalogue: fetched once, for every choice among them.
import { listEventTypes } from "./api.js";
import { h } from "./dom.js";
import { choice, group } from "./forms.js";
import { currentSurface } from "./session.js";
import { t } from "./texts.js";

/** @typedef {import("./types.d.ts").EventType} EventType */

const VERIFICATION = "endpoint.verification";
/** It is the service's own: nobody asks for it, or has it sent. */

/** @type {Map<string, EventType[]>} */
const known = new Map();

/**
 * Return the types that somebody may ask for, by name.
 *
 * @param {AbortSignal} [signal]
 * @returns {Promise<EventType[]>}
 */
export async function catalogue(signal) {
  const surface = currentSurface();
  const types = known.get(surface) ?? (await listEventTypes(signal));
  known.set(surface, types);
  return types
    .filter(({ name }) => name !== VERIFICATION)
    .toSorted((one, other) => one.name.localeCompare(other.name));
}

/**
 * Tell whether a pattern names a type: itself, all below a prefix (`item.*`), or all (`*`).
 *
 * @param {string} pattern
 * @param {string} name
 */
export function matches(pattern, name) {
  if (pattern === "*") return true;
  return pattern.endsWith(".*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/**
 * Make the choice of what an endpoint is sent: everything, or groups and single types.
 *
 * @param {EventType[]} types
 * @param {readonly string[]} chosen
 */
export function patternsField(types, chosen) {
  const all = chosen.includes("*");
  const detailed = h(
    "div",
    { class: "types", hidden: all },
    patterns(types, chosen).map((each) => patternChoice(each, chosen)),
  );
  const toggle = (/** @type {boolean} */ hidden) => () => (detailed.hidden = hidden);
  const scope = { type: "radio", name: "event_scope" };
  return group(
    t("event_types"),
    "event_types",
    choice(
      t("all_events"),
      { ...scope, value: "*", checked: all, onchange: toggle(true) },
      t("all_events_hint"),
    ),
    choice(t("only_these"), { ...scope, value: "some", checked: !all, onchange: toggle(false) }),
    detailed,
  );
}

/**
 * @param {[string, string]} pattern with what it means
 * @param {readonly string[]} chosen
 */
function patternChoice([pattern, words], chosen) {
  const attributes = { name: "event_type", value: pattern, checked: chosen.includes(pattern) };
  return choice(h("code", {}, pattern), attributes, words);
}

/**
 * Return what may be chosen: each group as a whole, its types, and what was chosen before and is
 * among neither.
 *
 * @param {EventType[]} types
 * @param {readonly string[]} chosen
 * @returns {[string, string][]}
 */
function patterns(types, chosen) {
  const groups = Map.groupBy(types, (type) => type.name.split(".")[0]);
  const offered = [...groups].flatMap(([name, members]) => [
    /** @type {[string, string]} */ ([`${name}.*`, t("whole_group")]),
    ...members.map((type) => /** @type {[string, string]} */ ([type.name, type.description])),
  ]);
  const names = new Set(offered.map(([pattern]) => pattern));
  const others = chosen.filter((pattern) => pattern !== "*" && !names.has(pattern));
  return [...offered, ...others.map((pattern) => /** @type {[string, string]} */ ([pattern, ""]))];
}

/**
 * Return the patterns that a form's person chose.
 *
 * @param {HTMLFormElement} made
 */
export function chosenPatterns(made) {
  const data = new FormData(made);
  return data.get("event_scope") === "*" ? ["*"] : data.getAll("event_type").map(String);
}
