// Dialogs are the browser's own: they hold the focus, close by Escape, and give the focus back.
import { button, fill, h, newId } from "./dom.js";
import { form } from "./forms.js";
import { t } from "./texts.js";

/** @typedef {import("./types.d.ts").Child} Child */

/**
 * Open a dialog. `content` makes what stands in it and may close it; the promise is kept when it is
 * closed, in whatever way.
 *
 * @param {string} title
 * @param {(close: () => void) => Child} content
 * @returns {Promise<void>}
 */
export function openDialog(title, content) {
  const heading = h("h2", { id: newId() }, title);
  const dialog = h("dialog", { "aria-labelledby": heading.id });
  const close = () => dialog.close();
  const cross = button("×", close, { class: "cross", "aria-label": t("close") });
  fill(dialog, h("div", { class: "dialog-head" }, heading, cross), content(close));
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
    dialog.showModal();
    /** @type {HTMLElement | null} */ (dialog.querySelector("input, select, textarea"))?.focus();
  });
}

/** Close every dialog of a view that has gone. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    if (!dialog.hasAttribute("data-lasting")) dialog.close();
  }
}

/**
 * Open a dialog with a form: it closes once `act` went well.
 *
 * @param {string} title
 * @param {Child} fields
 * @param {{submit: string, act: (form: HTMLFormElement) => unknown, danger?: boolean}} options
 */
export function openForm(title, fields, { submit, act, danger }) {
  return openDialog(title, (close) =>
    form(fields, {
      submit,
      danger,
      act: async (made) => {
        await act(made);
        close();
      },
      besides: button(t("cancel"), close),
    }),
  );
}

/**
 * Make a button that puts a text on the clipboard, and says that it did.
 *
 * @param {string} text
 * @param {string} label what it copies, for who does not see what it stands beside
 */
export function copyButton(text, label) {
  const said = h("span", { role: "status", class: "copied" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      fill(said, t("copied"));
    } catch {
      fill(said, t("copy_yourself")); // no permission, or no secure page
    }
  };
  return h("span", { class: "copy" }, button(t("copy"), copy, { "aria-label": label }), said);
}
