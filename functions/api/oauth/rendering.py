"""The pages as HTML, without any script, and with a policy that allows none."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from functions.api.oauth.texts import LANGUAGES, SCOPES

FOLDER = Path(__file__).parent / "templates"

PRODUCT = "Switchyard"
"""What the pages call the service."""


def render(
    page: str, *, language: str, status: int = 200, leads_to: str = "", **values: object
) -> Response:
    """Return a page in a language. `leads_to` is where its forms may end up besides here, as CSP names it.

    Browsers hold the redirect that answers a form to `form-action`, too.
    """
    words = {
        "text": LANGUAGES[language],
        "scope_words": SCOPES[language],
        "language": language,
        "product": PRODUCT,
    }
    body = _environment().get_template(f"{page}.html").render(**words, **values)
    policy = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {leads_to}"
    )
    headers = {
        "Content-Security-Policy": policy.strip(),
        "Content-Language": language,
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    return HTMLResponse(body, status_code=status, headers=headers)


@cache
def style() -> bytes:
    """Return how the pages look, as CSS."""
    return (FOLDER / "style.css").read_bytes()


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
