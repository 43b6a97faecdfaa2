"""A page for every problem: what happened, and what to do."""

import re
from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from timecredits.errors import NotFound
from timecredits.web.html import page
from timecredits.web.problems import all_problems

router = APIRouter(prefix="/problems", include_in_schema=False)


@router.get("")
async def list_problems() -> HTMLResponse:
    """List the problems that an answer may name."""
    rows = "".join(
        f'<li><a href="/problems/{code}">{escape(kind.title)}</a> <code>{code}</code>, {status}</li>'
        for code, (status, kind) in all_problems().items()
    )
    return page(
        "Problems", f"<p>What an answer of this service may say when something cannot be done.</p><ul>{rows}</ul>"
    )


@router.get("/{code}")
async def explain_problem(code: str) -> HTMLResponse:
    """Explain one problem."""
    if code not in all_problems():
        raise NotFound
    status, kind = all_problems()[code]
    words = re.sub(r"\{(\w+)\}", r"(\1)", kind.words)
    return page(
        kind.title,
        f"<h2>What happened</h2><p>{escape(words)}</p><h2>What to do</h2><p>{_code(escape(kind.explanation))}</p>"
        f"<p>In the API: status {status}, code <code>{code}</code>.</p><p><a href='/problems'>All problems</a></p>",
    )


def _code(text: str) -> str:
    """Show what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
