"""The REST API: one proxy for each declared path, problem details for the gateway's own errors."""

import json

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from shared.manifest.gateway import DEFAULT_4XX, DEFAULT_5XX, GATEWAY_RESPONSES, problem_of

_DEFAULTS = (DEFAULT_4XX, DEFAULT_5XX)


def make_rest_api(scope: Construct) -> apigateway.RestApi:
    """Return the API with access logs, throttling and gateway responses, as yet without paths."""
    access = logs.LogGroup(scope, "AccessLog", retention=logs.RetentionDays.ONE_MONTH)
    api = apigateway.RestApi(
        scope,
        "Api",
        deploy_options=apigateway.StageOptions(
            stage_name="live",
            access_log_destination=apigateway.LogGroupLogDestination(access),
            access_log_format=apigateway.AccessLogFormat.json_with_standard_fields(
                caller=False,
                http_method=True,
                ip=True,
                protocol=True,
                request_time=True,
                resource_path=True,
                response_length=True,
                status=True,
                user=False,
            ),
            throttling_rate_limit=500,
            throttling_burst_limit=1000,
            tracing_enabled=True,
        ),
    )
    for response in (*GATEWAY_RESPONSES, *_DEFAULTS):
        # A default keeps the status that the gateway found.
        api.add_gateway_response(
            response.type,
            type=apigateway.ResponseType.of(response.type),
            status_code=None if response in _DEFAULTS else str(response.status),
            response_headers={"Content-Type": "'application/problem+json'"},
            templates={
                "application/json": json.dumps(
                    problem_of(response, request_id="$context.requestId")
                )
            },
        )
    return api


def add_path(api: apigateway.RestApi, *, path: str, function: lambda_.IFunction) -> None:
    """Send every method of `path` to `function`."""
    resource = api.root.resource_for_path(path)
    resource.add_method("ANY", apigateway.LambdaIntegration(function))
