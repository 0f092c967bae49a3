// Signing in: by password and second factor, or by a partner's key; as a page, or over one whose
// session has ended.
import { button, fill, h, newId } from "./dom.js";
import { choice, field, form, problemNode, problemOf, valueOf } from "./forms.js";
import {
  Problem,
  answerWithCode,
  answerWithPasskey,
  canUsePasskeys,
  currentSurface,
  signIn,
  signInWithKey,
  userName,
} from "./session.js";
import { t } from "./texts.js";

/** @typedef {import("./types.d.ts").ProblemDocument} ProblemDocument */
/** @typedef {{name: string | null, surface: import("./types.d.ts").Surface}} Known */

/**
 * Make what somebody signs in by. `done` is called once they did.
 *
 * @param {() => void} done
 * @param {{known?: Known}} [options] who is asked to come back
 */
export function signInForms(done, { known } = {}) {
  const place = h("div", { class: "sign-in-form" });
  const byKey = known?.surface === "partner";
  const kind = newId();
  /** @param {boolean} key */
  const choose = (key) =>
    fill(place, key ? keyForm(done) : passwordForm(place, done, known?.name ?? ""));
  choose(byKey);
  const options = [
    choice(t("account"), {
      type: "radio",
      name: kind,
      checked: !byKey,
      onchange: () => choose(false),
    }),
    choice(t("partner_key"), {
      type: "radio",
      name: kind,
      checked: byKey,
      onchange: () => choose(true),
    }),
  ];
  const choices = h("fieldset", { class: "tabs" }, h("legend", {}, t("sign_in_by")), options);
  return h("div", {}, known ? null : choices, place);
}

/**
 * @param {HTMLElement} place
 * @param {() => void} done
 * @param {string} known
 */
function passwordForm(place, done, known) {
  const name = { name: "username", value: known, autocomplete: "username", autocapitalize: "none" };
  const password = { name: "password", type: "password", autocomplete: "current-password" };
  const fields = [
    field(
      t("username"),
      h("input", { ...name, spellcheck: "false", maxlength: 254, required: true }),
      { name: "username" },
    ),
    field(t("password"), h("input", { ...password, maxlength: 128, required: true }), {
      name: "password",
    }),
  ];
  return form(fields, {
    submit: t("sign_in"),
    label: t("sign_in"),
    act: async (made) => {
      const username = valueOf(made, "username").trim();
      const challenge = await challengeOf(() => signIn(username, valueOf(made, "password")));
      if (!challenge) return done();
      fill(place, secondFactorForm(place, done, { username, challenge }));
      place.querySelector("input")?.focus();
    },
  });
}

/**
 * Return the problem that asks for a second factor, null where there was no need for one.
 *
 * @param {() => Promise<void>} attempt
 * @returns {Promise<ProblemDocument | null>}
 */
async function challengeOf(attempt) {
  try {
    await attempt();
  } catch (error) {
    if (error instanceof Problem && error.problem.code === "second_factor_required")
      return error.problem;
    throw error;
  }
  return null;
}

/**
 * @param {HTMLElement} place
 * @param {() => void} done
 * @param {{username: string, challenge: ProblemDocument}} login
 */
function secondFactorForm(place, done, { username, challenge }) {
  const token = challenge.mfa_token ?? "";
  /** @param {() => Promise<void>} answer */
  const go = async (answer) => {
    try {
      await answer();
    } catch (error) {
      if (!(error instanceof Problem && error.problem.code === "invalid_mfa_token")) throw error;
      const again = passwordForm(place, done, username);
      fill(place, h("div", { role: "alert" }, problemNode(error.problem)), again);
      return again.querySelector("input")?.focus();
    }
    return done();
  };
  const code = {
    name: "code",
    autocomplete: "one-time-code",
    autocapitalize: "characters",
    spellcheck: "false",
  };
  const fields = [
    h("p", {}, t("second_factor_for", { name: username })),
    field(t("code"), h("input", { ...code, maxlength: 32, required: true }), { name: "code" }),
  ];
  const made = form(fields, {
    submit: t("continue"),
    label: t("second_factor"),
    act: (filled) => go(() => answerWithCode(username, token, valueOf(filled, "code").trim())),
    besides:
      challenge.methods?.includes("passkey") &&
      canUsePasskeys() &&
      passkeyButton(() => go(() => answerWithPasskey(username, token))),
  });
  return made;
}

/** @param {() => Promise<unknown>} act */
function passkeyButton(act) {
  const said = h("span", { role: "alert" });
  const attempt = async () => {
    try {
      await act();
    } catch (error) {
      // The person closed the browser's window, or has no passkey here.
      if (error instanceof DOMException) fill(said, t("no_passkey"));
      else fill(said, problemNode(problemOf(error)));
    }
  };
  return [button(t("use_passkey"), attempt), said];
}

/** @param {() => void} done */
function keyForm(done) {
  const key = { name: "key", type: "password", autocomplete: "off", spellcheck: "false" };
  const control = h("input", { ...key, maxlength: 200, pattern: "[!-~]+", required: true });
  return form(field(t("api_key"), control, { hint: t("api_key_hint") }), {
    submit: t("sign_in"),
    label: t("sign_in"),
    act: async (made) => {
      await signInWithKey(valueOf(made, "key").trim());
      done();
    },
  });
}

/**
 * Ask who is signed in to sign in again, over the page as it stands. Raises AbortError where they
 * rather leave, or come back as somebody else.
 *
 * @returns {Promise<void>}
 */
export function askToSignInAgain() {
  const known = { name: userName(), surface: currentSurface() };
  const heading = h("h2", { id: newId() }, t("session_over"));
  const dialog = h("dialog", { "aria-labelledby": heading.id, "data-lasting": true });
  return new Promise((resolve, reject) => {
    const leave = () => {
      dialog.remove();
      reject(new DOMException("The person left.", "AbortError"));
      document.dispatchEvent(new Event("left"));
    };
    const done = () => {
      dialog.remove();
      return userName() === known.name ? resolve() : leave();
    };
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    fill(
      dialog,
      h("div", { class: "dialog-head" }, heading),
      h("p", {}, t("session_over_why")),
      signInForms(done, { known }),
      button(t("leave"), leave, { class: "link" }),
    );
    document.body.append(dialog);
    dialog.showModal();
    /** @type {HTMLElement | null} */ (
      dialog.querySelector("input:not([value]), input[value='']")
    )?.focus();
  });
}
