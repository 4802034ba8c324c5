"""Options that several commands have, written once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

Command = Callable[..., None]


def with_options(options: Mapping[str, Any]) -> Callable[[Command], Command]:
    """Return what adds options to a command, in place of its `**given`, which receives those that were used.

    Parameters
    ----------
    options
        The annotation of each, by the name of its parameter; an option that is not used is None.
    """

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in options.items()
        ]

        @functools.wraps(command)
        def wrapper(**values: Any) -> None:
            given = {name: values.pop(name) for name in options}
            command(**values, **{name: value for name, value in given.items() if value not in (None, [])})

        vars(wrapper)["__signature__"] = signature.replace(parameters=[*own, *added])
        return wrapper

    return decorate
