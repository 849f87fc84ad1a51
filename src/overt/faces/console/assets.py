"""The console's built files: read once at the start, given with their hash, so that browsers ask once."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from overt.faces.http.asking import Asked
from overt.faces.http.problems import NotFound
from overt.ports import Unavailable

KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
STATIC = Path(__file__).parent / "static"  # where `make console` puts them
NEEDED = ("console.js", "console.css", "theme.js", "mark.svg")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its bytes, its type, its entity tag."""

    content: bytes
    kind: str
    tag: str


def read_assets(folder: Path) -> Mapping[str, Asset]:
    """Return every built file by its path below the folder. Raises Unavailable when the console was not built."""
    missing = [name for name in NEEDED if not (folder / name).exists()]
    if missing:
        why = f"the console's browser files are not built ({', '.join(missing)}): run `make console`"
        raise Unavailable("console", why, retry=False)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".map"]
    return {str(path.relative_to(folder)): _asset(path) for path in files}


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    kind = KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


@get("/static/{name:path}", include_in_schema=False, sync_to_thread=False)
def give_asset(request: Asked, name: FromPath[str]) -> Response[bytes]:
    """One built file; for good where its address changes with its content, else 304 when the browser has it already."""
    assets: Mapping[str, Asset] = request.app.state.assets
    asset = assets.get(name.removeprefix("/"))
    if asset is None:
        raise NotFound("There is no such file.")
    lasting = "v" in request.query_params or name.startswith("/fonts/")
    headers = {"etag": asset.tag, "cache-control": "public, max-age=31536000, immutable" if lasting else "no-cache"}
    if asset.tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.kind, headers=headers)


ASSETS: list[Any] = [give_asset]
