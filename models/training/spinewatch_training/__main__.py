"""`python -m spinewatch_training VERB ...`; `--help` lists the verbs."""

import argparse
from pathlib import Path

from . import cam_fixtures, compare, engine_fixtures, evidence, prepare, reference_networks, release, settings, train
from .settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser("spinewatch_training", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder in the RSNA layout, in place of the TOML's [data] folder")
    anywhere = argparse.ArgumentParser(add_help=False)
    anywhere.add_argument("--data", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, words in (
        ("train", "train, or go on with, the run that a TOML describes"),
        ("sensitivity", "which layers int8 harms, measured; `package` heeds it"),
        ("package", "export the run's best weights, quantise them and write the package"),
    ):
        verbs.add_parser(verb, help=words, parents=[anywhere]).add_argument("config", type=Path)
    several = verbs.add_parser("compare", help="one table of the figures of several runs, as far as they have come")
    several.add_argument("configs", type=Path, nargs="+", metavar="CONFIG")
    several.add_argument("--train", action="store_true", help="train those first that have not ended")
    words = "add the studies that the runs' cache lacks; afterwards the data may be deleted"
    prepared = verbs.add_parser("prepare", help=words, parents=[anywhere])
    prepared.add_argument("config", type=Path, nargs="+")
    both = verbs.add_parser("evidence", help="both packages over the held-out studies, one CSV line per slice")
    both.add_argument("classifier", type=Path)
    both.add_argument("detector", type=Path)
    both.add_argument("csv", type=Path)
    for verb, words in (
        ("reference-networks", "known networks with random weights, float32 and int8, to measure engines on"),
        ("engine-fixtures", "small quantised networks with their outputs, to test the int8 engine"),
        ("cam-fixtures", "a feature map with its Grad-CAM by differentiation, to test the appliance's"),
    ):
        verbs.add_parser(verb, help=words).add_argument("out", type=Path)
    given = parser.parse_args()
    if given.verb == "train":
        print(train.train(settings.load(given.config, given.data)))
    elif given.verb == "prepare":
        make_prepared([settings.load(config, given.data) for config in given.config])
    elif given.verb == "sensitivity":
        print(release.measure(settings.load(given.config, given.data)))
    elif given.verb == "package":
        print(release.make(settings.load(given.config, given.data)))
    elif given.verb == "reference-networks":
        print(*reference_networks.write(given.out), sep="\n")
    elif given.verb == "engine-fixtures":
        print(*engine_fixtures.write(given.out), sep="\n")
    elif given.verb == "cam-fixtures":
        print(*cam_fixtures.write(given.out), sep="\n")
    elif given.verb == "compare":
        print(compare.table([settings.load(config, given.data) for config in given.configs], given.train))
    else:
        evidence.write(settings.load(given.classifier, given.data), settings.load(given.detector, given.data), given.csv)


def make_prepared(runs: list[Settings]) -> None:
    """Runs with one folder and one cache are prepared in one pass over the files."""
    places = {(run.data.folder, run.data.cache) for run in runs}
    for folder, cache in sorted(places):
        recipes = [run.recipe for run in runs if (run.data.folder, run.data.cache) == (folder, cache)]
        print(f"{cache}: {prepare.prepare(folder, cache, recipes)} studies added")


if __name__ == "__main__":
    main()
