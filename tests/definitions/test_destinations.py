"""Files of destinations: what each key says, each mistake at its place, and no secret that anybody could read there."""

from pathlib import Path
from typing import Literal

import msgspec
import pytest

from definitions import load
from definitions.destinations import Cap, Checks, Destination, SendingPace
from definitions.mapping import Constant, Fields, Selected
from definitions.quiet_hours import QuietHours
from definitions.reading import keys
from definitions.reading.destinations import preset_mapping
from definitions.receivers.http import InnerStatus, ItemResults
from definitions.receivers.kinds import KINDS, channel_of, holds_of, key_of, meanings
from definitions.receivers.sql import Sql
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from tests.definitions.folders import errors_of, write

MODES: tuple[Literal["insert", "upsert", "mirror"], ...] = ("insert", "upsert", "mirror")
HOOK = "destination: d\ntype: webhook\nurl: https://shop.example/hook\n"
TOPIC = "destination: d\n"
MAIL = f"{TOPIC}type: mail\nsender: a@b.example\n"
SQL = f"{TOPIC}type: sql\ntable: t\n"
WHOLE = """
    destination: d
    title: Shop
    description: What the shop is told.
    type: webhook
    url: https://shop.example/hook
    secrets: [{env: NEW}, {file: /run/secrets/old}]
    headers: {X-Tenant: "7", X-Api-Key: {env: KEY}}
    method: PUT
    batch: 50
    allow_private: true
    results: {path: results, status: {path: code, ok: [0, done], message: text}}
    traits: [level]
    mapping: {id: "@profile.id", city: "@traits.city", source: onefold}
    changes: [exited, entered]
    purpose: marketing
    channel: push
    quiet_hours: {from: "22:00", to: "08:00", zone: Asia/Shanghai}
    caps: [{at_most: 2, within: 1d}, {at_most: 5, within: 7d}]
    hold_out: 2.5%
    not_older_than: 2h
    coalesce: true
    rate: 0.5
    concurrency: 3
    retry_for: 24h
    timeout: 30s
    renamed_from: [old, older]
"""
CHANNELS = {
    "mail": "email",
    "meta_audience": "ads",
    "google_data_manager": "ads",
    "slack": "chat",
    "feishu": "chat",
    "dingtalk": "chat",
    "wecom": "chat",
    "apprise": "chat",
}
SECRET = "hunter2-whsec_c2VjcmV0"

