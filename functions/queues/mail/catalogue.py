"""The texts of the mails in other languages: message catalogues, as Babel compiles them."""

import gettext
from dataclasses import dataclass
from pathlib import Path

SOURCE_LANGUAGE = "en"
"""The language of the templates: what has no translation stays as it stands there."""

LOCALES = Path(__file__).parent / "locales"
"""Where they are, once there are some: `<language>/LC_MESSAGES/messages.mo`."""

_DOMAIN = "messages"  # pybabel's own name for a catalogue that is given none


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The messages of one language (BCP 47), with what they fall back to behind them."""

    language: str
    translations: gettext.NullTranslations


def find_catalogue(locale: str, *, locales: Path = LOCALES) -> Catalogue:
    """Return the best catalogue for a language tag: of `de-AT` that of `de-AT`, `de`, or English.

    Source: RFC 4647, section 3.4 ("lookup").
    """
    found = gettext.translation(_DOMAIN, locales, languages=_narrowing(locale), fallback=True)
    language = found.info().get("language", SOURCE_LANGUAGE).replace("_", "-")
    return Catalogue(language=language, translations=found)


def _narrowing(locale: str) -> list[str]:
    """Return the names of a tag's folders, from the most special: zh_Hant_TW, zh_Hant, zh."""
    parts = locale.split("-")
    return ["_".join(parts[:count]) for count in range(len(parts), 0, -1)]
