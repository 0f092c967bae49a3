"""Redirect addresses of OAuth clients: which may be registered, and which is a registered one.

Sources: RFC 9700, sections 2.1 and 4.1.3; RFC 8252, sections 7.1 and 7.3.
"""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_LOOPBACK_PORT = re.compile(r"^(http://(?:127\.0\.0\.1|\[::1\])):[0-9]{1,5}(?=[/?]|$)")
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def why_unfit(uri: str) -> str | None:
    """Return why nobody may register an address, or None where one may."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return "It is no address."
    if "@" in parts.netloc or port == 0 or parts.fragment:
        return "It may have neither user information nor a fragment, and a port only that there is."
    match parts.scheme:
        case "https":
            fits = _HOST.fullmatch(parts.hostname or "") is not None
        case "http":
            fits = parts.hostname in _LOOPBACK
        case scheme:
            # An application's own scheme is a domain name backwards: nobody else's by accident.
            fits = "." in scheme and not parts.netloc and parts.path.startswith("/")
    if fits:
        return None
    return "Use https, http on 127.0.0.1 or [::1], or a scheme of your own with a dot: com.example.app:/path."


def find_registered(asked: str, registered: Iterable[str]) -> bool:
    """Tell whether an address is registered: to the character, but for the port of a loopback address."""
    return any(asked == each or _is_same_but_for_port(asked, each) for each in registered)


def _is_same_but_for_port(asked: str, registered: str) -> bool:
    # A native application listens where there is room: RFC 8252, section 7.3.
    if why_unfit(asked) or not is_loopback(registered):
        return False
    return _LOOPBACK_PORT.sub(r"\1", asked) == _LOOPBACK_PORT.sub(r"\1", registered)


def is_loopback(uri: str) -> bool:
    """Tell whether a fit address is one of the user's own machine."""
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def csp_source(uri: str) -> str:
    """Return what a Content-Security-Policy calls the place that a fit address is at (CSP, section 2.3.1)."""
    parts = urlsplit(uri)
    # The grammar knows no IPv6 address.
    if not parts.netloc or "[" in parts.netloc:
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"


def place_of(uri: str) -> str:
    """Return what tells a person where a fit address leads: its host, or the scheme of an application."""
    parts: SplitResult = urlsplit(uri)
    return parts.netloc or f"{parts.scheme}:"
