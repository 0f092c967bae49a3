"""Who may make API keys, and that paths with keys stand in the stack: no function of ours need do so."""

from dataclasses import replace

import pytest

from infra_cdk.registry import Registered, registry
from shared.manifest.function import Need
from shared.manifest.triggers import Http
from tests.infra_cdk.constructs.test_function import BY_NEED, permissions, role_of
from tests.infra_cdk.templates import Template, deployed, keys_wanted, statements_of

pytestmark = pytest.mark.xdist_group("cdk")

PATH = "/v1/keyed/{proxy+}"


def keyed() -> Registered:
    """A function of the registry, with an API key on its path and the need to make some."""
    first = next(
        each for each in registry() if each.spec.http and Need.CACHE not in each.spec.needs
    )
    needs = first.spec.needs | {Need.GATEWAY_KEYS}
    return replace(
        first, spec=replace(first.spec, triggers=(Http(PATH, api_key=True),), needs=needs)
    )


@pytest.fixture(scope="module")
def with_keys(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The whole stack with that function in it, checked by cdk-nag."""
    import infra_cdk.stacks.service
    from infra_cdk.app import build_app

    changed = keyed()
    functions = [changed if each.handler == changed.handler else each for each in registry()]
    context: dict[str, object] = {"bundles": "none", "environment": "staging"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(infra_cdk.stacks.service, "registry", lambda: functions)
        app = build_app(outdir=tmp_path_factory.mktemp("keyed"), context=context)
    template: Template = app.synth().get_stack_by_name("switchyard-staging").template
    return template


class TestPaths:
    def test_a_key_is_asked_for_there_and_nowhere_else(self, with_keys: Template) -> None:
        declared = {http.path for each in registry() for http in each.spec.http if http.api_key}
        asked = {path for path, wanted in keys_wanted(with_keys).items() if wanted}
        assert asked == {PATH} | declared


class TestStatements:
    def test_they_are_those_that_the_adapter_needs(self, with_keys: Template) -> None:
        allowed = permissions(with_keys, statements_of(role_of(with_keys, keyed())))
        about_keys = {each for each in allowed if each[1].startswith("apigateway:")}
        assert about_keys == {
            ("Allow", action, resource)
            for actions, resource in BY_NEED[Need.GATEWAY_KEYS]
            for action in actions
        }

    def test_nobody_else_has_them(self, template: Template) -> None:
        for each in registry():
            granted = [
                a for _, a, _ in permissions(template, statements_of(role_of(template, each)))
            ]
            has = any(action.startswith("apigateway:") for action in granted)
            assert has == (Need.GATEWAY_KEYS in each.spec.needs)


class TestVariables:
    def test_the_prefix_is_that_of_the_plans(self, with_keys: Template) -> None:
        properties = deployed(with_keys)[keyed().handler]["Properties"]
        assert properties["Environment"]["Variables"]["GATEWAY_PREFIX"] == "switchyard-staging-"
        assert "VpcConfig" not in properties
