// Times, numbers and JSON, as the reader's language writes them.
import { h } from "./dom.js";
import { currentLocale, t } from "./texts.js";

const STEPS = /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
]);

/**
 * Show a moment in the reader's time zone; the machine-readable one stands behind it.
 *
 * @param {string} moment
 */
export function time(moment) {
  const style = new Intl.DateTimeFormat(currentLocale(), {
    dateStyle: "medium",
    timeStyle: "medium",
  });
  return h("time", { datetime: moment, title: moment }, style.format(new Date(moment)));
}

/**
 * Show how long ago a moment was, or how far it is.
 *
 * @param {string} moment
 */
export function ago(moment) {
  const seconds = (Date.parse(moment) - Date.now()) / 1000;
  return h("time", { datetime: moment, title: time(moment).textContent }, relative(seconds));
}

/** @param {number} seconds */
function relative(seconds) {
  const format = new Intl.RelativeTimeFormat(currentLocale(), { numeric: "auto" });
  const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 0];
  return size ? format.format(Math.trunc(seconds / size), unit) : t("just_now");
}

/** @param {Date} moment */
export function hourOf(moment) {
  return new Intl.DateTimeFormat(currentLocale(), { hour: "2-digit", minute: "2-digit" }).format(
    moment,
  );
}

/** @param {number} count */
export function number(count) {
  return new Intl.NumberFormat(currentLocale()).format(count);
}

/** @param {number} milliseconds */
export function duration(milliseconds) {
  const unit = milliseconds < 1000 ? "millisecond" : "second";
  const value = milliseconds < 1000 ? milliseconds : milliseconds / 1000;
  const options = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 };
  return new Intl.NumberFormat(
    currentLocale(),
    /** @type {Intl.NumberFormatOptions} */ (options),
  ).format(value);
}

/**
 * Return a moment as `<input type="datetime-local">` has it: in the reader's own time zone.
 *
 * @param {Date} moment
 */
export function localInput(moment) {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

/**
 * Return the moment that such an input names, as the API takes it; "" for none.
 *
 * @param {string} value
 */
export function momentOf(value) {
  return value ? new Date(value).toISOString() : "";
}

/**
 * Return a body to be read: JSON with its structure, anything else as it is.
 *
 * @param {unknown} body
 */
export function readable(body) {
  if (typeof body !== "string") return JSON.stringify(body, null, 2);
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body; // no JSON, or only the beginning of one
  }
}
