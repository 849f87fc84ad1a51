"""`overt demo`."""


def demo() -> None: ...
