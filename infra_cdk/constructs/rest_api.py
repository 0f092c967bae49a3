"""The REST API: one proxy for each declared path, problem details for the gateway's own errors."""

import json
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra_cdk.constructs.findings import accept
from infra_cdk.environments import Environment
from shared.manifest.gateway import (
    BINARY_MEDIA_TYPES,
    DEFAULT_4XX,
    DEFAULT_5XX,
    GATEWAY_RESPONSE_HEADERS,
    GATEWAY_RESPONSES,
    GatewayResponse,
    problem_of,
)
from shared.manifest.triggers import Http

STAGE = "live"

TLS_POLICY = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"
"""TLS 1.2 or 1.3 with forward secrecy. Source: AWS, "Supported security policies" of API Gateway."""

REQUESTS_PER_S = 500
"""Requests a second that the API takes in the long run, of all clients together."""

BURST = 1000
"""Requests at once before the gateway answers 429."""

ACCESS_LOG_FIELDS = {
    "requestId": "$context.requestId",
    "traceId": "$context.xrayTraceId",
    "ip": "$context.identity.sourceIp",
    # Which key it was, by its id: never its value.
    "apiKeyId": "$context.identity.apiKeyId",
    "requestTime": "$context.requestTime",
    "httpMethod": "$context.httpMethod",
    # The resource, not the path: a path may hold ids, and quotes that would break the line.
    "resourcePath": "$context.resourcePath",
    "protocol": "$context.protocol",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "responseLatency": "$context.responseLatency",
    "integrationLatency": "$context.integration.latency",
    "integrationStatus": "$context.integration.integrationStatus",
    "integrationRequestId": "$context.integration.requestId",
    "integrationError": "$context.integration.error",
    "error": "$context.error.message",
    "errorType": "$context.error.responseType",
}
"""One line for each request; `requestId` is in the application's log too.

Source: AWS, "Variables for access logging for API Gateway".
"""

_DEFAULTS = (DEFAULT_4XX, DEFAULT_5XX)

_LOGGING_POLICY = (
    "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
    "AmazonAPIGatewayPushToCloudWatchLogs]"
)


class RestApi(Construct):
    """The API with access logs, throttling and gateway responses, as yet without paths.

    With `cross_origin` a page of another origin may read the gateway's own errors.
    """

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, cross_origin: bool
    ) -> None:
        super().__init__(scope, id_)
        self._api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=f"switchyard-{environment.name}",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            binary_media_types=list(BINARY_MEDIA_TYPES),
            api_key_source_type=apigateway.ApiKeySourceType.HEADER,
            # The account's one role for API Gateway's logs. It stays when the stack goes, because
            # other APIs of the account and Region may rely on it by then.
            cloud_watch_role=True,
            deploy_options=self._stage_options(environment),
        )
        resource = self._api.node.default_child
        if not isinstance(resource, apigateway.CfnRestApi):
            raise TypeError("the API's first resource is not the API")
        resource.security_policy = TLS_POLICY
        resource.endpoint_access_mode = "STRICT"
        # The CDK's own output of the address: the stack gives it a name that can be relied on.
        self._api.node.try_remove_child("Endpoint")
        for response in (*GATEWAY_RESPONSES, *_DEFAULTS):
            self._add_response(response, cross_origin=cross_origin)
        self._keep_execution_log(environment)
        _accept_findings(self._api)

    @property
    def url(self) -> str:
        """The API's base address, with its stage and without a closing slash."""
        return self._api.url_for_path("/").removesuffix("/")

    @property
    def public_url(self) -> str:
        """The same address, known before the stage is: functions are told it, and the stage needs them."""
        stack = Stack.of(self)
        host = f"{self._api.rest_api_id}.execute-api.{stack.region}.{stack.url_suffix}"
        return f"https://{host}/{STAGE}"

    @property
    def stage(self) -> apigateway.Stage:
        """The one stage."""
        return self._api.deployment_stage

    def add_path(self, http: Http, *, function: lambda_.IFunction) -> None:
        """Send every method of a path to `function`; with an API key only, where the trigger says so."""
        resource = self._api.root.resource_for_path(http.path)
        resource.add_method(
            "ANY",
            apigateway.LambdaIntegration(function, allow_test_invoke=False),
            api_key_required=http.api_key,
        )

    def _stage_options(self, environment: Environment) -> apigateway.StageOptions:
        log = logs.LogGroup(
            self,
            "AccessLog",
            retention=environment.log_retention,
            removal_policy=environment.log_removal,
        )
        return apigateway.StageOptions(
            stage_name=STAGE,
            access_log_destination=apigateway.LogGroupLogDestination(log),
            access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG_FIELDS)),
            # Errors only, and never bodies: they hold passwords and tokens.
            logging_level=apigateway.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,
            throttling_rate_limit=REQUESTS_PER_S,
            throttling_burst_limit=BURST,
            tracing_enabled=True,
        )

    def _keep_execution_log(self, environment: Environment) -> None:
        # The gateway would make it by itself, to be kept for ever.
        log = logs.LogGroup(
            self,
            "ExecutionLog",
            log_group_name=f"API-Gateway-Execution-Logs_{self._api.rest_api_id}/{STAGE}",
            retention=environment.log_retention,
            removal_policy=environment.log_removal,
        )
        self._api.deployment_stage.node.add_dependency(log)

    def _add_response(self, response: GatewayResponse, *, cross_origin: bool) -> None:
        self._api.add_gateway_response(
            response.type,
            type=apigateway.ResponseType.of(response.type),
            # A default keeps the status that the gateway found.
            status_code=None if response in _DEFAULTS else str(response.status),
            response_headers=_headers(cross_origin=cross_origin),
            templates={"application/json": json.dumps(_body(response))},
        )


def _body(response: GatewayResponse) -> dict[str, Any]:
    problem = problem_of(response, request_id="$context.requestId")
    if response in _DEFAULTS:
        # It stands for several statuses, and RFC 9457 has the member agree with the one sent.
        del problem["status"]
    return problem


def _headers(*, cross_origin: bool) -> dict[str, str]:
    """Return the headers as API Gateway wants them: a literal in quotes, a variable without."""
    literal = dict(GATEWAY_RESPONSE_HEADERS)
    if cross_origin:
        # Any origin: these errors tell nothing, and the gateway cannot choose one from a list.
        literal["Access-Control-Allow-Origin"] = "*"
        literal["Access-Control-Expose-Headers"] = "X-Request-ID"
    quoted = {name: f"'{value}'" for name, value in literal.items()}
    return {**quoted, "X-Request-ID": "context.requestId"}


def _accept_findings(api: apigateway.RestApi) -> None:
    reasons = {
        "APIG2": "The application validates each request and names the wrong field.",
        "APIG3": "A web application firewall comes with the alarms.",
        "APIG4": "The application authenticates: bearer tokens on the routes that need them.",
        "COG4": "The application keeps its own users; there is no Cognito pool.",
        _LOGGING_POLICY: "AWS's own policy is what API Gateway's logging asks for.",
    }
    for rule, reason in reasons.items():
        accept(api, rule=rule, reason=reason)
