// The address after the hash says what is shown, so that Back, bookmarks and links work below any
// stage. Without a session it is kept, and shown after the sign-in.
import { onSessionEnd } from "./api.js";
import { showAttempt, showAttempts } from "./attempts.js";
import { closeDialogs } from "./dialogs.js";
import { h } from "./dom.js";
import { showEdit, showNew } from "./editor.js";
import { showEndpoint, showSecrets } from "./endpoint.js";
import { showEndpoints } from "./endpoints.js";
import { problemNode, problemOf } from "./forms.js";
import { chooseSurface, isAbort, isOperator, isSignedIn, signOut } from "./session.js";
import { buildShell, drawHeader, hush, show, showBusy, turnPage } from "./shell.js";
import { askToSignInAgain, signInForms } from "./sign_in.js";
import { chooseLanguage, t } from "./texts.js";

/** @typedef {import("./types.d.ts").Place} Place */
/** @typedef {import("./types.d.ts").View} View */

/** @type {[RegExp, (place: Place) => Promise<View>][]} */
const ROUTES = [
  [/^\/?$/, showEndpoints],
  [/^\/new$/, showNew],
  [/^\/endpoints\/(?<id>[^/]+)$/, showEndpoint],
  [/^\/endpoints\/(?<id>[^/]+)\/edit$/, showEdit],
  [/^\/endpoints\/(?<id>[^/]+)\/attempts$/, showAttempts],
  [/^\/endpoints\/(?<id>[^/]+)\/attempts\/(?<attempt>[^/]+)$/, showAttempt],
  [/^\/endpoints\/(?<id>[^/]+)\/secrets$/, showSecrets],
];

let view = new AbortController();
let operator = false;

/** Show what the address names, or the sign-in before it. */
async function route() {
  view.abort();
  view = new AbortController();
  const { signal } = view;
  closeDialogs();
  if (!isSignedIn()) return showSignIn();
  showBusy();
  const shown = await viewOf(signal);
  if (!shown || signal.aborted) return undefined;
  entitle(shown.title);
  return show(shown.node);
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<View | null>}
 */
async function viewOf(signal) {
  const [path, query = ""] = location.hash.slice(1).split("?", 2);
  const [found, make] = ROUTES.find(([pattern]) => pattern.test(path)) ?? [];
  if (!found || !make) return failed(h("p", {}, t("no_such_page")));
  const params = found.exec(path)?.groups ?? {};
  try {
    return await make({ params, query: new URLSearchParams(query), signal, again: route });
  } catch (error) {
    if (signal.aborted || isAbort(error)) return null;
    return failed(problemNode(problemOf(error)));
  }
}

/** @param {Node} words */
function failed(words) {
  const back = h("p", {}, h("a", { href: "#/" }, `← ${t("endpoints")}`));
  return {
    title: t("failed"),
    node: h("div", {}, h("h1", {}, t("failed")), h("div", { role: "alert" }, words), back),
  };
}

function showSignIn() {
  entitle(t("sign_in"));
  drawHead();
  const node = h(
    "div",
    { class: "sign-in" },
    h("h1", {}, t("sign_in_title")),
    h("p", { class: "faint" }, t("sign_in_lead")),
    signInForms(enter),
  );
  show(node);
  /** @type {HTMLElement | null} */ (node.querySelector("input:not([type=radio])"))?.focus();
}

async function enter() {
  operator = false;
  drawHead();
  const shown = route();
  operator = await isOperator().catch(() => false);
  if (operator) drawHead();
  await shown;
}

async function leave() {
  const ended = signOut();
  operator = false;
  hush();
  await route();
  await ended;
}

/** @param {string} title */
function entitle(title) {
  document.title = `${title} – Switchyard`;
}

function drawHead() {
  drawHeader({
    operator,
    onSignOut: leave,
    onLanguage: (tag) => {
      chooseLanguage(tag);
      drawHead();
      void route();
    },
    onSurface: (surface) => {
      chooseSurface(surface === "infrastructure" ? "infrastructure" : "webapp");
      if (location.hash === "#/") void route();
      else location.hash = "#/";
    },
  });
}

buildShell();
/** @type {Promise<void> | null} */
let asking = null;
// However many requests meet the end of the session, it is asked for once.
onSessionEnd(() => (asking ??= askToSignInAgain().finally(() => (asking = null))));
document.addEventListener("left", leave);
addEventListener("hashchange", () => {
  turnPage();
  void route();
});
// The tokens go with the page, so the session does too.
addEventListener("pagehide", (event) => event.persisted || signOut());
await route();
