import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.security import OAuth2PasswordBearer
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from infra_cdk import authorization, openapi, webhook_documents
from infra_cdk.openapi import (
    DOCUMENTS,
    build_documents,
    files_of,
    find_outdated,
    main,
    merge,
    operations,
    select,
)
from shared.domains.webhooks import api as webhooks
from shared.web.limits import EXTENSION, LimitGroup

type Document = dict[str, Any]

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    return build_documents()


@pytest.fixture(scope="module")
def whole(documents: dict[str, Document]) -> Document:
    return documents["openapi.json"]


def described(whole: Document) -> dict[str, Document]:
    """Return the operations by the names that a reader knows them by."""
    return {
        f"{method.upper()} {path}": operation
        for path, item in whole["paths"].items()
        for method, operation in item.items()
    }


def errors_of(whole: Document) -> list[tuple[str, int, Document]]:
    """Return every declared error: the operation's name, the status and the response."""
    return [
        (name, int(status), response)
        for name, operation in described(whole).items()
        for status, response in operation["responses"].items()
        if int(status) >= 400
    ]


def is_problem(schema: Document, whole: Document) -> bool:
    """Whether a schema is Problem's, or lists kinds of it before that."""
    problem = {"$ref": "#/components/schemas/Problem"}
    *special, last = schema.get("anyOf", [schema])
    return last == problem and all(
        whole["components"]["schemas"][each["$ref"].rsplit("/", 1)[1]]["allOf"][0] == problem
        for each in special
    )


class TestCommitted:
    def test_the_committed_documents_are_those_of_the_code(
        self, documents: dict[str, Document]
    ) -> None:
        assert find_outdated(files_of(documents)) == []
        assert {path.name for path in DOCUMENTS.iterdir()} == set(documents)

    def test_building_twice_gives_the_same_text(self, documents: dict[str, Document]) -> None:
        again = build_documents()
        assert [openapi.render(each) for each in again.values()] == [
            openapi.render(each) for each in documents.values()
        ]


def is_oauths(response: Document) -> bool:
    """Whether an error is in the form of RFC 6749, section 5.2."""
    content = response["content"].get("application/json", {})
    return bool(content.get("schema") == {"$ref": "#/components/schemas/OAuthProblem"})


class TestDocuments:
    @pytest.mark.parametrize("name", ["openapi.json", "v1.json", "v2.json"])
    def test_a_document_is_valid_openapi_3_1(
        self, documents: dict[str, Document], name: str
    ) -> None:
        assert documents[name]["openapi"].startswith("3.1.")
        OpenAPIV31SpecValidator(documents[name]).validate()

    def test_every_operation_is_described(self, whole: Document) -> None:
        silent = [
            name
            for name, operation in described(whole).items()
            if not (operation.get("summary") and operation.get("description"))
        ]
        assert silent == []

    def test_every_operation_id_makes_a_method_name(self, whole: Document) -> None:
        names = [operation["operationId"] for operation in operations(whole["paths"])]
        assert len(set(names)) == len(names)
        assert [name for name in names if not (name.isidentifier() and name.islower())] == []

    def test_the_errors_of_the_oauth_protocol_are_in_its_own_form(self, whole: Document) -> None:
        own = {f"{name} {status}" for name, status, each in errors_of(whole) if is_oauths(each)}
        assert own == {
            f"POST /oauth/{name} {status}"
            for name in ("introspect", "revoke", "token")
            for status in ("400", "401")
        }

    def test_every_other_error_is_a_problem_document(self, whole: Document) -> None:
        wrong = [
            f"{name} {status}"
            for name, status, response in errors_of(whole)
            if not is_oauths(response)
            and (
                response["content"].keys() != {PROBLEM}
                or not is_problem(response["content"][PROBLEM]["schema"], whole)
            )
        ]
        assert wrong == []

    def test_every_error_names_the_codes_that_it_may_have(self, whole: Document) -> None:
        for name, status, response in errors_of(whole):
            if is_oauths(response):
                continue
            examples = response["content"][PROBLEM]["examples"]
            assert examples, name
            for code in examples:
                problem = whole["components"]["examples"][code]["value"]
                assert (problem["code"], problem["status"]) == (code, status), name

    def test_every_example_fits_its_schema(self, whole: Document) -> None:
        schemas = {"components": whole["components"]}
        for example in whole["components"]["examples"].values():
            schema = {"$ref": "#/components/schemas/Problem", **schemas}
            OAS31Validator(schema).validate(example["value"])
        for schema in whole["components"]["schemas"].values():
            for name, described in schema.get("properties", {}).items():
                for example in described.get("examples", ()):
                    OAS31Validator({"properties": {name: described}}).validate({name: example})

    def test_an_error_with_members_of_its_own_has_a_schema_that_its_example_fits(
        self, whole: Document
    ) -> None:
        components = whole["components"]
        example = components["examples"]["second_factor_required"]["value"]
        schema = {"$ref": "#/components/schemas/SecondFactorRequiredProblem"}
        validator = OAS31Validator({**schema, "components": components})
        validator.validate(example)
        assert not validator.is_valid({k: v for k, v in example.items() if k != "mfa_token"})
        login = described(whole)["POST /v2/webapp/login"]["responses"]["403"]
        assert login["content"][PROBLEM]["schema"]["anyOf"][0] == schema

    def test_every_operation_names_its_limit_group_and_cost(self, whole: Document) -> None:
        for name, operation in described(whole).items():
            limit = operation[EXTENSION]
            assert limit["group"] in set(LimitGroup), name
            assert limit["cost"] >= 1, name

    def test_an_operation_says_that_it_needs_a_token_where_it_may_answer_401(
        self, whole: Document
    ) -> None:
        guarded = {n for n, each in described(whole).items() if each.get("security")}
        refusing = {n for n, each in described(whole).items() if "401" in each["responses"]}
        assert guarded
        # These take what proves who is calling in their body.
        by_body = (
            "/webapp/login",
            "/webapp/login/second-factor",
            "/webapp/login/second-factor/passkey-options",
            "/webapp/login/passkey",
            "/webapp/refresh",
        )
        assert guarded == refusing - {n for n in refusing if n.endswith(by_body)}

    def test_every_operation_has_one_tag(self, whole: Document) -> None:
        assert {len(operation["tags"]) for operation in operations(whole["paths"])} == {1}


