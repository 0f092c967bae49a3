"""The words of the pages, in each language, and which language somebody reads (RFC 4647, section 3.4)."""

import re
from collections.abc import Iterator, Mapping

from shared.core.scopes import Scope

type Texts = Mapping[str, str]

_ENGLISH: Texts = {
    "sign_in": "Sign in",
    "sign_in_for": "to continue to {client}",
    "username": "User name or e-mail address",
    "password": "Password",
    "code_title": "Confirm that it is you",
    "code": "Code of your authenticator application, or a recovery code",
    "confirm": "Continue",
    "wrong_code": "The code is wrong, or was used already.",
    "login_over": "This login took too long, or was tried too often. Sign in again.",
    "wrong_credentials": "The user name or the password is wrong.",
    "too_many_attempts": "Too many attempts failed. Try again in {seconds} seconds.",
    "consent_title": "Let {client} act for you?",
    "wants": "This application asks to:",
    "leads_to": "Your answer is sent to",
    "signed_in_as": "Signed in as",
    "another_account": "Use another account",
    "approve": "Allow",
    "deny": "Deny",
    "can_revoke": "You can take this back at any time in your account, under granted access.",
    "error_title": "This does not work",
    "invalid_request": "The application sent you here with a link that is not valid. Go back to it and try again.",
    "stale_form": "This page was open for too long, was opened elsewhere, or your browser keeps no cookies. Go back to the application and try again.",
    "unavailable": "The service does not answer at the moment. Try again soon.",
    "what_was_wrong": "What was wrong:",
}

_GERMAN: Texts = {
    "sign_in": "Anmelden",
    "sign_in_for": "und weiter zu {client}",
    "username": "Benutzername oder E-Mail-Adresse",
    "password": "Passwort",
    "code_title": "Bestätigen Sie, dass Sie es sind",
    "code": "Code Ihrer Authentifizierungs-App oder ein Wiederherstellungscode",
    "confirm": "Weiter",
    "wrong_code": "Der Code ist falsch oder wurde schon verwendet.",
    "login_over": "Diese Anmeldung hat zu lange gedauert oder wurde zu oft versucht. Melden Sie sich neu an.",
    "wrong_credentials": "Benutzername oder Passwort ist falsch.",
    "too_many_attempts": "Zu viele Versuche sind fehlgeschlagen. Versuchen Sie es in {seconds} Sekunden wieder.",
    "consent_title": "Darf {client} für Sie handeln?",
    "wants": "Diese Anwendung möchte:",
    "leads_to": "Ihre Antwort geht an",
    "signed_in_as": "Angemeldet als",
    "another_account": "Anderes Konto verwenden",
    "approve": "Erlauben",
    "deny": "Ablehnen",
    "can_revoke": "Sie können dies in Ihrem Konto jederzeit zurücknehmen, unter „Erlaubte Zugriffe“.",
    "error_title": "Das geht so nicht",
    "invalid_request": "Die Anwendung hat Sie mit einem ungültigen Link hierher geschickt. Gehen Sie zurück und versuchen Sie es noch einmal.",
    "stale_form": "Diese Seite war zu lange offen, wurde anderswo geöffnet, oder Ihr Browser nimmt keine Cookies an. Gehen Sie zurück zur Anwendung und versuchen Sie es noch einmal.",
    "unavailable": "Der Dienst antwortet gerade nicht. Versuchen Sie es bald wieder.",
    "what_was_wrong": "Was nicht stimmte:",
}

LANGUAGES: Mapping[str, Texts] = {"en": _ENGLISH, "de": _GERMAN}
"""The words by language (BCP 47): the first is for those who read none of them."""

SCOPES: Mapping[str, Mapping[Scope, str]] = {
    "en": {
        Scope.PROFILE_READ: "see your user name and your e-mail address",
        Scope.ITEMS_READ: "see your items",
        Scope.ITEMS_WRITE: "create, change and delete your items",
        Scope.POSTS_READ: "read your posts",
        Scope.POSTS_WRITE: "write, change and delete posts in your name",
    },
    "de": {
        Scope.PROFILE_READ: "Ihren Benutzernamen und Ihre E-Mail-Adresse sehen",
        Scope.ITEMS_READ: "Ihre Artikel sehen",
        Scope.ITEMS_WRITE: "Ihre Artikel anlegen, ändern und löschen",
        Scope.POSTS_READ: "Ihre Beiträge lesen",
        Scope.POSTS_WRITE: "in Ihrem Namen Beiträge schreiben, ändern und löschen",
    },
}
"""What each scope that a third party may have lets it do."""

_RANGE = re.compile(r"([A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*(?:;q=([01](?:\.[0-9]{0,3})?))?")


def language_of(*, ui_locales: str, accept_language: str) -> str:
    """Return the language of the pages: what the client asks for, else what the browser says, else English."""
    for tag in (*ui_locales.split(" "), *_accepted(accept_language)):
        primary = tag.partition("-")[0].lower()
        if primary in LANGUAGES:
            return primary
    return next(iter(LANGUAGES))


def _accepted(header: str) -> Iterator[str]:
    """Iterate over the languages of an Accept-Language header, the best first (RFC 9110, section 12.5.4)."""
    found = [
        match
        for part in header.replace(" ", "")[:512].split(",")
        if (match := _RANGE.fullmatch(part)) and float(match[2] or 1) > 0
    ]
    for match in sorted(found, key=lambda each: -float(each[2] or 1)):
        yield match[1]
