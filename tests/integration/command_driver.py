"""Runs commands one after the other in one process, for tests that need many of them.

A request is a line of JSON on stdin: {"argv", "cwd", "given"}, the last for the command's own standard input; the
answer is one on stdout: {"code", "out", "err"}. The whole command line is run for each, from the words to the exit
code; only Python's start and the imports happen once.
"""

import io
import json
import os
import sys

from pwsops.cli import main


def carry_out(request):
    """Run one command."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    sys.argv, sys.stdin, sys.stdout, sys.stderr = request["argv"], io.StringIO(request["given"]), out, err
    os.chdir(request["cwd"])
    try:
        main()
    except SystemExit as ended:
        return {"code": ended.code, "out": out.buffer.getvalue().decode(), "err": err.buffer.getvalue().decode()}


if __name__ == "__main__":
    requests = sys.stdin
    # What is written to descriptor 1 behind Python's back must not end up among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in requests:
        answers.write(json.dumps(carry_out(json.loads(line))) + "\n")
        answers.flush()
