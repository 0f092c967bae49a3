"""The page that shows what mail was sent. Everything in it was written by others: all is escaped."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No script, and nothing from elsewhere. The HTML of a mail, in its frame, is bound by it as well."""

SHOWN = 100
"""How many mails the page shows, the newest."""

_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)

_STYLE = """
:root { color-scheme: light dark; --line: #d9dee5; --soft: #5b6675; --page: #f4f6f8; --card: #fff;
  --ink: #18202b; --accent: #0b62d6; }
@media (prefers-color-scheme: dark) { :root { --line: #323b48; --soft: #9aa6b5; --page: #12161c;
  --card: #1b212a; --ink: #e8edf3; --accent: #78b0ff; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 52rem; margin: 0 auto; }
h1 { font-size: 1.5rem; margin: 0; }
a { color: var(--accent); }
.about { color: var(--soft); margin: .25rem 0 1.5rem; }
details.mail { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  margin-bottom: .75rem; overflow: hidden; }
details.mail > summary { cursor: pointer; padding: .8rem 1.1rem; display: grid; gap: 0 1rem;
  grid-template-columns: minmax(0, 1fr) auto; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary:focus-visible { outline: 3px solid var(--accent); outline-offset: -3px; }
.subject { font-weight: 600; overflow-wrap: anywhere; }
.people, time { color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
.body { border-top: 1px solid var(--line); padding: 1rem 1.1rem; }
h2 { font-size: .75rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft);
  margin: 0 0 .4rem; }
pre { font: .875rem/1.55 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  margin: 0 0 1.25rem; }
iframe { width: 100%; height: 24rem; resize: vertical; border: 1px solid var(--line);
  border-radius: .4rem; background: #fff; color-scheme: light; }
dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .1rem .8rem; margin: 0 0 1.25rem;
  font-size: .875rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
"""


def page_of(mails: Sequence[Mapping[str, Any]]) -> str:
    """Return the HTML document of some mails, newest first; the newest is open."""
    shown = [_mail(mail, is_first=number == 0) for number, mail in enumerate(mails[:SHOWN])]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mailbox ({len(mails)})</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Mailbox</h1>
<p class="about">{_about(len(mails))}</p>
{"".join(shown)}
</main>
</body>
</html>
"""


def _about(count: int) -> str:
    sent = "No mail was sent" if count == 0 else "1 mail" if count == 1 else f"{count} mails"
    newest = f", of which these are the newest {SHOWN}" if count > SHOWN else ""
    return (
        f"{sent} since <code>make dev</code> started{newest}; nothing leaves this machine. "
        'The same <a href="/_local/mailbox.json">as JSON</a>.'
    )


def _mail(mail: Mapping[str, Any], *, is_first: bool) -> str:
    to = ", ".join([*mail["to"], *mail["cc"], *mail["bcc"]])
    sent_at = escape(mail["sent_at"])
    return f"""<details class="mail"{" open" if is_first else ""}>
<summary>
<span class="subject">{escape(mail["subject"]) or "(no subject)"}</span>
<time datetime="{sent_at}">{sent_at[:19].replace("T", " ")} UTC</time>
<span class="people">to {escape(to)}</span>
</summary>
<div class="body">
{_fields(mail)}{_text(mail["text"])}{_html(mail["html"])}</div>
</details>
"""


def _fields(mail: Mapping[str, Any]) -> str:
    people = {"From": [mail["from"]], "To": mail["to"], "Cc": mail["cc"], "Bcc": mail["bcc"]}
    fields = {name: ", ".join(given) for name, given in people.items() if given}
    fields |= mail["headers"] | {"Message id": mail["id"]}
    rows = [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in fields.items()]
    return f"<dl>{''.join(rows)}</dl>\n"


def _text(text: str | None) -> str:
    return "" if text is None else f"<h2>Text</h2>\n<pre>{_with_links(text)}</pre>\n"


def _with_links(text: str) -> str:
    """Escape a text, its addresses becoming links."""
    parts, end = [], 0
    for found in _LINK.finditer(text):
        address = escape(found[0])
        link = f'<a href="{address}" target="_blank" rel="noopener noreferrer">{address}</a>'
        parts += [escape(text[end : found.start()]), link]
        end = found.end()
    return "".join([*parts, escape(text[end:])])


def _html(html: str | None) -> str:
    """Return the frame of a mail's HTML: no script runs in it, and its links open beside it."""
    if html is None:
        return ""
    # After the doctype: anything before it would change how a browser draws the mail.
    doctype = found[0] if (found := _DOCTYPE.match(html)) else ""
    whole = f'{doctype}<base target="_blank">{html.removeprefix(doctype)}'
    return (
        "<h2>HTML</h2>\n"
        '<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" title="The HTML of this mail"'
        f' loading="lazy" srcdoc="{escape(whole)}"></iframe>\n'
    )
