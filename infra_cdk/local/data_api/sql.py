"""Named parameters of the Data API (`:name`) as PostgreSQL's numbered ones (`$1`)."""

import re
from functools import lru_cache

_TOKEN = re.compile(
    r"""
      [eE]'(?:[^'\\]|\\.|'')*'            # an escape string
    | '(?:[^']|'')*'                      # a string
    | "(?:[^"]|"")*"                      # a quoted identifier
    | --[^\n]*                            # a comment to the end of the line
    | /\*.*?\*/                           # a block comment
    | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$).*?(?P=dollar)   # a dollar-quoted string
    | ::                                  # a cast
    | (?<![\w:]):(?P<name>[A-Za-z_]\w*)   # a parameter
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,  # the service reads ASCII names only
)


@lru_cache(maxsize=4096)
def number_parameters(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return the SQL with numbered parameters, and their names in the order of the numbers."""
    names: list[str] = []

    def numbered(token: re.Match[str]) -> str:
        name = token["name"]
        if name is None:
            return token[0]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _TOKEN.sub(numbered, sql), tuple(names)
