"""What the peers share: the conversation by lines, and ONNX Runtime with a fixed number of threads."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path


class Missing(Exception):
    """A package that is not there; the message names the cure."""


def require(package: str):
    """Imports a package, or says how to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        cure = f"{sys.executable} -m pip install -r tests/peer/requirements.txt"
        raise Missing(f"{package} cannot be imported ({error}): `{cure}`, or name another Python with --python") from error


def session(path: Path, threads: int):
    """ONNX Runtime on the processor: so many threads, one operator after the other, no spinning."""
    runtime = require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def serve(answers: dict[str, Callable[[dict], dict]]) -> None:
    """Answers each line by the function that its key `do` names, until the input ends."""
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = answers[question["do"]](question)
        except Missing as missing:
            answer = {"error": str(missing)}
        except Exception as error:  # noqa: BLE001, whatever it is, the other side must be told
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
