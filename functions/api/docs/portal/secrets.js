// Secrets: the one moment in which they are shown, those that an endpoint has, and their rotation.
import { rotateSecret } from "./api.js";
import { copyButton, openDialog, openForm } from "./dialogs.js";
import { button, h } from "./dom.js";
import { field, select, valueOf } from "./forms.js";
import { time } from "./format.js";
import { named, t } from "./texts.js";

/** @typedef {import("./types.d.ts").NewSecret} NewSecret */
/** @typedef {import("./types.d.ts").Secret} Secret */

const HOUR_S = 3600;
const OVERLAPS_S = [0, HOUR_S, 24 * HOUR_S, 3 * 24 * HOUR_S, 7 * 24 * HOUR_S];

/**
 * Show new secrets, which nothing shows again.
 *
 * @param {NewSecret[]} secrets
 */
export function newSecrets(secrets) {
  const hidden = secrets.some((each) => each.secret);
  return h(
    "div",
    { class: "new-secrets" },
    hidden && h("p", { class: "once" }, h("strong", {}, t("shown_once")), " ", t("shown_once_why")),
    secrets.map(newSecret),
  );
}

/** @param {NewSecret} secret */
function newSecret({ scheme, secret, public_key: publicKey }) {
  return [
    secret && value(t("secret_of", { scheme }), secret, t("copy_secret", { scheme })),
    publicKey && value(t("public_key_of", { scheme }), publicKey, t("copy_public_key", { scheme })),
  ];
}

/**
 * @param {string} title
 * @param {string} text
 * @param {string} label
 */
function value(title, text, label) {
  return h(
    "div",
    { class: "value" },
    h("p", { class: "value-name" }, title),
    h("code", { class: "token" }, text),
    copyButton(text, label),
  );
}

/**
 * List the secrets that sign.
 *
 * @param {Secret[]} secrets
 */
export function secretList(secrets) {
  return h(
    "ul",
    { class: "cards" },
    secrets.map((each) => h("li", { class: "card" }, secretCard(each))),
  );
}

/** @param {Secret} secret */
function secretCard({ scheme, public_key: publicKey, created_at: since, expires_at: end }) {
  return [
    h("h2", {}, named("scheme", scheme)),
    h("p", { class: "faint" }, t("created"), " ", time(since)),
    h("p", {}, end ? [t("signs_until"), " ", time(end)] : t("signs")),
    publicKey && value(t("public_key_of", { scheme }), publicKey, t("copy_public_key", { scheme })),
  ];
}

/**
 * Ask how to rotate, do it, and show the new secret once. `done` is called when it was seen.
 *
 * @param {string} endpoint
 * @param {Secret[]} secrets
 * @param {() => void} done
 */
export async function openRotation(endpoint, secrets, done) {
  /** @type {NewSecret | null} */
  let made = null;
  const used = secrets.some((each) => each.scheme === "v1") ? "v1" : "v1a";
  const schemes = ["v1", "v1a"].map(
    (each) => /** @type {[string, string]} */ ([each, named("scheme", each)]),
  );
  const overlaps = OVERLAPS_S.map(
    (each) => /** @type {[string, string]} */ ([String(each), named("overlap", String(each))]),
  );
  const fields = [
    field(t("scheme"), select(schemes, { name: "scheme", value: used }), {
      name: "scheme",
      hint: t("rotate_scheme_hint"),
    }),
    field(t("overlap"), select(overlaps, { name: "overlap_s", value: String(24 * HOUR_S) }), {
      name: "overlap_s",
      hint: t("overlap_hint"),
    }),
  ];
  await openForm(t("rotate"), fields, {
    submit: t("rotate"),
    act: async (form) => {
      const overlap = Number(valueOf(form, "overlap_s"));
      made = await rotateSecret(endpoint, { scheme: valueOf(form, "scheme"), overlap_s: overlap });
    },
  });
  if (!made) return;
  const secret = made;
  await openDialog(t("new_secret"), (close) => [
    newSecrets([secret]),
    h("div", { class: "buttons" }, button(t("stored"), close, { class: "primary" })),
  ]);
  done();
}
