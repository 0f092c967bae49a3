// Everything on the page is made of nodes here: what somebody sent stays text, never markup.
/** @typedef {import("./types.d.ts").Child} Child */
/** @typedef {import("./types.d.ts").Attributes} Attributes */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element. `onclick` and its like are listeners; true is an attribute without a value, and
 * null, undefined and false are none.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/**
 * Make an element of a drawing.
 *
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * @template {Element} Made
 * @param {Made} element
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...nodes(children));
  return element;
}

/**
 * Flatten what may stand in an element, and leave out what is nothing.
 *
 * @param {Child} children
 * @returns {(Node | string)[]}
 */
export function nodes(children) {
  if (Array.isArray(children)) return children.flatMap(nodes);
  if (children === null || children === undefined || children === false) return [];
  return [typeof children === "number" ? String(children) : children];
}

/**
 * Put other children in an element's place.
 *
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
}

let made = 0;

/** Make an id that nothing else on the page has. */
export function newId() {
  made += 1;
  return `n${made}`;
}

/**
 * Make a button that does something once at a time: while it is at work it is marked as busy, not
 * disabled, for a disabled one would lose the focus.
 *
 * @param {string} label
 * @param {() => unknown} act
 * @param {Attributes} [attributes]
 */
export function button(label, act, attributes = {}) {
  const made = h("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", () => once(made, act));
  return made;
}

/**
 * Do something unless it is being done already, and mark the element meanwhile.
 *
 * @param {HTMLElement} element
 * @param {() => unknown} act
 */
export async function once(element, act) {
  if (element.getAttribute("aria-busy") === "true") return;
  element.setAttribute("aria-busy", "true");
  try {
    await act();
  } finally {
    element.removeAttribute("aria-busy");
  }
}

/**
 * Focus something that needs no place in the order of the Tab key, such as a heading.
 *
 * @param {HTMLElement | null} element
 */
export function focus(element) {
  if (!element) return;
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus();
}
