"""Problem details (RFC 9457): what was refused or went wrong, for a program by its stable code and figures, for a person in
words of the language that it asked in.

    type      /problems/CODE; relative, so that it stays what it is wherever this is served
    status    what HTTP says of it
    code      stable; that of the error, or `refused` with the `control` that refused
    detail    in words: field, value, what would be right, who could allow it
    written   whether anything was written: false, or null where that is not known and asking again with the key tells
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ringfence.api.visitor import language_of
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger import Refusal
from ringfence.money import render, unit

MEDIA_TYPE = "application/problem+json"
# What is not here is 400: the asker gave something that cannot be used.
_STATUS = {
    "not-known": 401,
    "no-power": 403,
    "letter-refused": 403,
    "not-yours": 403,
    "wish-closed": 409,
    "not-found": 404,
    "not-here": 404,
    "refused": 422,
    "not-signed": 422,
    "key-taken": 422,
    "step-refused": 409,
    "check-failed": 422,
    "too-large": 413,
    "too-slow": 408,
    "too-often": 429,
    "store-unreachable": 503,
    "unanswered": 503,
    "desk-full": 503,
    "desk-closed": 503,
    "no-answer": 503,
    "report-refused": 503,
    "take-over-refused": 503,
    "failed": 500,
}
_TITLES: dict[str, dict[Language, str]] = {
    "bad-input": {"en": "Cannot be used", "zh": "输入不可用"},
    "not-known": {"en": "Not known", "zh": "未登录"},
    "no-power": {"en": "No power to do that", "zh": "无权动用"},
    "not-yours": {"en": "Another person's to do", "zh": "由他人办理"},
    "wish-closed": {"en": "Not open any more", "zh": "已办结"},
    "unknown-account": {"en": "No such account", "zh": "无此账户"},
    "not-found": {"en": "Not here", "zh": "不存在"},
    "letter-refused": {"en": "Letter not acted upon", "zh": "函件不予受理"},
    "not-here": {"en": "Not served here", "zh": "不在此处服务"},
    "no-answer": {"en": "An institution does not answer", "zh": "对方机构没有应答"},
    "report-refused": {"en": "A bank's report cannot be", "zh": "银行报告不能成立"},
    "take-over-refused": {"en": "A bank's posting cannot be booked", "zh": "银行记账无法接收"},
    "refused": {"en": "Refused by the ledger", "zh": "账本拒绝"},
    "not-signed": {"en": "Not signed", "zh": "签名无效"},
    "key-taken": {"en": "Used before", "zh": "已使用"},
    "step-refused": {"en": "Not now, or not by you", "zh": "此时或由您办理均不可"},
    "check-failed": {"en": "Does not pass the checks", "zh": "未通过检查"},
    "too-large": {"en": "Too large", "zh": "内容过大"},
    "too-slow": {"en": "Too slow", "zh": "发送过慢"},
    "too-often": {"en": "Too often", "zh": "请求过于频繁"},
    "store-unreachable": {"en": "The database does not answer", "zh": "数据库没有应答"},
    "unanswered": {"en": "No answer from the database", "zh": "数据库未答复"},
    "desk-full": {"en": "Too many at once", "zh": "请求过多"},
    "desk-closed": {"en": "Closing", "zh": "正在关闭"},
    "method-not-allowed": {"en": "No such method here", "zh": "不支持该方法"},
    "failed": {"en": "Failed", "zh": "处理失败"},
}
_FAILED: dict[Language, str] = {
    "en": "this was not foreseen; nothing is known to be written; ask again with the same key, which never posts twice",
    "zh": "出现未预料的情况;不确定是否已写入;请用同一键重试,同一键不会重复记账",
}
# What pydantic finds wrong, in our words; whatever is not here keeps its own.
_EXPECTED: dict[str, dict[Language, str]] = {
    "missing": {"en": "a value: it is needed", "zh": "必填"},
    "string_type": {"en": "text", "zh": "文本"},
    "string_unicode": {"en": "text without half characters", "zh": "不含残缺字符的文本"},
    "string_too_short": {"en": "at least {min_length} characters", "zh": "至少 {min_length} 个字符"},
    "string_too_long": {"en": "at most {max_length} characters", "zh": "至多 {max_length} 个字符"},
    "string_pattern_mismatch": {"en": "text of the form {pattern}", "zh": "符合 {pattern} 的文本"},
    "int_parsing": {"en": "a whole number", "zh": "整数"},
    "int_type": {"en": "a whole number", "zh": "整数"},
    "int_parsing_size": {"en": "a smaller whole number", "zh": "较小的整数"},
    "greater_than_equal": {"en": "{ge} or more", "zh": "不小于 {ge}"},
    "less_than_equal": {"en": "{le} or less", "zh": "不大于 {le}"},
    "extra_forbidden": {"en": "no such field", "zh": "无此字段"},
    "json_invalid": {"en": "JSON", "zh": "JSON"},
    "model_attributes_type": {"en": "a JSON object", "zh": "JSON 对象"},
    "dict_type": {"en": "a JSON object", "zh": "JSON 对象"},
    "date_from_datetime_parsing": {"en": "a day such as 2020-03-16", "zh": "日期,如 2020-03-16"},
    "date_parsing": {"en": "a day such as 2020-03-16", "zh": "日期,如 2020-03-16"},
    "date_from_datetime_inexact": {"en": "a day such as 2020-03-16", "zh": "日期,如 2020-03-16"},
    "enum": {"en": "one of {expected}", "zh": "{expected} 之一"},
    "literal_error": {"en": "one of {expected}", "zh": "{expected} 之一"},
}
STATUSES = {
    400: "Something given cannot be used: field, value, what would be right.",
    401: "Nobody is known by that token, name or password.",
    403: "The asker's role has no such call, and nobody can grant it; or a letter is not acted upon, and why.",
    404: "There is no such thing, or none that the asker may know of, or it is served elsewhere.",
    409: "Not now, or not by this person.",
    408: "The body took more than ten seconds to come.",
    413: "The body is too large.",
    422: "The ledger refused: by which control, and what it saw.",
    429: "Asked too often: again in so many seconds.",
    503: "The database or another institution does not answer: what did not happen, and the key to ask again with.",
}
SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457, with the figures that explain it.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "written"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": [*_TITLES]},
        "detail": {"type": "string"},
        "written": {"type": ["boolean", "null"]},
        "field": {"type": "string"},
        "value": {},
        "expected": {"type": "string"},
        "control": {"type": "string"},
        "seen": {"type": "string"},
        "key": {"type": ["string", "null"]},
    },
}
LARGEST_BODY_BYTES = 64 * 1024
_LONGEST_SHOWN = 100

_log = logging.getLogger(__name__)


class RefusedByLedger(RingfenceError):
    """The ledger refused what was asked for under `key`: `refusal`; `said` calls persons as people do."""

    code = "refused"

    def __init__(self, refusal: Refusal, key: str, said: Callable[[str], str] = str) -> None:
        super().__init__(refusal=refusal, key=key)
        self.refusal = refusal
        self.key = key
        self._said = said

    def text(self, language: Language = "en") -> str:
        """As the ledger says it."""
        return self._said(self.refusal.text(language))


class TooSlow(RingfenceError):
    """A body that did not come within ten seconds."""

    code = "too-slow"
    template: ClassVar[dict[Language, str]] = {
        "en": "the body did not come within ten seconds; nothing was done",
        "zh": "请求体未在十秒内送达;未作任何处理",
    }


class TooLarge(RingfenceError):
    """A body of more than `most` bytes."""

    code = "too-large"
    template: ClassVar[dict[Language, str]] = {
        "en": "the body has more than {most} bytes",
        "zh": "请求体超过 {most} 字节",
    }


def problem(error: RingfenceError, language: Language, key: str | None = None) -> JSONResponse:
    """The problem details of an error; `key` is that of the request, to ask again with."""
    extra: dict[str, Any] = {}
    if isinstance(error, RefusedByLedger):
        extra = {"control": error.refusal.control.name.lower(), **_figures(error.refusal), "key": error.key}
    elif isinstance(error, BadInput):
        extra = {name: _shown(value) for name, value in error.figures.items()}
    else:
        extra = {name: _shown(value) for name, value in error.figures.items() if name not in ("detail", "where")}
    status = _STATUS.get(error.code, 400)
    if status >= 500 and key:
        extra["key"] = key
    extra["written"] = None if error.code == "unanswered" else False
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}.get(status, {})
    if status == 429:
        headers = {"Retry-After": str(error.figures["seconds"])}
    # Where the database is, is not for whoever asks.
    said = error.text(language) if error.code != "store-unreachable" else _TITLES[error.code][language]
    return _response(status, error.code, said, language, extra, headers)


def _figures(refusal: Refusal) -> dict[str, Any]:
    asked = refusal.instruction
    return {
        "route": asked.route,
        "subject": asked.subject,
        "amount": render(asked.amount_minor, unit(refusal.unit)),
        "unit": refusal.unit,
        "seen": refusal.seen,
        "grant": refusal.grant.id if refusal.grant else None,
    }


def _response(
    status: int, code: str, detail: str, language: Language, extra: Mapping[str, Any], headers: Mapping[str, str]
) -> JSONResponse:
    title = _TITLES.get(code, _TITLES["bad-input"])[language]
    body = {"type": f"/problems/{code}", "title": title, "status": status, "code": code, "detail": detail, **extra}
    return JSONResponse(body, status, {**headers, "Content-Language": language}, MEDIA_TYPE)


def _shown(value: object) -> Any:
    if isinstance(value, str):
        shown = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}... ({len(value):,} characters)"
        return shown.encode("utf-8", "replace").decode()
    return value if isinstance(value, int | bool | None) else str(value)


def install(app: FastAPI) -> None:
    """Let every error that `app` meets become problem details."""

    @app.exception_handler(RingfenceError)
    async def _(request: Request, error: RingfenceError) -> JSONResponse:
        return problem(error, language_of(request), request.headers.get("idempotency-key"))

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> JSONResponse:
        language = language_of(request)
        found = [_wrong(one, language) for one in error.errors()]
        first = found[0]
        said = BadInput(first["field"], first["value"], first["expected"]).text(language)
        return _response(400, "bad-input", said, language, {**first, "errors": found, "written": False}, {})

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        language = language_of(request)
        path = _shown(request.url.path)
        if error.status_code == 404:
            said = {"en": f"there is no {path} here; /v1/openapi.json tells what there is", "zh": f"没有 {path};可用路径见 /v1/openapi.json"}  # fmt: skip
            return _response(
                404, "not-found", said[language], language, {"field": "path", "value": path, "written": False}, {}
            )
        if error.status_code == 413:
            return problem(TooLarge(most=LARGEST_BODY_BYTES), language)
        if error.status_code == 408:
            return problem(TooSlow(), language)
        code = "method-not-allowed" if error.status_code == 405 else "bad-input"
        extra = {"field": "method", "value": request.method, "written": False}
        return _response(error.status_code, code, str(error.detail), language, extra, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> JSONResponse:
        _log.exception("not foreseen: %s %s", request.method, request.url.path, exc_info=error)
        language = language_of(request)
        extra = {"key": request.headers.get("idempotency-key"), "written": None}
        return _response(500, "failed", _FAILED[language], language, extra, {})


def _wrong(one: Mapping[str, Any], language: Language) -> dict[str, Any]:
    words = _EXPECTED.get(str(one["type"]))
    expected = words[language].format(**one.get("ctx", {})) if words else str(one["msg"])
    place = [str(part) for part in one["loc"]]
    value = None if one["type"] == "missing" else _shown(one.get("input"))
    return {"field": ".".join(place[1:]) or place[0], "in": place[0], "value": value, "expected": expected}
