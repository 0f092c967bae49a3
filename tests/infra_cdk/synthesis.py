"""A stack of a test's own, for what no function of the registry asks for."""

from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.infra_cdk.templates import Template

if TYPE_CHECKING:
    from aws_cdk import Stack


def synthesised(build: Callable[["Stack"], None]) -> Template:
    """The template of a stack with what `build` adds to it; it names neither account nor Region."""
    import infra_cdk.app  # noqa: F401, I001  # tells jsii where Node is
    from aws_cdk import App, Stack

    with TemporaryDirectory() as folder:
        app = App(outdir=folder, context={"aws:cdk:enable-path-metadata": True})
        stack = Stack(app, "stack")
        build(stack)
        template: Template = app.synth().get_stack_by_name("stack").template
        return template
