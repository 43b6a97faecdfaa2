"""The description of the API: FastAPI's own, with the problems that each route may answer."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from timecredits.web.schemas import Problem

_REF = "#/components/schemas/{model}"
_EVERYWHERE = (400, 401, 403, 404, 409, 413, 422, 429, 503)
_ON_EDITS = (412, 428)


class Api(FastAPI):
    """FastAPI that describes problems as they are."""

    def openapi(self) -> dict[str, Any]:
        """Describe the API. Every route under /v1 may answer with a problem."""
        if self.openapi_schema:
            return self.openapi_schema
        described = super().openapi()
        for path, operations in described["paths"].items():
            for method, operation in operations.items():
                if path.startswith("/v1"):
                    operation["responses"] |= problem_responses(*_EVERYWHERE, *_ON_EDITS * (method == "patch"))
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        problem = Problem.model_json_schema(ref_template=_REF)
        schemas |= problem.pop("$defs") | {"Problem": problem}
        return described


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the answers with these statuses as problems."""
    content = {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}}
    return {str(status): {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)}
