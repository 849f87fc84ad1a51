"""Our log: one line an event on standard error, as text or JSON, with nobody's number, name, key or words in it.

Every record of every library goes through `masking.mask_text`: message, fields, traceback; so do exceptions that nobody
catches. In JSON `event` is the sentence before its values are put in: it is the same each time, and can be searched for.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from overt.domain.masking import mask_text

FORMAT_VARIABLE = "OVERT_LOG_FORMAT"
FORMATS = ("text", "json")
FIELDS = "fields"
_log = logging.getLogger("overt.process")


class LineFormatter(logging.Formatter):
    """Formats records as masked lines. `process` is named in JSON; further values come as `extra={"fields": {…}}`."""

    def __init__(self, process: str, form: str) -> None:
        super().__init__()
        self._process, self._json = process, form == "json"

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        said, fields = mask_text(_message(record)), _masked(getattr(record, FIELDS, {}))
        trace = mask_text(self.formatException(record.exc_info)) if record.exc_info else ""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if not self._json:
            more = "".join(f" {name}={value}" for name, value in fields.items())
            return f"{at} {record.name} {said}{more}" + (f"\n{trace}" if trace else "")
        line = {
            "at": at, "level": record.levelname.lower(), "process": self._process, "pid": record.process,
            "logger": record.name, "event": mask_text(str(record.msg)), "message": said,
            **({FIELDS: fields} if fields else {}), **({"trace": trace} if trace else {}),
        }  # fmt: skip
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up_logs(process: str, form: str = "", level: int = logging.INFO) -> None:
    """Send every record of this process to standard error, masked. Ours from `level` on, others' from WARNING on.

    `form` is one of FORMATS; when it is empty, what the environment says (`overt serve` says it to its processes), else text.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(process, form or os.environ.get(FORMAT_VARIABLE, "")))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("overt").setLevel(level)
    logging.raiseExceptions = False  # a record that cannot be formatted must not be printed as it is
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _log.critical("nobody caught %s", kind.__name__, exc_info=(kind, error, trace) if error is not None else None)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} (its values do not fit)"


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {str(name): _masked(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_masked(one) for one in value]
    return value if isinstance(value, bool | int | float) or value is None else mask_text(repr(value))