class TestWebhooks:
    @pytest.mark.parametrize("name", ["openapi.json", "v1.json", "v2.json"])
    def test_each_document_has_every_type_of_the_catalogue(
        self, documents: dict[str, Document], name: str
    ) -> None:
        told = documents[name]["webhooks"]
        assert list(told) == [each.name for each in webhooks.event_types()]
        assert {tuple(item) for item in told.values()} == {("post",)}

    def test_a_message_s_example_fits_its_schema(self, whole: Document) -> None:
        for name, item in whole["webhooks"].items():
            content = item["post"]["requestBody"]["content"]["application/json"]
            validator = OAS31Validator({**content["schema"], "components": whole["components"]})
            validator.validate(content["example"])
            assert not validator.is_valid({**content["example"], "type": "another"}), name
            assert not validator.is_valid({"type": name}), name

    def test_a_message_comes_with_the_three_headers_of_the_standard(self, whole: Document) -> None:
        for item in whole["webhooks"].values():
            found = [
                whole["components"]["parameters"][each["$ref"].rpartition("/")[2]]
                for each in item["post"]["parameters"]
            ]
            assert [(each["name"], each["in"], each["required"]) for each in found] == [
                ("webhook-id", "header", True),
                ("webhook-timestamp", "header", True),
                ("webhook-signature", "header", True),
            ]
            for each in found:
                OAS31Validator(each["schema"]).validate(each["example"])

    def test_it_says_what_each_answer_does(self, whole: Document) -> None:
        for item in whole["webhooks"].values():
            assert set(item["post"]["responses"]) == {"2XX", "410", "default"}

    def test_no_operation_id_is_a_route_s(self, whole: Document) -> None:
        both = [*operations(whole["paths"]), *operations(whole["webhooks"])]
        names = [operation["operationId"] for operation in both]
        assert len(set(names)) == len(names)
        assert [name for name in names if not (name.isidentifier() and name.islower())] == []

    def test_who_may_call_what_is_about_the_routes_only(self, whole: Document) -> None:
        assert authorization.permissions(whole) == authorization.permissions(
            {name: part for name, part in whole.items() if name != "webhooks"}
        )


class TestParts:
    def test_a_version_holds_its_own_paths_only(self, documents: dict[str, Document]) -> None:
        parts = {name: documents[f"{name}.json"]["paths"] for name in ("v1", "v2")}
        for version, paths in parts.items():
            assert paths
            assert all(path.startswith(f"/{version}/") for path in paths)
        unversioned = set(documents["openapi.json"]["paths"]) - set(parts["v1"]) - set(parts["v2"])
        assert unversioned == {
            *("/health", "/ready", "/.well-known/jwks.json"),
            "/.well-known/oauth-authorization-server",
            *("/oauth/introspect", "/oauth/revoke", "/oauth/token"),
        }

    @pytest.mark.parametrize("name", ["v1.json", "v2.json"])
    def test_a_version_holds_no_component_that_it_does_not_refer_to(
        self, documents: dict[str, Document], name: str
    ) -> None:
        text = json.dumps(documents[name])
        for section, named in documents[name]["components"].items():
            for component in named:
                if section == "securitySchemes":
                    assert f'{{"{component}": ' in text
                else:
                    assert f'"#/components/{section}/{component}"' in text


class Ticket(BaseModel):
    number: int


class Depot(BaseModel):
    tickets: list[Ticket]


bearer = OAuth2PasswordBearer(tokenUrl="v1/login", scheme_name="login")


def app_with(path: str, *, name: str, model: type[BaseModel] = Depot, **options: Any) -> Document:
    """Return the document of an application of one route."""
    app = FastAPI()

    async def answer() -> None:
        """Answer."""

    app.get(path, name=name, operation_id=name, response_model=model, **options)(answer)
    return app.openapi()


