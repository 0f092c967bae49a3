// The words of the page, in the language that its reader chose, or else their browser.
import { ENGLISH } from "./english.js";
import { GERMAN } from "./german.js";

/** @typedef {keyof typeof ENGLISH} Key */

/** @type {Record<string, {name: string, texts: Record<Key, string>}>} */
export const LANGUAGES = {
  en: { name: "English", texts: ENGLISH },
  de: { name: "Deutsch", texts: GERMAN },
};

let language = navigator.languages.map(primary).find((tag) => tag in LANGUAGES) ?? "en";

/** @param {string} tag */
function primary(tag) {
  return tag.split("-")[0].toLowerCase();
}

/** Return the language (BCP 47). */
export function currentLanguage() {
  return language;
}

/** Return the language as its reader's region writes times and numbers. */
export function currentLocale() {
  return navigator.languages.find((tag) => primary(tag) === language) ?? language;
}

/** @param {string} tag */
export function chooseLanguage(tag) {
  language = tag in LANGUAGES ? tag : "en";
}

/**
 * Return words, with `{name}` replaced by the value of that name.
 *
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  return LANGUAGES[language].texts[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/**
 * Return the words for one of the API's own, or that itself where it is not known here.
 *
 * @param {string} prefix
 * @param {string} word
 */
export function named(prefix, word) {
  const key = `${prefix}_${word}`;
  return key in ENGLISH ? t(/** @type {Key} */ (key)) : word.replaceAll("_", " ");
}

/**
 * Return the words for a number of things: `key_one` or `key_other`.
 *
 * @param {string} key
 * @param {number} count
 */
export function counted(key, count) {
  const form = new Intl.PluralRules(language).select(count) === "one" ? "one" : "other";
  const number = new Intl.NumberFormat(currentLocale()).format(count);
  return t(/** @type {Key} */ (`${key}_${form}`), { count: number });
}