MISTAKES = [
    (f"{TOPIC}type: webhok", "2:7", "there is no destination type 'webhok' (did you mean 'webhook'?)"),
    (f"{TOPIC}type: [webhook]", "2:7", "'type' must be a text"),
    (f"{TOPIC}type: webhook", "1:1", "a destination of type webhook needs the key 'url'"),
    (f"{TOPIC}url: https://a.example", "2:1", "it is a key of type webhook or"),
    (f"{TOPIC}mapping: {{a: 1}}", "2:1", "type topic has no key 'mapping'"),
    (f"{TOPIC}type: webhook\nurl: ftp://a.example", "3:6", "does not begin with https://"),
    (f"{TOPIC}type: webhook\nurl: {{evn: A}}", "3:6", "must say where a secret is"),
    (f"{HOOK}urll: x", "4:1", "has no key 'urll' (did you mean 'url'?)"),
    (f"{HOOK}host: smtp.example", "4:1", "it is a key of type mail: say `type: mail`"),
    (f"{HOOK}headers: [a]", "4:10", "'headers' must be a mapping"),
    (f"{HOOK}headers: {{Host: a}}", "4:10", "the header 'Host' cannot be sent"),
    (f"{HOOK}secrets: a", "4:10", "'secrets' must be a list"),
    (f"{HOOK}secrets: [{{env: 1 2}}]", "4:17", "needs the name of an environment variable"),
    (f"{HOOK}secrets: [{{file: ''}}]", "4:18", "needs the path of a file"),
    (f"{HOOK}secrets: [{{env: A, file: b}}]", "4:11", "must say where a secret is"),
    (f"{HOOK}method: PSOT", "4:9", "'method' cannot be 'PSOT' (did you mean 'POST'?)"),
    (f"{HOOK}batch: 0", "4:8", "'batch' must be at least 1"),
    (f"{HOOK}batch: 1001", "4:8", "'batch' must be at most 1,000"),
    (f"{HOOK}batch: 1.5", "4:8", "'batch' must be a whole number"),
    (f"{HOOK}batch: '5'", "4:8", "'batch' must be a whole number"),
    (f"{HOOK}allow_private: 1", "4:16", "'allow_private' must be true or false"),
    (f"{HOOK}failure: {{}}", "4:10", "'failure': it needs the key 'path'"),
    (f"{HOOK}failure: {{path: a, okay: [1]}}", "4:20", "'failure' has no key 'okay' (did you mean 'ok'?)"),
    (f"{HOOK}results: {{status: {{path: b}}}}", "4:10", "a batch of 1 has no list of results"),
    (f"{HOOK}changes: entered", "4:10", "'changes' must be a list"),
    (f"{HOOK}changes: [enterd]", "4:11", "did you mean 'entered'?"),
    (f"{HOOK}changes: [fired, fired]", "4:18", "given twice"),
    (f"{HOOK}purpose: Mar keting", "4:10", "'purpose' 'Mar keting' is not a valid name"),
    (f"{HOOK}channel: 5", "4:10", "'channel' must be a text"),
    (f"{HOOK}quiet_hours: night", "4:14", "'quiet_hours' must be a mapping"),
    (f"{HOOK}quiet_hours: {{from: '22:00'}}", "4:14", "needs the key 'to'"),
    (f"{HOOK}caps: 3", "4:7", "'caps' must be a list of 1 to 5"),
    (f"{HOOK}caps: []", "4:7", "'caps' must be a list of 1 to 5"),
    (f"{HOOK}caps: [{{at_most: 1, within: 1d}}]", "4:7", "'caps' count on a channel, and there is none"),
    (f"{HOOK}channel: email\ncaps: [3]", "5:8", "a cap must be a mapping"),
    (f"{HOOK}channel: email\ncaps: [{{at_most: 0, within: 1d}}]", "5:18", "from 1 to 10000"),
    (f"{HOOK}channel: email\ncaps: [{{at_most: 1}}]", "5:8", "a cap needs the key 'within'"),
    (f"{HOOK}channel: email\ncaps: [{{at_most: 1, within: 31d}}]", "5:29", "30d at most"),
    (f"{HOOK}channel: email\ncaps: [{{at_most: 1, within: 1d, per: day}}]", "5:33", "a cap has no key 'per'"),
    (f"{HOOK}hold_out: 10", "4:11", "'hold_out' must be a share"),
    (f"{HOOK}hold_out: 100%", "4:11", "'hold_out' must be a share"),
    (f"{HOOK}rate: 0", "4:7", "'rate' must be a number above 0"),
    (f"{HOOK}rate: fast", "4:7", "'rate' must be a number above 0"),
    (f"{HOOK}rate: true", "4:7", "'rate' must be a number above 0"),
    (f"{HOOK}rate: 1000001", "4:7", "at most 1,000,000"),
    (f"{HOOK}concurrency: 0", "4:14", "from 1 to 1000"),
    (f"{HOOK}concurrency: 1001", "4:14", "from 1 to 1000"),
    (f"{HOOK}retry_for: 31d", "4:12", "'retry_for' is longer than 30d"),
    (f"{HOOK}retry_for: 72", "4:12", "must be a duration"),
    (f"{HOOK}timeout: 11m", "4:10", "'timeout' is longer than 10m"),
    (f"{HOOK}timeout: 0s", "4:10", "must be longer than 0"),
    (f"{TOPIC}type: webhook\nurl: https://shop..example/", "3:6", "a part between dots that is empty"),
    (f"{TOPIC}type: webhook\nurl: 'https://[::1/'", "3:6", "it is no URL"),
    (f"{TOPIC}type: hubspot\ntoken: {{env: A}}\nurl: https://api..example", "4:6", "a part between dots that is empty"),
    (f"{MAIL}host: smtp..shop.example", "4:7", "a part between dots that is empty"),
    (f"{MAIL}host: {'a' * 64}.example", "4:7", "too long"),
    (f"{MAIL}host: smtp.example:25", "4:7", "a part between dots that is no name"),
    (f'{MAIL}host: a.example\nhello: "me\\nMAIL FROM:<a@b>"', "5:8", "no server takes it"),
    (f"{MAIL}host: a.example\nunsubscribe_base: 'https://[::1'", "5:19", "it is no address of the API"),
    (f"{SQL}url: postgresql://u@[::1/db", "4:6", "leads to no database: it is no address"),
    (f"{SQL}url: postgresql://u@db..example/db", "4:6", "a part between dots that is empty"),
    (f"{SQL}url: postgresql://u@db.example:port/db", "4:6", "leads to no database: it is no address"),
    (f"{TOPIC}type: kafka\ntopic: t\nservers: 'a.example:9092,b..example'", "4:10", "a part between dots"),
    (f"{TOPIC}type: kafka\ntopic: t\nservers: a.example:99999", "4:10", "its port is no number"),
    (f"{TOPIC}type: files\nurl: s3://bucket/\nendpoint: https://s3..example", "4:11", "a part between dots"),
    (f"{TOPIC}renamed_from: [a]", "2:1", "it is a key of type webhook"),
    (f"{HOOK}renamed_from: old", "4:15", "'renamed_from' must be a list of names"),
    (f"{HOOK}renamed_from: [Old]", "4:16", "'Old' is not a valid name"),
]
IN_CLEAR = [
    ("webhook", f"url: https://a.example\nsecrets: [{SECRET}]"),
    ("webhook", f"url: https://a.example\nsecrets: {SECRET}"),
    ("webhook", f"url: https://a.example\nsecrets: [[{SECRET}]]"),
    ("webhook", f"url: https://a.example\nsecrets: [{{value: {SECRET}}}]"),
    ("webhook", f"url: https://me:{SECRET}@a.example"),
    ("webhook", f"url: https://a.example\nheaders: {{Authorization: Bearer {SECRET}}}"),
    ("webhook", f"url: https://a.example\nheaders: {{x-api-key: {SECRET}}}"),
    ("webhook", f"url: https://a.example\nheaders: {{Ocp-Apim-Subscription-Key: {SECRET}}}"),
    ("webhook", f"url: https://a.example\nheaders: {{X-Auth-Key: {SECRET}}}"),
    ("webhook", f"url: https://a.example\nheaders: {{X-Proxy: 'http://me:{SECRET}@b.example'}}"),
    ("slack", f"url: https://hooks.slack.example/services/{SECRET}"),
    ("mail", f"host: smtp.example\nsender: a@b.example\nuser: me\npassword: {SECRET}"),
    ("mail", f"host: smtp.example\nsender: a@b.example\nuser: me\npassword: |\n  {SECRET}\n  more"),
]
HOLDING = {"default": "", "states": "keeps_members: true\n"}


