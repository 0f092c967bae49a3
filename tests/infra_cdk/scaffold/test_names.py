"""A name that would not do is refused in one line."""

import keyword

import pytest

from infra_cdk.registry import registry
from infra_cdk.scaffold.names import Name, ScaffoldError, checked_name
from shared.manifest.function import Function
from shared.manifest.triggers import Invoke

LONGEST = "a" * 42


class TestName:
    def test_it_has_the_forms_that_are_needed(self) -> None:
        name = Name("resize_2_photos")
        assert (name.kebab, name.camel) == ("resize-2-photos", "Resize2Photos")


class TestCheckedName:
    @pytest.mark.parametrize("given", ["a", "prune_carts", "resize_2_photos", LONGEST])
    def test_a_good_name_is_taken(self, given: str) -> None:
        name = checked_name(given)
        assert name == Name(given)
        assert Function(name=name.kebab, triggers=(Invoke(),)).name == name.kebab

    @pytest.mark.parametrize(
        "given",
        [
            "",
            "PruneCarts",
            "prune-carts",
            "prune carts",
            "_prune",
            "prune_",
            "prune__carts",
            "2_photos",
            "prüne",
            "prune\n",
            "../prune",
            "prune.carts",
            "${name}",
        ],
    )
    def test_what_is_not_snake_case_is_refused(self, given: str) -> None:
        with pytest.raises(ScaffoldError, match="is not snake_case"):
            checked_name(given)

    @pytest.mark.parametrize("given", ["tables", "helpers", "utils", "mail_dead", *keyword.kwlist])
    def test_a_reserved_name_is_refused(self, given: str) -> None:
        with pytest.raises(ScaffoldError, match=r"reserved|snake_case"):
            checked_name(given)

    def test_a_name_that_is_too_long_for_aws_is_refused(self) -> None:
        with pytest.raises(ScaffoldError, match="too long for AWS"):
            checked_name(LONGEST + "a")

    @pytest.mark.parametrize("taken", [each.spec.name for each in registry()])
    def test_a_name_that_a_function_has_is_refused(self, taken: str) -> None:
        with pytest.raises(ScaffoldError, match=r"already|reserved"):
            checked_name(taken.replace("-", "_"))
