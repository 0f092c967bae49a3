"""A mail's subject, text and HTML, from its templates: `templates/<name>.{subject.txt,txt,html}`."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from functions.queues.mail.catalogue import find_catalogue
from shared.domains.mail.events import MailTemplate, Values

TEMPLATES = Path(__file__).parent / "templates"

PRODUCT = "Switchyard"
"""What mails call the service."""

I18N = "jinja2.ext.i18n"
"""What gives templates `{% trans %}`, and lets `pybabel extract` find what stands in it."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail that can be sent. `text` and `html` say the same."""

    subject: str
    text: str
    html: str


def render(template: MailTemplate, *, locale: str, content: Values) -> Mail:
    """Return a mail, in the language of a tag or else in English.

    Raises UndefinedError where a template names what its values do not have.
    """
    environment = _environment(locale)
    values = content.model_dump()

    def part(ending: str) -> str:
        return environment.get_template(f"{template.value}.{ending}").render(values)

    values["subject"] = part("subject.txt")
    return Mail(subject=values["subject"], text=part("txt"), html=part("html"))


# A tag comes with the event: there may be any number of them.
@lru_cache(maxsize=32)
def _environment(locale: str) -> Environment:
    catalogue = find_catalogue(locale)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        extensions=[I18N],
        autoescape=select_autoescape(("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.install_gettext_translations(catalogue.translations, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(product=PRODUCT, language=catalogue.language)
    return environment
