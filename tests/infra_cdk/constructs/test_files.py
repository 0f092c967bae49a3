"""The bucket is private, its files end by themselves, and pages reach it by links alone."""

from tests.infra_cdk.templates import Template, as_list, deployed, of_type, spell, the_only

BUCKET = "AWS::S3::Bucket"


class TestBucket:
    def test_nothing_in_it_can_be_made_public(self, template: Template) -> None:
        properties = the_only(template, BUCKET)
        assert properties["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        (ownership,) = properties["OwnershipControls"]["Rules"]
        assert ownership == {"ObjectOwnership": "BucketOwnerEnforced"}

    def test_what_is_stored_is_encrypted(self, template: Template) -> None:
        encryption = the_only(template, BUCKET)["BucketEncryption"]
        (rule,) = encryption["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}

    def test_its_policy_admits_nobody_and_refuses_what_is_not_tls_1_2(
        self, template: Template
    ) -> None:
        policy = the_only(template, "AWS::S3::BucketPolicy")["PolicyDocument"]
        conditions = [each["Condition"] for each in policy["Statement"]]
        assert {each["Effect"] for each in policy["Statement"]} == {"Deny"}
        assert {"Bool": {"aws:SecureTransport": "false"}} in conditions
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in conditions
        for each in policy["Statement"]:
            assert {spell(template, r) for r in as_list(each["Resource"])} == {
                "{Files/Bucket.Arn}",
                "{Files/Bucket.Arn}/*",
            }

    def test_a_file_that_is_deleted_is_gone(self, template: Template) -> None:
        assert "VersioningConfiguration" not in the_only(template, BUCKET)

    def test_functions_are_told_its_name(self, template: Template) -> None:
        function = deployed(template)["functions.api.webapp.handler.handler"]
        variables = function["Properties"]["Environment"]["Variables"]
        assert spell(template, variables["FILES_BUCKET"]) == "{Files/Bucket}"

    def test_it_outlives_the_stack_in_production_alone(
        self, template: Template, production: Template
    ) -> None:
        for found, policy in ((template, "Delete"), (production, "Retain")):
            (bucket,) = of_type(found, BUCKET).values()
            assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == policy


class TestLifecycle:
    def test_uploads_end_after_a_day_and_exports_after_a_week(self, template: Template) -> None:
        rules = the_only(template, BUCKET)["LifecycleConfiguration"]["Rules"]
        kept = {each["Prefix"]: each["ExpirationInDays"] for each in rules if "Prefix" in each}
        assert kept == {"uploads/": 1, "exports/": 7}
        assert {each["Status"] for each in rules} == {"Enabled"}

    def test_parts_of_an_upload_that_nobody_ended_go_after_a_day(self, template: Template) -> None:
        rules = the_only(template, BUCKET)["LifecycleConfiguration"]["Rules"]
        (aborting,) = [each for each in rules if "AbortIncompleteMultipartUpload" in each]
        assert aborting["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert "Prefix" not in aborting


class TestCrossOrigin:
    def test_pages_of_the_allowed_origins_may_put_and_get(self, production: Template) -> None:
        (rule,) = the_only(production, BUCKET)["CorsConfiguration"]["CorsRules"]
        assert rule["AllowedOrigins"] == ["https://app.example.com", "https://admin.example.com"]
        assert sorted(rule["AllowedMethods"]) == ["GET", "PUT"]

    def test_without_origins_no_page_may(self, template: Template) -> None:
        assert "CorsConfiguration" not in the_only(template, BUCKET)
