// A new endpoint, and the change of one.
import { changeEndpoint, createEndpoint, getEndpoint } from "./api.js";
import { button, fill, focus, h } from "./dom.js";
import { catalogue, chosenPatterns, patternsField } from "./event_types.js";
import { choice, field, form, group, select, valueOf } from "./forms.js";
import { newSecrets } from "./secrets.js";
import { announceThere } from "./shell.js";
import { named, t } from "./texts.js";

/** @typedef {import("./types.d.ts").Child} Child */
/** @typedef {import("./types.d.ts").CreatedEndpoint} CreatedEndpoint */
/** @typedef {import("./types.d.ts").Endpoint} Endpoint */
/** @typedef {import("./types.d.ts").Place} Place */
/** @typedef {import("./types.d.ts").View} View */

const MOST_HEADERS = 10;

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function showNew({ signal }) {
  const types = await catalogue(signal);
  const node = h("div", {});
  const made = form([common(types), headerRows(), onlyNew()], {
    submit: t("add_endpoint"),
    act: async (filled) => {
      const created = await createEndpoint({
        ...draftOf(filled),
        ...newOf(filled),
        headers: headersOf(filled),
      });
      fill(node, createdView(created));
      focus(node.querySelector("h1"));
    },
    besides: h("a", { class: "button", href: "#/" }, t("cancel")),
  });
  fill(
    node,
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, `← ${t("endpoints")}`)),
    h("h1", {}, t("add_endpoint")),
    made,
  );
  return { title: t("add_endpoint"), node };
}

/** @param {CreatedEndpoint} created */
function createdView(created) {
  const there = `#/endpoints/${created.id}`;
  return [
    h("h1", {}, t("is_added")),
    h("p", { class: "url" }, created.url),
    created.state === "unverified" && h("p", {}, t("unverified_why")),
    newSecrets(created.secrets),
    h("div", { class: "buttons" }, h("a", { class: "button primary", href: there }, t("stored"))),
  ];
}

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function showEdit({ params: { id }, signal }) {
  const [{ endpoint, tag }, types] = await Promise.all([
    getEndpoint(id, signal),
    catalogue(signal),
  ]);
  const there = `#/endpoints/${id}`;
  const made = form([common(types, endpoint), replacedHeaders(endpoint)], {
    submit: t("save"),
    act: async (filled) => {
      const headers = filled.querySelector(".header-rows") ? { headers: headersOf(filled) } : {};
      await changeEndpoint(id, { ...draftOf(filled), ...headers }, tag);
      location.hash = there;
      announceThere(t("is_saved"));
    },
    besides: h("a", { class: "button", href: there }, t("cancel")),
  });
  const crumbs = h(
    "p",
    { class: "crumbs" },
    h("a", { href: there }, "← ", h("span", { class: "url" }, endpoint.url)),
  );
  return {
    title: t("edit_endpoint"),
    node: h("div", {}, crumbs, h("h1", {}, t("edit_endpoint")), made),
  };
}

/**
 * @param {import("./types.d.ts").EventType[]} types
 * @param {Endpoint} [endpoint]
 */
function common(types, endpoint) {
  const url = {
    name: "url",
    type: "url",
    inputmode: "url",
    maxlength: 2000,
    placeholder: "https://example.com/webhooks",
  };
  const limit = {
    name: "rate_limit",
    type: "number",
    min: 1,
    max: 1000,
    value: endpoint?.rate_limit,
  };
  return [
    field(
      t("url"),
      h("input", { ...url, value: endpoint?.url, required: true, spellcheck: "false" }),
      { name: "url", hint: t("url_hint") },
    ),
    field(
      t("description"),
      h("input", { name: "description", maxlength: 500, value: endpoint?.description }),
      { name: "description" },
    ),
    patternsField(types, endpoint?.event_types ?? ["*"]),
    group(
      t("order"),
      "ordered",
      choice(t("ordered"), { name: "ordered", checked: endpoint?.ordered }, t("ordered_hint")),
    ),
    field(t("rate_limit"), h("input", limit), { name: "rate_limit", hint: t("rate_limit_hint") }),
  ];
}

function onlyNew() {
  const verifications = ["none", "challenge", "test_event"].map(
    (each) => /** @type {[string, string]} */ ([each, named("verification", each)]),
  );
  return [
    group(
      t("schemes"),
      "schemes",
      choice(
        named("scheme", "v1"),
        { name: "scheme", value: "v1", checked: true },
        t("scheme_v1_hint"),
      ),
      choice(named("scheme", "v1a"), { name: "scheme", value: "v1a" }, t("scheme_v1a_hint")),
    ),
    field(t("verification"), select(verifications, { name: "verification", value: "none" }), {
      name: "verification",
      hint: t("verification_hint"),
    }),
    group(t("state"), "enabled", choice(t("enabled_at_once"), { name: "enabled", checked: true })),
  ];
}

/** @param {HTMLFormElement} made */
function draftOf(made) {
  const limit = valueOf(made, "rate_limit");
  return {
    url: valueOf(made, "url").trim(),
    description: valueOf(made, "description"),
    event_types: chosenPatterns(made),
    ordered: new FormData(made).has("ordered"),
    rate_limit: limit ? Number(limit) : null,
  };
}

/** @param {HTMLFormElement} made */
function newOf(made) {
  const data = new FormData(made);
  return {
    schemes: data.getAll("scheme"),
    verification: data.get("verification"),
    enabled: data.has("enabled"),
  };
}

/** @param {HTMLFormElement} made */
function headersOf(made) {
  const data = new FormData(made);
  const values = data.getAll("header_value");
  const pairs = data
    .getAll("header_name")
    .map((name, index) => [String(name).trim(), values[index]]);
  return Object.fromEntries(pairs.filter(([name]) => name));
}

/**
 * Keep an endpoint's headers, whose values nobody is shown, or ask for all of them anew.
 *
 * @param {Endpoint} endpoint
 */
function replacedHeaders({ header_names: names }) {
  const place = h("div", {});
  const replace = () => {
    fill(place, headerRows());
    place.querySelector("input")?.focus();
  };
  const kept =
    names.length > 0
      ? names.map((name) => h("code", { class: "chip" }, name))
      : h("p", { class: "faint" }, t("none"));
  fill(
    place,
    group(
      t("headers"),
      "headers",
      h("p", { class: "hint" }, t("headers_kept")),
      h("p", {}, kept),
      button(t("replace_headers"), replace),
    ),
  );
  return place;
}

function headerRows() {
  const rows = h("div", { class: "header-rows" });
  const add = button(t("add_header"), () => {
    rows.append(headerRow(() => focus(add)));
    rows.lastElementChild?.querySelector("input")?.focus();
    add.toggleAttribute("hidden", rows.childElementCount >= MOST_HEADERS);
  });
  return group(t("headers"), "headers", h("p", { class: "hint" }, t("headers_hint")), rows, add);
}

/** @param {() => void} onRemoved */
function headerRow(onRemoved) {
  const name = {
    name: "header_name",
    maxlength: 64,
    pattern: "[A-Za-z0-9!#$%&'*+.^_`\\|~\\-]+",
    required: true,
  };
  const value = {
    name: "header_value",
    maxlength: 1000,
    required: true,
    autocomplete: "off",
    spellcheck: "false",
  };
  const row = h(
    "div",
    { class: "header-row" },
    field(t("name"), h("input", { ...name, spellcheck: "false" })),
    field(t("value"), h("input", value)),
  );
  const remove = button(t("remove"), () => {
    row.remove();
    onRemoved();
  });
  row.append(remove);
  return row;
}
