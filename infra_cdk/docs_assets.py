"""`python -m infra_cdk.docs_assets`: `functions/api/docs/assets/`, all that the docs pages load.

Swagger UI and ReDoc come from node_modules, as package-lock.json pins them; the pages themselves
from `functions/api/docs/pages/`, the portal from `functions/api/docs/portal/`. What a page loads
has its content's hash in its name, so that a browser keeps it for ever and never has a stale one.
A module's hash covers those that it imports, for their names stand in it.
"""

import hashlib
import re
import shutil
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

from infra_cdk.registry import ROOT

PAGES = ROOT / "functions" / "api" / "docs" / "pages"
PORTAL = ROOT / "functions" / "api" / "docs" / "portal"
MODULES = ROOT / "node_modules"
ASSETS = ROOT / "functions" / "api" / "docs" / "assets"

LIBRARIES = (
    "swagger-ui-dist/swagger-ui.css",
    "swagger-ui-dist/swagger-ui-bundle.js",
    "redoc/bundles/redoc.standalone.js",
)
"""What the pages load from node_modules."""

LICENCES = {
    "swagger-ui-dist/LICENSE": "swagger-ui.LICENSE.txt",
    "swagger-ui-dist/NOTICE": "swagger-ui.NOTICE.txt",
    "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
    "redoc/LICENSE": "redoc.LICENSE.txt",
    "redoc/bundles/redoc.standalone.js.LICENSE.txt": "redoc.standalone.js.LICENSE.txt",
}
"""Their licences, under the names by which the libraries refer to them."""

# ReDoc's footer loads its logo from its maker's host: an empty image stands in for it.
_FOREIGN_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_EMPTY_IMAGE = b"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"

_LOADED = {".css", ".js", ".svg"}
_REFERENCE = re.compile(r'(?:(?<="docs/)|(?<="portal/))[^"]+(?=")')
_IMPORT = re.compile(rb'(?<=from "\./)[a-z_]+\.js(?=";)')


def make_assets(
    *, target: Path = ASSETS, modules: Path = MODULES, pages: tuple[Path, ...] = (PAGES, PORTAL)
) -> None:
    """Make the folder `target` anew.

    Raises FileNotFoundError where `npm ci` did not run, KeyError where a page or a module refers to
    a file that there is not, graphlib.CycleError where modules import each other, ValueError where
    ReDoc's bundle is not the one that is known here.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    sources = [path for folder in pages for path in sorted(folder.iterdir())]
    own = {path.name: path.read_bytes() for path in sources if path.suffix in _LOADED}
    hashed = _write(_libraries(modules) | own, target=target)
    for page in (path for path in sources if path.suffix == ".html"):
        linked = _REFERENCE.sub(lambda found: hashed[found[0]], page.read_text())
        (target / page.name).write_text(linked)
    for source, name in LICENCES.items():
        shutil.copyfile(modules / source, target / name)


def _write(contents: Mapping[str, bytes], *, target: Path) -> Mapping[str, str]:
    """Write the files, imported ones first; return the name that each has got."""
    imports = {
        name: {found.decode() for found in _IMPORT.findall(content)}
        for name, content in contents.items()
    }
    hashed: dict[str, str] = {}
    for name in TopologicalSorter(imports).static_order():
        linked = _IMPORT.sub(lambda found: hashed[found[0].decode()].encode(), contents[name])
        hashed[name] = _hashed(name, linked)
        (target / hashed[name]).write_bytes(linked)
    return hashed


def _libraries(modules: Path) -> dict[str, bytes]:
    contents = {Path(name).name: (modules / name).read_bytes() for name in LIBRARIES}
    redoc = contents["redoc.standalone.js"]
    if redoc.count(_FOREIGN_LOGO) != 1:
        raise ValueError("ReDoc's bundle no longer loads the logo known here: look at it anew")
    return contents | {"redoc.standalone.js": redoc.replace(_FOREIGN_LOGO, _EMPTY_IMAGE)}


def _hashed(name: str, content: bytes) -> str:
    """Return `name` with its content's hash in it: `swagger-ui.5f2b0c1d9e3a.css`."""
    path = Path(name)
    return f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"


if __name__ == "__main__":
    make_assets()
