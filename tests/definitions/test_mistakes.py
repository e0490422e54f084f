"""Every mistake in a file is told with its line and column, what is wrong, and what to do."""

from pathlib import Path

import pytest

from tests.definitions.folders import errors_of

BUY = "{event: Buy, within: 1d}"

MISTAKES = [
    ("when: {event: Buy, within: 1d}", "1:1", "needs the key 'segment'"),
    ("segment: a", "1:1", "needs the key 'when'"),
    (f"segment: a\nwhen: {BUY}\ntitel: x", "3:1", "has no key 'titel' (did you mean 'title'?)"),
    (f"segment: Big  Spenders\nwhen: {BUY}", "1:10", "not a valid name"),
    (f"segment: {'a' * 101}\nwhen: {BUY}", "1:10", "not a valid name"),
    (f"segment: 5\nwhen: {BUY}", "1:10", 'quote it: "5"'),
    (f"segment:\nwhen: {BUY}", "1:1", "is empty"),
    (f"segment: a\nsegment: b\nwhen: {BUY}", "2:1", "is given twice"),
    ("segment: a\nwhen: {event: Buy, event: Sell, within: 1d}", "2:20", "is given twice"),
    ("segment: a\nwhen: Buy", "2:7", "must be a mapping"),
    ("segment: a\nwhen:\n  - {event: Buy, within: 1d}", "3:3", "put the list under `all:` or `any:`"),
    ("segment: a\nwhen: {}", "2:7", "neither which events nor which trait"),
    ("segment: a\nwhen: {evnt: Buy, within: 1d}", "2:8", "did you mean 'event'?"),
    ("segment: a\nwhen: {event: Buy, trait: plan, within: 1d}", "2:20", "'event' and 'trait' in one condition"),
    ("segment: a\nwhen: {all: []}", "2:13", "takes a list of conditions"),
    ("segment: a\nwhen: {any: {event: Buy, within: 1d}}", "2:13", "takes a list of conditions"),
    ("segment: a\nwhen: {not: [{event: Buy, within: 1d}]}", "2:13", "takes one condition, not a list"),
    (f"segment: a\nwhen: {{not: {BUY}, within: 1d}}", "2:39", "has no key 'within'"),
    ("segment: a\nwhen: {event: Buy}", "2:7", "needs the key 'within'"),
    ("segment: a\nwhen: {event: Buy, within: 1 day}", "2:28", "such as 30m or 7d"),
    ("segment: a\nwhen: {event: Buy, within: 60}", "2:28", "must be a duration"),
    ("segment: a\nwhen: {event: Buy, within: 0s}", "2:28", "longer than 0"),
    ("segment: a\nwhen: {event: Buy, within: -1d}", "2:28", "must be a duration"),
    ("segment: a\nwhen: {event: Buy, within: 3651d}", "2:28", "at most 3650d"),
    ("segment: a\nwhen: {event: Buy, within: 99999999999999999999999w}", "2:28", "must be a duration"),
    ("segment: a\nwhen: {event: Buy, within: ٣d}", "2:28", "must be a duration"),
    ("segment: a\nwhen: {event: Buy, at_least: 0, within: 1d}", "2:30", "whole number from 1 to 1000, not '0'"),
    ("segment: a\nwhen: {event: Buy, at_least: 1001, within: 1d}", "2:30", "from 1 to 1000"),
    ("segment: a\nwhen: {event: Buy, at_least: 1.5, within: 1d}", "2:30", "whole number"),
    ("segment: a\nwhen: {event: Buy, at_least: .nan, within: 1d}", "2:30", "whole number"),
    (f"segment: a\nwhen: {{event: Buy, at_least: {'9' * 5000}, within: 1d}}", "2:30", "whole number"),
    ("segment: a\nwhen: {event: {a: Buy}, within: 1d}", "2:15", "must be a text"),
    ("segment: a\nwhen: {type: trak, within: 1d}", "2:14", "did you mean 'track'?"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: total}", "2:39", "must name properties"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {a..b: 1}}", "2:40", "is not a path"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {total: .nan}}", "2:47", "quote the text"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {total: {greater_than: .inf}}}", "2:62", "quote the text"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {total: 1e999}}", "2:47", "out of range"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {total: 9223372036854775808}}", "2:47", "quote it here"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {zip: 01234}}", "2:45", 'quote the text: "01234"'),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {new: yes}}", "2:45", "write true or false"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {coupon: null}}", "2:48", "`exists: false`"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {a: [1, 2]}}", "2:43", "`in: [a, b]`"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {a: {above: 1}}}", "2:44", "there is no comparison 'above'"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {a: {greater_than: many}}}", "2:58", "compares numbers"),
    ("segment: a\nwhen: {event: Buy, within: 1d, where: {a: {greater_than: true}}}", "2:58", "compares numbers"),
    ("segment: a\nwhen: {trait: plan}", "2:7", "compared with nothing"),
    ("segment: a\nwhen: {trait: plan, equal: pro}", "2:21", "did you mean 'equals'?"),
    ("segment: a\nwhen: {trait: plan, in: pro}", "2:25", "takes a list"),
    ("segment: a\nwhen: {trait: plan, in: []}", "2:25", "takes a list"),
    ("segment: a\nwhen: {trait: plan, exists: 1}", "2:29", "must be true or false"),
    (f"segment: a\nwhen: {BUY}\ndestinations: []", "3:15", "must be a list of names"),
    (f"segment: a\nwhen: {BUY}\ndestinations: [nowhere]", "3:16", "there is no destination 'nowhere'"),
    (f"segment: a\nwhen: {BUY}\nworkspaces: [main, main]", "3:20", "is given twice"),
    ("- just text", "1:3", "expected a segment as a mapping"),
    ("[]", "1:1", "the list is empty"),
]

