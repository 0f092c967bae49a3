// What stands around every view: the product's name, who is signed in, and what there is to say.
import { button, fill, focus, h, newId, svg } from "./dom.js";
import { select } from "./forms.js";
import { currentSurface, isSignedIn, userName } from "./session.js";
import { LANGUAGES, currentLanguage, t } from "./texts.js";

/** @typedef {import("./types.d.ts").Child} Child */

const status = h("div", { role: "status", class: "status" });
const alert = h("div", { role: "alert", class: "status" });
const main = h("main", { id: "main", tabindex: "-1" });
const header = h("header", {});

/** Put the page's frame into its place. */
export function buildShell() {
  const skip = (/** @type {Event} */ event) => {
    event.preventDefault(); // the address is the router's
    focus(main);
  };
  const place = /** @type {HTMLElement} */ (document.getElementById("portal"));
  fill(
    place,
    h("a", { href: "#main", class: "skip", onclick: skip }, t("skip")),
    header,
    status,
    alert,
    main,
  );
}

/**
 * Draw the head of the page anew.
 *
 * @param {import("./types.d.ts").HeaderOptions} options
 */
export function drawHeader({ operator, onSignOut, onLanguage, onSurface }) {
  document.documentElement.lang = currentLanguage();
  const skip = document.querySelector(".skip");
  if (skip) fill(skip, t("skip"));
  const languages = Object.entries(LANGUAGES).map(
    ([tag, { name }]) => /** @type {[string, string]} */ ([tag, name]),
  );
  const language = chooser(t("language"), languages, {
    value: currentLanguage(),
    choose: onLanguage,
  });
  fill(
    header,
    h(
      "a",
      { href: "#/", class: "product" },
      logo(),
      h("span", {}, "Switchyard"),
      h("span", { class: "faint" }, t("webhooks")),
    ),
    h(
      "div",
      { class: "who" },
      operator && chooser(t("whose"), surfaces(), { value: currentSurface(), choose: onSurface }),
      language,
      isSignedIn() && h("span", { class: "name" }, userName() ?? t("partner_key")),
      isSignedIn() && button(t("sign_out"), onSignOut),
    ),
  );
}

/** @returns {[string, string][]} */
function surfaces() {
  return [
    ["webapp", t("surface_webapp")],
    ["infrastructure", t("surface_infrastructure")],
  ];
}

/**
 * @param {string} label
 * @param {[string, string][]} options
 * @param {{value: string, choose: (value: string) => void}} chosen
 */
function chooser(label, options, { value, choose }) {
  const id = newId();
  const made = select(options, { id, value, onchange: () => choose(made.value) });
  return h("span", { class: "chooser" }, h("label", { for: id, class: "unseen" }, label), made);
}

function logo() {
  const path = svg("path", { d: "M4 24h24M4 24c10 0 10-16 24-16" });
  return svg("svg", { viewBox: "0 0 32 32", class: "logo", "aria-hidden": "true" }, path);
}

/**
 * Say what happened: it stands above the view until something else happens.
 *
 * @param {...Child} words
 */
export function announce(...words) {
  say(status, words);
}

/** @type {Child[]} */
let later = [];

/**
 * Say what happened once the next view is on its way.
 *
 * @param {...Child} words
 */
export function announceThere(...words) {
  later = words;
}

/** Begin the next view: what was said about the one before goes. */
export function turnPage() {
  say(status, later);
  later = [];
}

/**
 * Say what went wrong.
 *
 * @param {...Child} words
 */
export function complain(...words) {
  say(alert, words);
}

/**
 * @param {HTMLElement} place
 * @param {Child[]} words
 */
function say(place, words) {
  hush();
  if (words.length > 0)
    fill(
      place,
      h("div", {}, words),
      button("×", hush, { class: "cross", "aria-label": t("close") }),
    );
}

/** Take back what was said. */
export function hush() {
  fill(status);
  fill(alert);
}

/**
 * Show a view in the place of the one before; the focus goes to what it is about.
 *
 * @param {Node} node
 */
export function show(node) {
  fill(main, node);
  main.removeAttribute("aria-busy");
  focus(main.querySelector("[data-focus]") ?? main.querySelector("h1"));
}

/** Show that the next view is on its way. */
export function showBusy() {
  main.setAttribute("aria-busy", "true");
}
