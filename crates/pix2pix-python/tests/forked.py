"""Forked processes, which do not have the threads of their parent."""

import multiprocessing
from collections.abc import Callable
from typing import Any

import pytest


def in_a_fork(work: Callable[[], Any]) -> Any:
    """What a forked process returns."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("processes do not fork here")
    fork = multiprocessing.get_context("fork")
    ours, its = fork.Pipe(duplex=False)
    process = fork.Process(target=lambda: its.send(work()))
    process.start()
    its.close()
    try:
        assert ours.poll(60), "the forked process waits for threads that it does not have"
        return ours.recv()
    finally:
        process.kill()
        process.join()
