"""AWS's own limits, named once.

Sources: "Amazon API Gateway quotas for REST APIs" and "Lambda quotas" in the AWS documentation.
"""

GATEWAY_TIMEOUT_S = 29
"""Longest integration of a REST API, in seconds, before the gateway answers 504."""

GATEWAY_PAYLOAD_BYTES = 10 * 1024 * 1024
"""Largest request body that a REST API accepts, in bytes (413 above it)."""

GATEWAY_HEADER_BYTES = 10_240
"""Largest request line and header values, together, that a REST API accepts, in bytes."""

LAMBDA_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Largest request or response of a synchronous Lambda invocation, in bytes."""

LAMBDA_TIMEOUT_S = 900
"""Longest run of a Lambda function, in seconds."""

DEPLOYMENT_STEP_TIMEOUT_S = 840
"""Longest run of a function that a deployment waits for, in seconds.

Another Lambda function waits for it, and needs some of its own 900 to report the end.
"""

LAMBDA_MEMORY_MB = range(128, 10_240 + 1)
"""Memory that a Lambda function may have, in MB."""

FUNCTION_NAME_CHARACTERS = 64
"""Longest name of a Lambda function, prefix of the deployment included."""
