// What is done to an endpoint: tests, sending again, enabling, disabling and removing.
import { changeEndpoint, removeEndpoint, replay, resendFailed, sendTest } from "./api.js";
import { openForm } from "./dialogs.js";
import { button, fill, h } from "./dom.js";
import { catalogue, matches } from "./event_types.js";
import { field, problemNode, problemOf, select, valueOf } from "./forms.js";
import { localInput, momentOf, readable } from "./format.js";
import { isAbort } from "./session.js";
import { announce, announceThere, complain } from "./shell.js";
import { counted, t } from "./texts.js";

/** @typedef {import("./types.d.ts").Endpoint} Endpoint */
/** @typedef {import("./types.d.ts").Place} Place */

const DAY_MS = 86_400_000;

/**
 * Make the buttons of an endpoint.
 *
 * @param {Endpoint} endpoint
 * @param {Place} place
 */
export function actions(endpoint, place) {
  const here = `#/endpoints/${endpoint.id}`;
  const enabled = endpoint.state === "enabled";
  return h(
    "div",
    { class: "buttons" },
    button(t("send_test"), () => tried(() => openTest(endpoint)), { class: "primary" }),
    h("a", { class: "button", href: `${here}/edit` }, t("edit")),
    button(enabled ? t("disable") : t("enable"), () => switchTo(endpoint, !enabled, place)),
    button(t("resend_failed"), () => openResendFailed(endpoint)),
    button(t("replay"), () => tried(() => openReplay(endpoint))),
    button(t("remove"), () => openRemoval(endpoint), { class: "danger-quiet" }),
  );
}

/**
 * Do something; say what went wrong where it did.
 *
 * @param {() => Promise<unknown>} act
 * @returns {Promise<boolean>}
 */
export async function tried(act) {
  try {
    await act();
    return true;
  } catch (error) {
    if (!isAbort(error)) complain(problemNode(problemOf(error)));
    return false;
  }
}

/**
 * @param {Endpoint} endpoint
 * @param {boolean} enabled
 * @param {Place} place
 */
async function switchTo({ id }, enabled, place) {
  if (!(await tried(() => changeEndpoint(id, { enabled })))) return;
  place.again();
  announce(enabled ? t("is_enabled") : t("is_disabled"));
}

/** @param {Endpoint} endpoint */
async function openTest({ id, event_types: patterns }) {
  const types = await catalogue();
  const first =
    types.find(({ name }) => patterns.some((pattern) => matches(pattern, name))) ?? types[0];
  const example = h("pre", { tabindex: 0, role: "region", "aria-label": t("example") });
  const chosen = select(
    types.map(({ name }) => /** @type {[string, string]} */ ([name, name])),
    { name: "event_type", value: first?.name, onchange: () => draw() },
  );
  const draw = () =>
    fill(example, readable(types.find(({ name }) => name === chosen.value)?.example));
  draw();
  await openForm(
    t("send_test"),
    [field(t("event_type"), chosen, { name: "event_type", hint: t("test_hint") }), example],
    {
      submit: t("send"),
      act: async (form) => {
        const sent = await sendTest(id, valueOf(form, "event_type"));
        location.hash = `#/endpoints/${id}/attempts?message_id=${sent.message_id}`;
        announceThere(t("test_is_sent"));
      },
    },
  );
}

/**
 * @param {string} label
 * @param {string} name
 * @param {number} age how far back, in milliseconds
 */
function momentField(label, name, age) {
  const value = localInput(new Date(Date.now() - age));
  return field(label, h("input", { type: "datetime-local", name, value, required: true }), {
    name,
  });
}

/** @param {Endpoint} endpoint */
function openResendFailed({ id }) {
  const fields = [h("p", {}, t("resend_failed_why")), momentField(t("since"), "since", DAY_MS)];
  return openForm(t("resend_failed"), fields, {
    submit: t("send_again"),
    act: async (form) => {
      announce(counted("queued", await resendFailed(id, momentOf(valueOf(form, "since")))));
    },
  });
}

/** @param {Endpoint} endpoint */
async function openReplay({ id }) {
  const names = (await catalogue()).map(({ name }) => name);
  const groups = [...new Set(names.map((name) => `${name.split(".")[0]}.*`))];
  const options = [
    ["*", t("all_events")],
    ...[...groups, ...names].toSorted().map((each) => [each, each]),
  ];
  const types = select(/** @type {[string, string][]} */ (options), {
    name: "event_types",
    value: "*",
  });
  const fields = [
    h("p", {}, t("replay_why")),
    momentField(t("since"), "since", DAY_MS),
    // A minute on, for the minute that runs is not over.
    momentField(t("until"), "until", -60_000),
    field(t("event_types"), types, { name: "event_types" }),
  ];
  return openForm(t("replay"), fields, {
    submit: t("replay_now"),
    act: async (form) => {
      const range = {
        since: momentOf(valueOf(form, "since")),
        until: momentOf(valueOf(form, "until")),
      };
      announce(counted("queued", await replay(id, { ...range, event_types: [types.value] })));
    },
  });
}

/** @param {Endpoint} endpoint */
function openRemoval({ id, url }) {
  const fields = [h("p", {}, t("remove_why")), h("p", {}, h("code", { class: "token" }, url))];
  return openForm(t("remove_title"), fields, {
    submit: t("remove"),
    danger: true,
    act: async () => {
      await removeEndpoint(id);
      location.hash = "#/";
      announceThere(t("is_removed"));
    },
  });
}
