"""AWS Secrets Manager."""

from functools import cache


@cache
def read_secret(secret_id: str) -> str:
    """Return a secret's text, read once per process. `secret_id` is its name or ARN.

    Blocks. Raises botocore's ClientError where the secret cannot be read.
    """
    import boto3

    value: str = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)["SecretString"]
    return value
