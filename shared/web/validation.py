"""Requests that FastAPI refuses, as problem documents."""

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from shared.core import errors
from shared.core.errors import FieldError, ProblemError
from shared.web.problems import respond


async def answer_invalid_request(_: Request, exception: RequestValidationError) -> Response:
    """Answer a request that breaks a route's rules with a problem that names them."""
    return respond(problem_of_validation(exception))


def problem_of_validation(exception: RequestValidationError) -> ProblemError:
    """Return the problem that FastAPI's refusal of a request means to the caller."""
    found = exception.errors()
    if any(each["type"] == "json_invalid" for each in found):
        message = str(found[0]["ctx"]["error"])
        error = FieldError(location=("body", found[0]["loc"][-1]), code="json", message=message)
        return errors.MalformedBodyError("The request body is not valid JSON.", errors=[error])
    if _is_of_another_type(exception):
        return errors.UnsupportedMediaTypeError(
            "The request body has a content type that this route does not read: see the API's "
            "documentation. JSON bodies are sent as application/json."
        )
    return errors.ValidationFailedError(
        "The request breaks the rules that `errors` names.",
        errors=[
            FieldError(location=tuple(each["loc"]), code=each["type"], message=each["msg"])
            for each in found
        ],
    )


def _is_of_another_type(exception: RequestValidationError) -> bool:
    # FastAPI leaves a body as bytes where its type is not JSON, and finds no field in a body that is
    # no form; a form without any field is answered in the same way, which its sender can read too.
    body = exception.body
    return bool(isinstance(body, bytes) and body) or (isinstance(body, FormData) and not body)