def load_one(folder: Path, text: str) -> Destination:
    (found,) = load(write(folder, {"destinations/d.yaml": text})).destinations
    return found


def test_every_key_of_a_file_is_read(tmp_path: Path) -> None:
    whole = load_one(tmp_path, WHOLE)
    ten, eight = 22 * 60, 8 * 60
    assert whole == Destination(
        name="d",
        title="Shop",
        description="What the shop is told.",
        receiver=Webhook(
            "https://shop.example/hook",
            (Secret(env="NEW"), Secret(file="/run/secrets/old")),
            {"X-Tenant": "7", "X-Api-Key": Secret(env="KEY")},
            "PUT",
            50,
            True,
            None,
            ItemResults(InnerStatus("code", (0, "done"), message="text"), "results"),
        ),
        mapping=Fields(
            (
                ("id", Selected(("profile", "id"))),
                ("city", Selected(("traits", "city"))),
                ("source", Constant("onefold")),
            )
        ),
        traits=("level", "city"),
        changes=("entered", "exited"),
        checks=Checks(
            purpose="marketing",
            channel="push",
            quiet_hours=QuietHours(ten, eight, "Asia/Shanghai"),
            caps=(Cap(2, 86_400_000), Cap(5, 7 * 86_400_000)),
            hold_out_permille=25,
            not_older_than_ms=7_200_000,
        ),
        coalesces=True,
        pace=SendingPace(
            rate=0.5,
            concurrency=3,
            retry_for_ms=86_400_000,
            timeout_ms=30_000,
        ),
        renamed_from=("old", "older"),
    )
    left_out = [*left_out_of(whole), *left_out_of(whole.checks), *left_out_of(whole.pace)]
    assert left_out == [], "a key that the whole file does not say"


def left_out_of(struct: msgspec.Struct) -> list[str]:
    return [each.name for each in msgspec.structs.fields(struct) if getattr(struct, each.name) == each.default]


def test_what_is_left_out_is_the_default(tmp_path: Path) -> None:
    found = load_one(tmp_path, HOOK)
    assert found == Destination(
        "d", "d", receiver=Webhook("https://shop.example/hook"), mapping=preset_mapping(Webhook)
    )
    assert (found.pace.retry_for_ms, found.pace.timeout_ms, found.changes) == (
        259_200_000,
        10_000,
        ("entered", "exited", "fired"),
    )


@pytest.mark.parametrize("text", [TOPIC, f"{TOPIC}type: topic"])
def test_a_topic_has_no_receiver_and_sends_nothing(tmp_path: Path, text: str) -> None:
    found = load_one(tmp_path, text)
    assert (found.type, found.receiver, found.mapping) == ("topic", None, Fields())


