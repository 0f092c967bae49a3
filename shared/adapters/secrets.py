"""AWS Secrets Manager."""

from functools import cache

from shared.adapters.aws import aws_client, call


@cache
def read_secret(secret_id: str) -> str:
    """Return a secret's text, read once per process. `secret_id` is its name or ARN.

    Blocks. Raises botocore's ClientError where the secret cannot be read.
    """
    value: str = aws_client("secretsmanager").get_secret_value(SecretId=secret_id)["SecretString"]
    return value


async def newest_text(secret_id: str) -> str:
    """Return a secret's text as it is now. Raises botocore's ClientError or BotoCoreError."""
    answer = await call(aws_client("secretsmanager").get_secret_value, SecretId=secret_id)
    text: str = answer["SecretString"]
    return text


async def replace_secret(secret_id: str, text: str) -> None:
    """Give a secret another text. Raises botocore's ClientError or BotoCoreError."""
    put = aws_client("secretsmanager").put_secret_value
    await call(put, SecretId=secret_id, SecretString=text)