HOSTILE = [
    ("", "", "the file is empty"),
    ("# only a comment\n", "", "the file is empty"),
    ("segment: a\nwhen:\n\tevent: Buy", "3:1", "spaces instead of tabs"),
    ("segment: a\nwhen: {event: Buy", "2:18", "not valid YAML"),
    ("segment: a: b", "1:11", "quote a text that contains ': '"),
    ("a: &a [x]\nb: [*a, *a]", "1:4", "anchors and aliases"),
    ("segment: *a", "1:10", "anchors and aliases"),
    ("segment: !!python/name:os.system a", "1:10", "tags"),
    ("segment: a\x07", "1:11", "a control character"),
    ("[" * 100_000, "1:33", "nested deeper than 32 levels"),
    (f"segment: a\nwhen: {BUY}\n? [a]\n: b", "3:3", "a key must be a plain word"),
    (b"segment: a\ntitle: \xff", "2:8", "not UTF-8"),
    ("#" + "x" * 256 * 1024, "", "larger than 256 KiB"),
]


@pytest.mark.parametrize(("text", "position", "says"), [*MISTAKES, *HOSTILE])
def test_a_mistake_names_its_position(tmp_path: Path, text: str | bytes, position: str, says: str) -> None:
    errors = errors_of(tmp_path, {"segments/s.yaml": text})
    start = f"segments/s.yaml:{position}: " if position else "segments/s.yaml: "
    assert [error for error in errors if error.startswith(start) and says in error], errors
    assert len(errors) == 1, errors


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    errors = errors_of(
        tmp_path,
        {
            "segments/b.yaml": """\
                segment: b
                when:
                  all:
                    - {event: Buy, within: 1x}
                    - {trait: plan, equls: pro}
                destinations: [mial]
                """,
            "segments/a.yaml": "segment: a",
            "destinations/mail.yaml": "destination: mail\ntype: topik",
        },
    )
    assert [error.split(" ")[0] for error in errors] == [
        "destinations/mail.yaml:2:7:",
        "segments/a.yaml:1:1:",
        "segments/b.yaml:4:28:",
        "segments/b.yaml:5:21:",
        "segments/b.yaml:6:16:",
    ]
    assert "did you mean 'mail'?" in errors[-1]
