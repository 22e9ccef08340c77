"""bitbake's engine (package `bb`) on meta-spinewatch and the stand-ins: opens a machine's configuration, parses its recipes.

Takes in a machine's name, hands on data stores of recipes. Starts no server, fetches nothing, writes into a folder of its own.
"""

import contextlib
import logging
import os
import pathlib
import sys
import tempfile
import types

HERE = pathlib.Path(__file__).resolve().parent
LAYER = HERE.parent / "meta-spinewatch"
SOURCE = HERE.parent.parent
MACHINES = sorted(p.stem for p in (LAYER / "conf/machine").glob("spinewatch-*.conf"))


def without_servers():
    """The package `bitbake-setup` holds the engine, not its two servers, whose clients it imports; nothing asks them here."""
    for name in ("hashserv", "hashserv.client", "prserv", "prserv.serv"):
        try:
            __import__(name)
        except ModuleNotFoundError:
            sys.modules[name] = types.ModuleType(name)


without_servers()
import bb.build  # noqa: E402
import bb.codeparser  # noqa: E402
import bb.cooker  # noqa: E402
import bb.cookerdata  # noqa: E402
import bb.fetch2  # noqa: E402
import bb.server.process  # noqa: E402

bb.server.process.serverlog = lambda message: None


def need(condition, words):
    """Fails with words where a condition does not hold."""
    if not condition:
        sys.exit(f"yocto/check: {words}")


class Complaints(logging.Handler):
    """Collects what bitbake warns of or worse: here, a warning fails."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []
        logging.getLogger("BitBake").addHandler(self)

    def emit(self, record):
        self.lines.append(record.getMessage())


class Machine:
    """One machine's build folder, made of two layers: ours and the stand-ins."""

    def __init__(self, folder, name, settings=""):
        conf = folder / "conf"
        conf.mkdir(parents=True)
        layers = f"{HERE / 'standin'} {LAYER}"
        (conf / "bblayers.conf").write_text(f'BBPATH = "${{TOPDIR}}"\nBBFILES ?= ""\nBBLAYERS = "{layers}"\n')
        (conf / "local.conf").write_text(f'MACHINE = "{name}"\nDISTRO = "spinewatch"\n{settings}')
        os.environ["BBPATH"] = str(folder)
        os.chdir(folder)
        self.cooker = bb.cooker.BBCooker()
        self.cooker.configuration.env = dict(os.environ)
        self.cooker.initConfigurationData()
        self.data = self.cooker.data
        bb.parse.init_parser(self.data)
        bb.fetch2.fetcher_init(self.data)
        # LAYERDEPENDS, and the order of layers
        self.cooker.parseConfiguration()
        self.files = self.cooker.collections[""]
        self.recipes = self.files.collect_bbfiles(self.data, self.data)[0]

    def parsed(self):
        """(file, variant, data store) of every recipe of every layer, appends applied."""
        for file in self.recipes:
            layer = self.files.calc_bbfile_priority(file)[2]
            stores = self.cooker.databuilder.parseRecipeVariants(file, self.files.get_file_appends(file), layername=layer)
            for variant, d in stores.items():
                reason = d.getVar("__SKIPPED", False)
                if reason:
                    raise RuntimeError(f"{file}: skipped: {reason}")
                yield pathlib.Path(file), variant, d

    def unused_appends(self):
        """Appends that no recipe takes: a recipe was renamed, or its layer is not there."""
        used = {append for file in self.recipes for append in self.files.get_file_appends(file)}
        return sorted(append for _, append in self.files.bbappends if append not in used)


def own(file):
    """Whether a recipe is of our layer, not a stand-in."""
    return LAYER in file.parents


def functions(d):
    """Reads the shell and the Python of every task with bitbake's own parsers, as it does for signatures; returns how many."""
    tasks, *_ = bb.data.generate_dependencies(d, set())
    return len(tasks)


def run(task, d):
    """Runs one task's function of a recipe with bitbake's own executor; what it says is shown only where it fails."""
    for folder in ("T", "WORKDIR", "S", "B", "D"):
        bb.utils.mkdirhier(d.getVar(folder))
    for folder in (d.getVarFlag(task, "cleandirs") or "").split() + (d.getVarFlag(task, "dirs") or "").split():
        bb.utils.mkdirhier(d.expand(folder))
    with tempfile.TemporaryFile("w+") as said, quiet(said):
        try:
            bb.build.exec_func(task, d)
        except (bb.BBHandledException, bb.process.ExecutionError) as error:
            said.seek(0)
            raise RuntimeError(f"{d.getVar('PN')}: {task}: {said.read()}") from error


@contextlib.contextmanager
def quiet(file):
    """Standard output and error of this process and its children into a file."""
    kept = [os.dup(1), os.dup(2)]
    sys.stdout.flush()
    try:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stdout.flush()
        for number, descriptor in zip((1, 2), kept):
            os.dup2(descriptor, number)
            os.close(descriptor)
