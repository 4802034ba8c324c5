"""No test can hang: what the settings of pytest (pyproject.toml) leave open of that.

pytest-timeout raises in a test that takes too long, and fixtures end what it began. pytest's own watch ends the process
of one that no signal reaches, but gives up at the first failure: fixtures that then hang would hang for ever.
"""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key, get_timeout_config_value


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Watch the end of fixtures anew; pytest stops it with the test."""
    limit_s = get_timeout_config_value(item.config)
    if limit_s > 0:
        faulthandler.dump_traceback_later(limit_s, exit=True, file=item.config.stash[fault_handler_stderr_fd_key])
    return (yield)
