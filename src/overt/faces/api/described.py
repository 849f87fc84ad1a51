"""Describing what a query may ask, for OpenAPI: the handlers read the query themselves, with errors in our words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Parameter, RequestBody, Schema


def asks(name: str, meaning: str, example: str = "") -> Parameter:
    """One thing that a query may ask."""
    words = meaning + (f" Such as `{example}`." if example else "")
    return Parameter(
        name=name, param_in="query", description=words, required=False, schema=Schema(type=OpenAPIType.STRING)
    )


def asking(*parameters: Parameter) -> type[Operation]:
    """The description of a route whose query may ask these."""

    @dataclass
    class Asking(Operation):
        """A route with a query."""

        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or ()), *parameters]

    return Asking


def sending(meaning: str, *media: str) -> Callable[..., type[Operation]]:
    """The description of a route whose body is a text of one of these media types, and whose query may ask further things."""

    def with_query(*parameters: Parameter) -> type[Operation]:
        @dataclass
        class Sending(Operation):
            """A route with a text as its body."""

            def __post_init__(self) -> None:
                self.parameters = [*(self.parameters or ()), *parameters]
                text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
                self.request_body = RequestBody(dict.fromkeys(media, text), meaning, required=True)

        return Sending

    return with_query
