// Forms: labels, hints and errors that belong to their fields, refusals in the form's own alert.
import { fill, focus, h, newId, once } from "./dom.js";
import { Problem, isAbort } from "./session.js";
import { t } from "./texts.js";

/** @typedef {import("./types.d.ts").Attributes} Attributes */
/** @typedef {import("./types.d.ts").Child} Child */
/** @typedef {import("./types.d.ts").ProblemDocument} ProblemDocument */
const FAILURE = 500;
/** From this status on the service failed: who runs it finds out why by the request's id. */

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */

/**
 * Give a control its label, a hint, and a place for what is wrong with it. `name` is the field of
 * the API that it sets: the API's errors find it by that.
 *
 * @param {string} label
 * @param {Control} control
 * @param {{hint?: Child, name?: string}} [options]
 */
export function field(label, control, { hint, name } = {}) {
  const error = h("p", { class: "field-error", id: newId(), hidden: true });
  const note = hint ? h("p", { class: "hint", id: newId() }, hint) : null;
  control.id ||= newId();
  control.setAttribute("aria-describedby", [note?.id, error.id].filter(Boolean).join(" "));
  const caption = h("label", { for: control.id }, label);
  return h("div", { class: "field", "data-field": name }, caption, note, control, error);
}

/**
 * Make a checkbox or a radio button beside its label.
 *
 * @param {Child} label
 * @param {Attributes} attributes
 * @param {Child} [hint]
 */
export function choice(label, attributes, hint) {
  const note = hint ? h("span", { class: "hint", id: newId() }, hint) : null;
  const control = h("input", {
    type: "checkbox",
    id: newId(),
    "aria-describedby": note?.id,
    ...attributes,
  });
  const caption = h("label", { for: control.id }, label);
  return h("div", { class: "choice" }, control, h("div", {}, caption, note));
}

/**
 * @param {string} legend
 * @param {string} name
 * @param {...Child} children
 */
export function group(legend, name, ...children) {
  const error = h("p", { class: "field-error", id: newId(), hidden: true });
  const attributes = { class: "field", "data-field": name, "aria-describedby": error.id };
  return h("fieldset", attributes, h("legend", {}, legend), ...children, error);
}

/**
 * @param {[string, string][]} options value and label
 * @param {Attributes & {value?: string}} [attributes]
 */
export function select(options, { value, ...attributes } = {}) {
  const made = options.map(([each, label]) =>
    h("option", { value: each, selected: each === value }, label),
  );
  return h("select", attributes, made);
}

/**
 * Make a form. What `act` is refused is shown in it, at the fields that it is about.
 *
 * @param {Child} fields
 * @param {import("./types.d.ts").FormOptions} options
 */
export function form(fields, { submit, act, danger, besides, label }) {
  const alert = h("div", { role: "alert" });
  const button = h("button", { type: "submit", class: danger ? "danger" : "primary" }, submit);
  const made = h(
    "form",
    { "aria-label": label, onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    alert,
    fields,
    h("div", { class: "buttons" }, button, besides),
  );
  made.addEventListener("submit", () => once(button, () => attempt(made, alert, act)));
  return made;
}

/**
 * @param {HTMLFormElement} made
 * @param {HTMLElement} alert
 * @param {(form: HTMLFormElement) => unknown} act
 */
async function attempt(made, alert, act) {
  fill(alert);
  for (const control of made.querySelectorAll("[aria-invalid]"))
    control.removeAttribute("aria-invalid");
  for (const error of made.querySelectorAll(".field-error")) error.toggleAttribute("hidden", true);
  try {
    await act(made);
  } catch (error) {
    if (!isAbort(error)) showProblem(made, alert, problemOf(error));
  }
}

/**
 * Return what an error means to whoever reads the page; what is no refusal goes on, to the console.
 *
 * @param {unknown} error
 * @returns {ProblemDocument}
 */
export function problemOf(error) {
  if (error instanceof Problem) return error.problem;
  throw error;
}

/**
 * @param {HTMLFormElement} made
 * @param {HTMLElement} alert
 * @param {ProblemDocument} problem
 */
function showProblem(made, alert, problem) {
  const placed = (problem.errors ?? []).filter((each) => placeError(made, each));
  const rest = (problem.errors ?? []).filter((each) => !placed.includes(each));
  fill(alert, problemNode({ ...problem, errors: rest }));
  const invalid = made.querySelector("[aria-invalid]");
  focus(/** @type {HTMLElement} */ (invalid ?? alert));
}

/**
 * @param {HTMLFormElement} made
 * @param {import("./types.d.ts").FieldError} error
 */
function placeError(made, { location, message }) {
  const [, name] = location;
  const place = made.querySelector(`[data-field="${CSS.escape(String(name))}"]`);
  const text = place?.querySelector(".field-error");
  const control = place?.querySelector("input, select, textarea");
  if (!text || !control) return false;
  fill(text, message);
  text.setAttribute("lang", "en");
  text.removeAttribute("hidden");
  control.setAttribute("aria-invalid", "true");
  return true;
}

/**
 * Show a refusal in the API's own words, which are English.
 *
 * @param {ProblemDocument} problem
 */
export function problemNode({ status, code, detail, errors = [], request_id: id }) {
  if (code === "unreachable") return h("div", { class: "problem" }, h("p", {}, t("unreachable")));
  return h(
    "div",
    { class: "problem" },
    h("p", { lang: "en" }, detail),
    errors.length > 0 &&
      h(
        "ul",
        { lang: "en" },
        errors.map(({ location, message }) =>
          h("li", {}, `${location.slice(1).join(".")}: ${message}`),
        ),
      ),
    status >= FAILURE && id && h("p", { class: "faint" }, t("request_id"), " ", h("code", {}, id)),
  );
}

/**
 * Return a field's text.
 *
 * @param {HTMLFormElement} made
 * @param {string} name
 */
export function valueOf(made, name) {
  return String(new FormData(made).get(name) ?? "");
}
