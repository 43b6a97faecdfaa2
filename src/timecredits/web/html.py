"""Plain pages for the few things that a browser may open here: no script, one small style sheet inside."""

import base64
import hashlib
from html import escape

from fastapi.responses import HTMLResponse

_STYLE = (
    "body{font:1.1875rem/1.5 system-ui,sans-serif;max-width:44rem;margin:0 auto;padding:1rem;color:#212b32}"
    "a{color:#005eb8}a:focus{outline:4px solid #ffeb3b;color:#212b32}code{overflow-wrap:anywhere}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"


def page(title: str, body: str) -> HTMLResponse:
    """Make a page of a title, which is escaped here, and a body, which is HTML."""
    return HTMLResponse(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} - Time Credits</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>",
        headers={"Content-Security-Policy": _POLICY},
    )
