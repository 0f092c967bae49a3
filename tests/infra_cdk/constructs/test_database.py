"""The database pauses when idle, answers by the Data API, and outlives mistakes in production."""

from sqlalchemy import make_url

from shared.adapters.database.dialect.dialect import register
from tests.infra_cdk.templates import Template, deployed, of_type, spell, the_only

CLUSTER = "AWS::RDS::DBCluster"


class TestCluster:
    def test_it_pauses_after_ten_idle_minutes(self, template: Template) -> None:
        scaling = the_only(template, CLUSTER)["ServerlessV2ScalingConfiguration"]
        assert scaling["MinCapacity"] == 0
        assert scaling["SecondsUntilAutoPause"] == 600

    def test_it_answers_by_the_data_api(self, template: Template) -> None:
        assert the_only(template, CLUSTER)["EnableHttpEndpoint"] is True

    def test_its_version_can_do_both(self, template: Template) -> None:
        properties = the_only(template, CLUSTER)
        major, minor = (int(part) for part in properties["EngineVersion"].split("."))
        assert properties["Engine"] == "aurora-postgresql"
        assert (major, minor) >= (17, 4)

    def test_what_is_stored_is_encrypted_and_backed_up(self, template: Template) -> None:
        properties = the_only(template, CLUSTER)
        assert properties["StorageEncrypted"] is True
        assert properties["BackupRetentionPeriod"] >= 1

    def test_its_one_instance_is_serverless_and_private(self, template: Template) -> None:
        instance = the_only(template, "AWS::RDS::DBInstance")
        assert instance["DBInstanceClass"] == "db.serverless"
        assert instance["PubliclyAccessible"] is False

    def test_its_password_is_in_no_template(self, template: Template) -> None:
        password = spell(template, the_only(template, CLUSTER)["MasterUserPassword"])
        assert password.startswith("{{resolve:secretsmanager:{Database/Cluster/Secret}:")

    def test_its_log_goes_to_a_group_that_is_there_first_and_ends(self, template: Template) -> None:
        """RDS would else make it, to be kept for ever."""
        (cluster,) = of_type(template, CLUSTER).values()
        properties = cluster["Properties"]
        assert properties["EnableCloudwatchLogsExports"] == ["postgresql"]
        name = f"/aws/rds/cluster/{properties['DBClusterIdentifier']}/postgresql"
        logs = of_type(template, "AWS::Logs::LogGroup")
        (log,) = [k for k, each in logs.items() if each["Properties"].get("LogGroupName") == name]
        assert logs[log]["Properties"]["RetentionInDays"] == 30
        assert log in cluster["DependsOn"]


class TestProduction:
    def test_it_cannot_be_deleted_by_mistake(self, production: Template) -> None:
        (cluster,) = of_type(production, CLUSTER).values()
        assert cluster["Properties"]["DeletionProtection"] is True
        assert cluster["DeletionPolicy"] == cluster["UpdateReplacePolicy"] == "Snapshot"

    def test_backups_are_kept_for_two_weeks(self, production: Template) -> None:
        assert the_only(production, CLUSTER)["BackupRetentionPeriod"] == 14

    def test_the_signing_key_outlives_the_stack(self, production: Template) -> None:
        secrets = of_type(production, "AWS::SecretsManager::Secret")
        policies = {
            spell(production, {"Ref": logical_id}): each["DeletionPolicy"]
            for logical_id, each in secrets.items()
        }
        assert policies["{SigningKey/Secret}"] == "Retain"


class TestUrl:
    def test_the_dialect_reads_the_arns_from_it_unchanged(self, template: Template) -> None:
        register()
        cluster = "arn:aws:rds:eu-west-1:123456789012:cluster:switchyard-staging"
        secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:DatabaseClusterSecretD1FB-aB1c-2dEf"
        variables = deployed(template)["functions.api.webapp.handler.handler"]["Properties"][
            "Environment"
        ]["Variables"]
        spelt = (
            spell(template, variables["DATABASE_URL"])
            .replace("{Database/Cluster/Secret/Attachment}", secret)
            .replace("{AWS::Partition}", "aws")
            .replace("{AWS::Region}", "eu-west-1")
            .replace("{AWS::AccountId}", "123456789012")
            .replace("{Database/Cluster}", "switchyard-staging")
        )
        url = make_url(spelt)
        assert url.database == "switchyard"
        assert url.query == {"resource_arn": cluster, "secret_arn": secret}
