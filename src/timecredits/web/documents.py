"""The pages that describe the service: a front page, and the API by Swagger UI, whose files are served from here."""

from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from timecredits.web.html import page

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_FRONT = """
<p>This service keeps Time Credits: give an hour to your community and spend an hour; or be prescribed the first one.
It is made for other programs to use.</p>
<ul>
<li><a href="/docs">The API, to read and to try</a></li>
<li><a href="/openapi.json">Its description in OpenAPI</a></li>
<li><a href="/problems">The problems that it may answer with</a></li>
<li><a href="/readyz">Is it ready?</a></li>
</ul>
"""
_DOCS = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The API - Time Credits</title>
<link rel="stylesheet" href="/docs/files/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="api"></div>
<script src="/docs/files/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#api", deepLinking: true});'

router = APIRouter(include_in_schema=False)
files = StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static")


@router.get("/")
async def read_front_page() -> HTMLResponse:
    """Say what this is."""
    return page("Time Credits", _FRONT)


@router.get("/docs")
async def read_docs() -> HTMLResponse:
    """Show the API."""
    return HTMLResponse(_DOCS, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/start.js")
async def read_start() -> Response:
    """Start Swagger UI from a file of its own, so that no script stands in a page."""
    return Response(_START, media_type="text/javascript")