class TestMerge:
    def test_the_whole_has_the_paths_and_components_of_all(self) -> None:
        whole = merge(
            [
                app_with("/v2/depots", name="v2_depots"),
                app_with("/v1/tickets", name="v1_tickets", model=Ticket),
            ]
        )
        assert set(whole["paths"]) == {"/v1/tickets", "/v2/depots"}
        assert list(whole["components"]["schemas"]) == ["Depot", "Ticket"]

    def test_the_newest_version_comes_first_and_what_has_none_last(self) -> None:
        paths = ["/health", "/v1/b", "/v10/a", "/v2/c", "/v1/a"]
        whole = merge([app_with(path, name=f"id{path}".replace("/", "_")) for path in paths])
        assert list(whole["paths"]) == ["/v10/a", "/v2/c", "/v1/a", "/v1/b", "/health"]

    def test_one_name_for_two_schemas_is_refused(self) -> None:
        other = type("Ticket", (BaseModel,), {"__annotations__": {"title": str}})
        first = app_with("/a", name="a", model=Ticket)
        with pytest.raises(ValueError, match="describe 'Ticket' differently"):
            merge([first, app_with("/b", name="b", model=other)])

    def test_one_path_of_two_functions_is_refused(self) -> None:
        with pytest.raises(ValueError, match="describe '/a' differently"):
            merge([app_with("/a", name="a"), app_with("/a", name="b")])

    def test_an_operation_id_that_two_functions_share_is_refused(self) -> None:
        with pytest.raises(ValueError, match="operationId depots"):
            merge([app_with("/a", name="depots"), app_with("/b", name="depots")])

    def test_an_operation_id_that_a_route_and_a_webhook_share_is_refused(self) -> None:
        told = {"webhooks": {"a.b": {"post": {"operationId": "depots", "responses": {}}}}}
        with pytest.raises(ValueError, match="operationId depots"):
            merge([app_with("/a", name="depots"), told])

    def test_a_tag_that_nobody_described_is_refused(self) -> None:
        with pytest.raises(ValueError, match="describe the tags yard"):
            merge([app_with("/a", name="a", tags=["yard"])])


class TestSelect:
    def test_a_part_keeps_what_its_paths_refer_to_and_nothing_else(self) -> None:
        whole = merge(
            [
                app_with("/v1/tickets", name="one", model=Ticket, tags=["posts"]),
                app_with("/v2/depots", name="two", tags=["items"], dependencies=[Depends(bearer)]),
            ]
        )
        first, second = (select(whole, prefix=f"/{each}/") for each in ("v1", "v2"))
        assert first["components"] == {"schemas": {"Ticket": whole_schema(whole, "Ticket")}}
        assert set(second["components"]["schemas"]) == {"Depot", "Ticket"}
        assert set(second["components"]["securitySchemes"]) == {"login"}
        assert [tag["name"] for part in (first, second) for tag in part["tags"]] == [
            "posts",
            "items",
        ]

    def test_a_prefix_does_not_take_in_a_longer_one(self) -> None:
        whole = merge([app_with("/v1/a", name="a"), app_with("/v10/b", name="b")])
        assert list(select(whole, prefix="/v1/")["paths"]) == ["/v1/a"]

    @pytest.mark.parametrize("stage", ["", "/live"])
    def test_the_servers_of_the_whole_and_of_a_part_are_one_address(self, stage: str) -> None:
        from urllib.parse import urljoin

        whole = merge([app_with("/v1/a", name="a")])
        part = select(whole, prefix="/v1/")
        root = f"https://api.example{stage}/"
        assert urljoin(f"{root}openapi.json", whole["servers"][0]["url"]) == root
        assert urljoin(f"{root}v1/openapi.json", part["servers"][0]["url"]) == root


def whole_schema(whole: Document, name: str) -> Document:
    schema: Document = whole["components"]["schemas"][name]
    return schema


class TestCommand:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Return an empty folder that stands for the committed one, beside a small API."""
        whole = merge([app_with("/v1/a", name="a")])
        monkeypatch.setattr(openapi, "build_documents", lambda: {"openapi.json": whole})
        monkeypatch.setattr(openapi, "DOCUMENTS", tmp_path / "openapi")
        monkeypatch.setattr(authorization, "PAGE", tmp_path / "authorization.md")
        monkeypatch.setattr(webhook_documents, "PAGE", tmp_path / "webhook-events.md")
        return tmp_path / "openapi"

    def test_what_it_writes_passes_its_check(self, folder: Path) -> None:
        assert main([]) == 0
        assert json.loads((folder / "openapi.json").read_text())["paths"].keys() == {"/v1/a"}
        assert main(["--check"]) == 0

    @pytest.mark.parametrize("text", [None, "{}"])
    def test_the_check_names_what_is_missing_or_different_and_leaves_it(
        self, folder: Path, text: str | None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        if text is not None:
            folder.mkdir()
            (folder / "openapi.json").write_text(text)
        assert main(["--check"]) == 1
        assert "openapi.json is out of date: run `make openapi`" in capsys.readouterr().err
        assert not folder.exists() or (folder / "openapi.json").read_text() == text