def test_a_former_name_is_of_one_destination_alone(tmp_path: Path) -> None:
    others = "---\ndestination: e\n---\n" + HOOK.replace("destination: d", "destination: f")
    text = f"{HOOK}renamed_from: [d, e, old]\n{others}renamed_from: [old]"
    assert [error.partition(" (")[0] for error in errors_of(tmp_path, {"destinations/d.yaml": text})] == [
        "destinations/d.yaml:4:19: the former name 'e' is one of the destination 'e'",
        "destinations/d.yaml:11:16: the former name 'old' is one of the destination 'd'",
    ]


def test_traits_that_the_mapping_reads_travel_once_each(tmp_path: Path) -> None:
    text = f"""{HOOK}traits: [level, city]
mapping:
  where: "@traits.city"
  hello: "{{{{ traits.name }}}} of {{{{ traits.city }}}}"
  hashed: {{value: "@traits.mail.main", hash: sha256}}
  likes: [{{each: "@traits.likes", as: {{it: "@item", of: "@traits.shop"}}}}]
"""
    assert load_one(tmp_path, text).traits == ("level", "city", "name", "mail", "likes", "shop")


@pytest.mark.parametrize(("text", "position", "says"), MISTAKES)
def test_a_mistake_names_its_position(tmp_path: Path, text: str, position: str, says: str) -> None:
    errors = errors_of(tmp_path, {"destinations/d.yaml": text})
    assert len(errors) == 1, errors
    assert errors[0].startswith(f"destinations/d.yaml:{position}: "), errors
    assert says in errors[0]


@pytest.mark.parametrize(("kind", "text"), IN_CLEAR)
def test_a_secret_in_clear_is_refused_and_never_repeated(tmp_path: Path, kind: str, text: str) -> None:
    (error,) = errors_of(tmp_path, {"destinations/d.yaml": f"destination: d\ntype: {kind}\n{text}"})
    assert "hunter2" not in error
    assert "c2VjcmV0" not in error


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = f"{TOPIC}type: webhook\nbatch: 0\nrate: -1\nmapping: {{a: '@nope'}}\nchanges: [x]"
    errors = errors_of(tmp_path, {"destinations/d.yaml": text})
    assert [error.split(":")[1] for error in errors] == ["1", "3", "4", "5", "6"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_has_keys_that_mean_something_and_a_preset_that_is_read(kind: type[msgspec.Struct]) -> None:
    told = meanings(kind)
    for field in map(key_of, kind.__struct_fields__):
        assert told[field].endswith("."), field
        assert field not in keys.DESTINATION, f"{field} has a meaning for every destination"
        assert field not in keys.RECEIVING, f"{field} has a meaning for every receiver"
    assert preset_mapping(kind) == preset_mapping(kind)


def test_a_kind_has_a_channel_where_the_file_names_none() -> None:
    assert {name: channel for name, kind in KINDS.items() if (channel := channel_of(kind))} == CHANNELS


def test_the_channel_of_a_kind_counts_for_links_and_caps_and_a_written_one_before_it(tmp_path: Path) -> None:
    text = "destination: d\ntype: mail\nhost: smtp.example\nsender: a@b.example\ncaps: [{at_most: 1, within: 1d}]\n"
    folder = write(tmp_path, {"destinations/d.yaml": text})
    (mail,) = load(folder).destinations
    assert (mail.checks.channel, mail.reached_by, mail.consent_purpose) == ("", "email", "all")
    (other,) = load(write(tmp_path, {"destinations/d.yaml": f"{text}channel: letters\npurpose: news\n"})).destinations
    assert (other.reached_by, other.consent_purpose) == ("letters", "news")


def test_a_table_holds_rows_of_their_own_or_the_last_one_of_each_key_and_a_webhook_takes_each_event() -> None:
    tables = [holds_of(Sql("sqlite:////shop.db", "people", mode=mode)) for mode in MODES]
    assert tables == ["events", "states", "states"]
    assert holds_of(Webhook("https://shop.example/hook")) == "events"


@pytest.mark.parametrize("kind", ["type: webhook\nurl: https://a.example", "type: kafka\nservers: a:9092\ntopic: t"])
def test_who_takes_changes_may_keep_who_is_in_a_segment(tmp_path: Path, kind: str) -> None:
    taken, kept = (load_one(tmp_path / at, f"destination: d\n{kind}\n{also}") for at, also in HOLDING.items())
    assert (taken.holds, kept.holds) == ("events", "states")
