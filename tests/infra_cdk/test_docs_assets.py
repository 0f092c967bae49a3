import hashlib
import re
from graphlib import CycleError
from pathlib import Path

import pytest

from infra_cdk.docs_assets import LIBRARIES, LICENCES, MODULES, PAGES, PORTAL, make_assets

LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
REFERENCE = re.compile(r'(?:src|href)="([^"]+)"')
IMPORT = re.compile(r'from "\./([^"]+)";')
BESIDES = {"openapi.json", "docs"}
"""What pages link to that is no file of theirs."""


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("assets")
    make_assets(target=target)
    return target


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """Return a node_modules of stand-ins: small files where the real ones are megabytes."""
    for name in (*LIBRARIES, *LICENCES):
        path = tmp_path / "node_modules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name} {LOGO}")
    return tmp_path / "node_modules"


@pytest.mark.parametrize("page", ["docs.html", "redoc.html", "portal.html"])
def test_a_page_loads_only_files_that_are_there(assets: Path, page: str) -> None:
    references = REFERENCE.findall((assets / page).read_text())
    files = [reference for reference in references if reference not in BESIDES]
    assert len(files) >= 4
    assert [name for name in files if not (assets / name.partition("/")[2]).is_file()] == []


def test_a_module_imports_only_files_that_are_there_and_the_page_asks_for_all_at_once(
    assets: Path,
) -> None:
    page = (assets / "portal.html").read_text()
    loaded = set(re.findall(r'"portal/([^"]+\.js)"', page))
    imported = {name for path in loaded for name in IMPORT.findall((assets / path).read_text())}
    assert len(imported) > 10
    assert imported == {name for name in loaded if not name.startswith("main.")}


def test_a_module_has_another_name_once_one_that_it_imports_is_another(
    modules: Path, tmp_path: Path
) -> None:
    names = []
    for content in ("export const one = 1;", "export const one = 2;"):
        pages = tmp_path / "pages"
        pages.mkdir(exist_ok=True)
        (pages / "one.js").write_text(content)
        (pages / "main.js").write_text('import { one } from "./one.js";\n')
        make_assets(target=tmp_path / "assets", modules=modules, pages=(pages,))
        names += [path.name for path in (tmp_path / "assets").glob("main.*.js")]
    assert len(set(names)) == 2


def test_modules_that_import_each_other_are_refused(modules: Path, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "one.js").write_text('import { two } from "./two.js";\n')
    (pages / "two.js").write_text('import { one } from "./one.js";\n')
    with pytest.raises(CycleError):
        make_assets(target=tmp_path / "assets", modules=modules, pages=(pages,))


@pytest.mark.parametrize("page", ["docs.html", "redoc.html", "portal.html"])
def test_a_page_has_no_script_or_style_of_its_own_for_the_policy_to_refuse(
    assets: Path, page: str
) -> None:
    html = (assets / page).read_text()
    assert re.findall(r"<script[^>]*>[^<]|<style| on\w+=| style=", html) == []


def test_a_name_carries_the_hash_of_its_content(assets: Path) -> None:
    hashed = [path for path in assets.iterdir() if path.suffix in {".js", ".css", ".svg"}]
    own = [path for folder in (PAGES, PORTAL) for path in folder.iterdir()]
    scripts_and_styles = [path for path in own if path.suffix in {".js", ".css", ".svg"}]
    assert len(hashed) == len(LIBRARIES) + len(scripts_and_styles)
    for path in hashed:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert path.suffixes[-2] == f".{digest[:12]}"


def test_the_licences_stand_beside_the_libraries(assets: Path) -> None:
    assert "Apache License" in (assets / "swagger-ui.LICENSE.txt").read_text()
    assert "MIT License" in (assets / "redoc.LICENSE.txt").read_text()
    for script in assets.glob("*.js"):
        for name in re.findall(r"see (\S+\.LICENSE\.txt)", script.read_text()[:500]):
            assert (assets / name).is_file()


def test_redoc_loads_no_logo_from_its_maker(assets: Path) -> None:
    assert LOGO in (MODULES / "redoc" / "bundles" / "redoc.standalone.js").read_text()
    assert all(LOGO not in script.read_text() for script in assets.glob("*.js"))


def test_what_was_there_before_is_removed(modules: Path, tmp_path: Path) -> None:
    target = tmp_path / "assets"
    target.mkdir()
    (target / "swagger.0123456789ab.js").write_text("stale")
    make_assets(target=target, modules=modules)
    assert not (target / "swagger.0123456789ab.js").exists()


def test_a_redoc_without_the_known_logo_is_refused(modules: Path, tmp_path: Path) -> None:
    (modules / "redoc" / "bundles" / "redoc.standalone.js").write_text("another ReDoc")
    with pytest.raises(ValueError, match="look at it anew"):
        make_assets(target=tmp_path / "assets", modules=modules)


def test_a_page_that_loads_an_unknown_file_is_refused(modules: Path, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "docs.html").write_text('<script src="docs/missing.js"></script>')
    with pytest.raises(KeyError, match=r"missing\.js"):
        make_assets(target=tmp_path / "assets", modules=modules, pages=(pages,))
