"""Answers that are files to keep."""

from flask import Response


def download(content: bytes, mimetype: str, name: str) -> Response:
    """A file that the browser saves as `name` (letters, digits, dashes and points)."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, mimetype=mimetype, headers=headers)
