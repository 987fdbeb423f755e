"""Errors in the shape that each AWS protocol's clients expect, for what moto answers with an HTML page."""

import json
from typing import Any
from xml.sax.saxutils import escape

Response = tuple[str, list[tuple[str, str]], bytes]
STATUS_LINES = {400: "400 Bad Request", 500: "500 Internal Server Error"}


def error_response(environ: dict[str, Any], status: int, code: str, message: str) -> Response:
    """(status line, headers, body) of an error, in the protocol that the request was made in."""
    content_type, body = _encoded(environ, code, message)
    headers = [("Content-Type", content_type), ("x-amzn-ErrorType", code)]
    if "HTTP_SMITHY_PROTOCOL" in environ:
        headers.append(("smithy-protocol", environ["HTTP_SMITHY_PROTOCOL"]))
    return STATUS_LINES[status], headers, body


def _encoded(environ: dict[str, Any], code: str, message: str) -> tuple[str, bytes]:
    if environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        return "application/cbor", b"\xa2" + b"".join(map(_cbor_text, ("__type", code, "message", message)))
    if "HTTP_X_AMZ_TARGET" in environ or "json" in environ.get("CONTENT_TYPE", ""):
        return "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message}).encode()
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if "/ec2/" in environ.get("HTTP_AUTHORIZATION", ""):
        xml = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>emulator</RequestID></Response>"
    else:
        fault = f"<Error><Type>Sender</Type>{inner}</Error>"
        xml = f"<ErrorResponse>{fault}<RequestId>emulator</RequestId></ErrorResponse>"
    return "text/xml", xml.encode()


def _cbor_text(text: str) -> bytes:
    """A CBOR text string of less than 64 KiB."""
    encoded = text.encode()[:0xFFFF]
    return b"\x79" + len(encoded).to_bytes(2, "big") + encoded
