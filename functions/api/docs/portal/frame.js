// What stands around every view of one endpoint: its name, its state, and the way to the others.
import { h } from "./dom.js";
import { health, stateBadge } from "./endpoints.js";
import { t } from "./texts.js";

/** @typedef {import("./types.d.ts").Child} Child */
/** @typedef {import("./types.d.ts").Endpoint} Endpoint */
/** @typedef {import("./types.d.ts").View} View */

/**
 * Put a view of an endpoint below its name and the way to its other views.
 *
 * @param {Endpoint} endpoint
 * @param {string} where the part of the address that tells its views apart
 * @param {Child} content
 * @returns {View}
 */
export function frame(endpoint, where, content) {
  const here = `#/endpoints/${endpoint.id}`;
  const tabs = /** @type {const} */ ([
    ["", "overview"],
    ["/attempts", "attempts"],
    ["/secrets", "secrets"],
  ]);
  const links = tabs.map(([part, key]) =>
    h("a", { href: here + part, "aria-current": part === where && "page" }, t(key)),
  );
  return {
    title: endpoint.url,
    node: h(
      "div",
      {},
      h("p", { class: "crumbs" }, h("a", { href: "#/" }, `← ${t("endpoints")}`)),
      h("h1", { class: "url" }, endpoint.url),
      h(
        "p",
        { class: "state" },
        stateBadge(endpoint),
        " ",
        h("span", { class: "faint" }, health(endpoint)),
      ),
      h("nav", { "aria-label": t("endpoint"), class: "tabs-nav" }, links),
      content,
    ),
  };
}

/** @param {[string, Child][]} lines */
export function definitions(lines) {
  return h(
    "dl",
    { class: "lines" },
    lines.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}
