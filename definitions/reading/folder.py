"""A folder of definitions to the checked model; finds everything that is wrong before it says so."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from definitions.consent import NO_RULES, RULES_FILE, ConsentRules
from definitions.destinations import Destination
from definitions.errors import DefinitionErrors
from definitions.model import AcrossTrigger, Definitions, Segment, Trait, Trigger
from definitions.reading.consent import read_consent, refuse_undefined_conditions, refuse_undefined_consent
from definitions.reading.documents import Parsed, read_destination, read_segment, read_trait, read_trigger
from definitions.reading.identity import read_identity
from definitions.reading.nodes import FileReport, ListNode, Node
from definitions.reading.references import (
    ParsedIn,
    refuse_repeated,
    refuse_taken_names,
    refuse_unknown_namespaces,
    refuse_wrong_references,
)
from definitions.reading.yaml_text import read_documents
from identity.rules import DEFAULT_RULES, IdentityRules
from runtime.hints import closest, did_you_mean

MAX_FILES = 1_000  # per folder
MAX_DEFINITIONS = 10_000  # of a kind
_FOLDERS = ("traits", "segments", "triggers", "destinations")
_IDENTITY = "identity.yaml"
_ENTRIES = (*_FOLDERS, _IDENTITY, RULES_FILE)
Rules = TypeVar("Rules", IdentityRules, ConsentRules)
_RULES = {_IDENTITY: "identifiers", RULES_FILE: "consent"}
_LATER = ("tracking-plan",)


def load(directory: Path | None) -> Definitions:
    """Read the folders of definitions and `identity.yaml` of `directory`; each may be missing.

    Without a directory nothing is defined, and the default rules of identity hold. Raises DefinitionErrors with
    everything that is wrong in any of the files.
    """
    return Definitions() if directory is None else load_with_texts(directory)[0]


def load_with_texts(directory: Path) -> tuple[Definitions, dict[Path, str]]:
    """Read a folder as `load` does, each file once; return the text of each as well. Raises DefinitionErrors."""
    reports: list[FileReport] = []
    _check_entries(directory, reports)
    traits = _read(directory / "traits", read_trait, reports)
    segments = _read(directory / "segments", read_segment, reports)
    triggers = _read(directory / "triggers", read_trigger, reports)
    destinations = _read(directory / "destinations", read_destination, reports)
    identity = _read_rules(directory / _IDENTITY, read_identity, reports) or DEFAULT_RULES
    rules_of_consent = _read_rules(directory / RULES_FILE, read_consent, reports)
    consent = rules_of_consent or NO_RULES
    for parsed, kind in (
        (traits, "trait"),
        (segments, "segment"),
        (triggers, "trigger"),
        (destinations, "destination"),
    ):
        refuse_repeated(parsed, kind)
    is_all_known = all(report.is_whole for report in reports)
    refuse_wrong_references(traits, segments, triggers, destinations, is_all_known)
    if is_all_known:
        refuse_unknown_namespaces(destinations, [namespace.name for namespace in identity.namespaces])
    refuse_taken_names(destinations)
    refuse_undefined_consent(destinations, consent)
    if rules_of_consent is not None or not (directory / RULES_FILE).exists():  # else what they define is not known
        refuse_undefined_conditions((*traits, *segments, *triggers), consent)
    errors = [error for report in reports for error in report.errors]
    if errors:
        raise DefinitionErrors(errors)
    everything = (*traits, *segments, *triggers, *destinations)
    defined = [parsed.defined for parsed, _ in sorted(everything, key=lambda located: located[0].name)]
    definitions = Definitions(
        tuple(each for each in defined if isinstance(each, Segment)),
        tuple(each for each in defined if isinstance(each, Destination)),
        identity,
        tuple(each for each in defined if isinstance(each, Trait)),
        tuple(each for each in defined if isinstance(each, Trigger)),
        tuple(each for each in defined if isinstance(each, AcrossTrigger)),
        consent,
    )
    return definitions, {report.file: report.text for report in reports if report.text is not None}


def files_in(directory: Path) -> tuple[Path, ...]:
    """Return the files that define something in a folder, whatever they say; the rules of identity are none."""
    folders = (directory / name for name in _FOLDERS)
    consent = [directory / RULES_FILE] if (directory / RULES_FILE).exists() else []
    return (*consent, *(file for folder in folders if folder.is_dir() for file in _visible(folder)))


def _check_entries(directory: Path, reports: list[FileReport]) -> None:
    if not directory.is_dir():
        _report(directory, reports).add_whole("no such folder of definitions")
        return
    if directory.name in _FOLDERS and any(directory.glob("*.yaml")) and not (directory / _IDENTITY).exists():
        _report(directory, reports).add_whole("a part of a folder of definitions", "name the folder above it")
        return
    for entry in _visible(directory):
        report = _report(entry, reports)
        if entry.name in _LATER:
            report.add_whole(
                f"{entry.name} is not supported yet", f"supported: {', '.join(_ENTRIES)}; move it elsewhere"
            )
        elif entry.name not in _ENTRIES:
            report.add_whole("no entry of a folder of definitions", _place_of(entry))
        elif entry.name in _RULES and entry.is_dir():
            report.add_whole(f"{entry.name} must be a file", f"it holds all rules of {_RULES[entry.name]}")
        elif entry.name in _FOLDERS and not entry.is_dir():
            report.add_whole(f"{entry.name} must be a folder", f"put the file into {entry.name}/")


def _place_of(entry: Path) -> str:
    """Return a hint where it may belong, by its name without `.yaml`, by which all files would resemble each other."""
    by_stem = {Path(name).stem: name for name in _ENTRIES}
    close = closest(entry.stem, by_stem)
    if close is None and entry.suffix == ".yaml":
        return f"definitions stand in {', '.join(f'{name}/' for name in _FOLDERS)}"
    return did_you_mean(entry.name, _ENTRIES) if close is None else f"did you mean {by_stem[close]!r}?"


def _read(folder: Path, read: Callable[[Node, FileReport], Parsed | None], reports: list[FileReport]) -> list[ParsedIn]:
    definitions: list[ParsedIn] = []
    files = _visible(folder) if folder.is_dir() else []
    if len(files) > MAX_FILES:
        _report(folder, reports).add_whole(f"more than {MAX_FILES} files", "put several definitions into one file")
        return definitions
    for file in files:
        report = _report(file, reports)
        if file.suffix != ".yaml" or not file.is_file():
            report.add_whole("not a file of definitions", f"only files named *.yaml belong into {folder.name}/")
            continue
        nodes = (node for document in read_documents(file, report) for node in _elements(document, report))
        definitions += [(parsed, report) for node in nodes if (parsed := read(node, report)) is not None]
    if len(definitions) > MAX_DEFINITIONS:
        _report(folder, reports).add_whole(f"more than {MAX_DEFINITIONS} definitions", "remove some")
    return definitions


def _read_rules(
    file: Path, read: Callable[[Node, FileReport], Rules | None], reports: list[FileReport]
) -> Rules | None:
    """The rules in a file that stands by itself; None where there is none, or where it is wrong."""
    if file.is_dir() or not (file.exists() or file.is_symlink()):
        return None
    report = _report(file, reports)
    documents = read_documents(file, report)
    for document in documents[1:]:
        report.add(document, "a second document", "all rules belong into one: remove the line with ---")
    return read(documents[0], report) if documents else None


def _elements(document: Node, report: FileReport) -> tuple[Node, ...]:
    """A document holds one definition or a list of them."""
    if not isinstance(document, ListNode):
        return (document,)
    if not document.items:
        report.add(document, "the list is empty", "define something in it or delete the file")
    return document.items


def _visible(folder: Path) -> list[Path]:
    # Notes and the editors' schema may lie beside the definitions, and editors and file systems leave hidden files.
    return sorted(
        entry
        for entry in folder.iterdir()
        if not entry.name.startswith(".") and not entry.name.endswith((".md", ".schema.json"))
    )


def _report(file: Path, reports: list[FileReport]) -> FileReport:
    reports.append(FileReport(file))
    return reports[-1]
