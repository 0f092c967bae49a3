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

SQS_BATCH = 10
"""Most messages of a queue that one invocation gets, without a batching window."""

SQS_BATCH_WITH_WINDOW = 10_000
"""Most messages of a queue that one invocation gets, with a batching window."""

SQS_WINDOW_S = range(300 + 1)
"""Batching window of a queue, in seconds."""

SQS_MAX_RECEIVES = range(1, 1000 + 1)
"""How often a message may be received before it is a dead letter."""

SQS_VISIBILITY_S = range(43_200 + 1)
"""How long a received message is hidden from others, in seconds."""

SQS_CONCURRENCY = range(2, 1000 + 1)
"""How many invocations at once an event source mapping of a queue may be held to."""

SQS_RETENTION_S = 1_209_600
"""Longest that a queue keeps a message, in seconds: 14 days."""

SQS_DELAY_S = 900
"""Longest delay of a message, in seconds."""

QUEUE_NAME_CHARACTERS = 80
"""Longest name of a queue, prefix of the deployment included."""

EVENT_BYTES = 256 * 1024
"""Largest entry of PutEvents, and largest request of it, in bytes."""

PUT_EVENTS_ENTRIES = 10
"""Most entries of one PutEvents request."""
