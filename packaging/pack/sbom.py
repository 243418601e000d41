"""The bill of materials of a bundle, in CycloneDX 1.6 JSON; run by the tools' own Python.

`python -m pack.sbom PARTS.json VERSION EPOCH OUT` reads the parts that licences.py collected and
writes what is checked against the schema before.
"""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def bill(parts: list[dict[str, object]], version: str, epoch: int) -> str:
    """The document as JSON: the studio, its parts, and which of them need which."""
    factory = LicenseFactory()
    studio = Component(
        name="triptych",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref="triptych",
        licenses=[factory.make_from_string("Apache-2.0")],
    )
    components: dict[str, Component] = {}
    for part in parts:
        name = str(part["name"])
        components[_plain(name)] = Component(
            name=name,
            version=str(part["version"]) or None,
            type=ComponentType.LIBRARY,
            bom_ref=f"part-{_plain(name)}",
            purl=PackageURL.from_string(str(part["purl"])) if part["purl"] else None,
            licenses=[factory.make_from_string(str(part["licence"]))],
        )
    document = Bom(
        components=components.values(),
        # Named after what is in it: the same bundle has the same number.
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([parts, version], sort_keys=True)),
    )
    document.metadata.component = studio
    document.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    document.register_dependency(studio, components.values())
    for part in parts:
        wanted = part["requires"]
        assert isinstance(wanted, list)
        inside = [components[_plain(w)] for w in wanted if _plain(w) in components]
        document.register_dependency(components[_plain(str(part["name"]))], inside)
    text: str = JsonV1Dot6(document).output_as_string(indent=1)
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault is not None:
        raise SystemExit(f"package: the bill of materials is not valid: {fault}")
    return text


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def main() -> None:
    source, version, epoch, target = sys.argv[1:]
    parts = json.loads(Path(source).read_text("utf-8"))
    Path(target).write_text(bill(parts, version, int(epoch)) + "\n", "utf-8", newline="\n")


if __name__ == "__main__":
    main()
