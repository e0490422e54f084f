"""Mappings: what each form makes of an activation, what is wrong with one, and that the same gives the same."""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import load
from definitions.compiled_mapping import compile_mapping, fields_of
from definitions.mapping import Constant, Each, Fields, Made, Selected, Text, Unmappable, fingerprint
from definitions.reading.destinations import preset_mapping
from definitions.receivers.kinds import KINDS
from definitions.receivers.webhook import Webhook
from schemas.activations import Activation
from schemas.records import Identifier
from tests.definitions.folders import errors_of, write

HEAD = "destination: d\ntype: webhook\nurl: https://shop.example/hook\nmapping: "
KEY = "key-1"
ENTERED = Activation(
    workspace="main",
    kind="segment",
    name="大客户",
    change="entered",
    activation_id="a-1",
    profile_id="p-1",
    profile_kind="person",
    happened_at=1_772_359_200_123,
    decided_at=1_772_359_201_000,
    cause="event",
    version=7,
    identifiers=(
        Identifier("email", "John_Smith@gmail.com"),
        Identifier("email", " mei.lin@公司.example "),
        Identifier("phone", "+1 (650) 555-1212"),
    ),
    traits=json.dumps({"name": "李梅", "plan": "pro", "spent": 12.5, "address": {"city": "上海"}, "likes": ["tea", 3]}),
)
FIRED = msgspec.structs.replace(
    ENTERED, kind="trigger", name="cart", change="fired", traits="{}", payload='{"text": "你好", "n": "1"}'
)
ACROSS = msgspec.structs.replace(FIRED, profile_id=None, profile_kind=None, identifiers=(), across='"SKU-1"')
FORMS: list[tuple[str, object]] = [
    ("onefold", "onefold"),
    ("5", 5),
    ("0.5", 0.5),
    ("true", True),
    ("'true'", "true"),
    ("null", None),
    ("''", ""),
    ("'@@traits.name'", "@traits.name"),
    ("'@@@'", "@@"),
    ("'mail@shop.example'", "mail@shop.example"),
    ("'@id'", "a-1"),
    ("'@key'", KEY),
    ("'@workspace'", "main"),
    ("'@kind'", "segment"),
    ("'@name'", "大客户"),
    ("'@change'", "entered"),
    ("'@cause'", "event"),
    ("'@version'", 7),
    ("'@profile.id'", "p-1"),
    ("'@profile.kind'", "person"),
    ("'@happened_at'", "2026-03-01T10:00:00.123Z"),
    ("'@decided_at'", "2026-03-01T10:00:01.000Z"),
    ("'@identifiers.email'", "John_Smith@gmail.com"),
    ("'@identifiers.email[*]'", ["John_Smith@gmail.com", " mei.lin@公司.example "]),
    ("'@identifiers.phone[*]'", ["+1 (650) 555-1212"]),
    ("'@traits.spent'", 12.5),
    ("'@traits.address'", {"city": "上海"}),
    ("'@traits.address.city'", "上海"),
    ("'@traits.likes'", ["tea", 3]),
    ("[1, '@traits.plan', {a: '@key'}]", [1, "pro", {"a": KEY}]),
    ("{b: {c: '@name'}}", {"b": {"c": "大客户"}}),
    ("'您好 {{ traits.name }} ({{ identifiers.email }})'", "您好 李梅 (John_Smith@gmail.com)"),
    ("'{% if traits.spent > 10 %}big{% else %}small{% endif %}'", "big"),
    ("'{{ traits.nobody }}{{ traits.address.city | default: 1 }}'", "上海"),
    ("{value: '@traits.plan'}", {"value": "pro"}),
    ("{value: '@traits.plan', required: true}", "pro"),
    ("{value: '@traits.nobody', default: none}", "none"),
    ("{value: '@traits.nobody', otherwise: '@traits.plan', default: none}", "pro"),
    ("{value: '@traits.plan', otherwise: '@traits.name'}", "pro"),
    ("{value: '@traits.nobody', otherwise: '@traits.nothing', default: none}", "none"),
    ("{value: '@traits.nobody', default: null}", None),
    (
        "{value: '{{ name }}/{{ change }}', hash: sha256}",
        "9163ee4b0199f77b13bfa11333f6d2636219f6acb5c7534c37c0c8e93661be38",
    ),
    ("{value: 5, hash: sha256}", "ef2d127de37b942baad06145e54b0c619a1f22327b2ebbcfbec78f5564afe39d"),
    ("{value: constant, when: {change: entered}}", "constant"),
    ("{value: constant, when: {change: [exited, entered], kind: segment, name: 大客户}}", "constant"),
    ("{each: '@traits.likes', as: '@item'}", ["tea", 3]),
    ("{each: '@traits.likes', as: {it: '@item', of: '@key'}}", [{"it": "tea", "of": KEY}, {"it": 3, "of": KEY}]),
    ("{each: '@traits.likes', as: 'I like {{ item }}'}", ["I like tea", "I like 3"]),
    ("{value: a, colour: b}", {"value": "a", "colour": "b"}),
]
MISSING = [
    "'@traits.nobody'",
    "'@traits.plan.deeper'",
    "'@traits.likes.first'",
    "'@identifiers.cookie'",
    "'@identifiers.cookie[*]'",
    "'@payload.text'",
    "'@across'",
    "{value: '@traits.nobody', hash: sha256}",
    "{value: '@traits.address', hash: sha256}",
    "{value: '@traits.plan', normalise: email}",
    "{value: '@traits.spent', normalise: phone, hash: sha256}",
    "{value: a, when: {change: exited}}",
    "{value: '@traits.nobody', required: true, when: {change: exited}}",
    "{each: '@traits.nobody', as: '@item'}",
    "{each: '@traits.plan', as: '@item'}",
    "{each: '@traits.likes', as: '@item', when: {kind: trigger}}",
]
# https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
META = [
    ("email", "John_Smith@gmail.com", "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"),
    ("phone", "(1) 650-555-1212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
    ("lower", "Mary", "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"),
    ("lower", "정", "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"),
]
# https://developers.google.com/data-manager/api/devguides/concepts/formatting
GOOGLE = [
    ("gmail", "cloudy.sanfrancisco+shopping@gmail.com", "cloudysanfrancisco@gmail.com"),
    ("gmail", "user.name+NYC@Example.com", "user.name+nyc@example.com"),
    ("e164", "+1 (800)555-0100", "+18005550100"),
]
SPELLINGS = [
    ("lower", "  ÉCOLE ", "école"),
    ("email", " a b@C.example\n", "ab@c.example"),
    ("email", "@c.example", None),
    ("email", "a@", None),
    ("gmail", "A.b.c+d+e@GoogleMail.com", "abc@googlemail.com"),
    ("phone", "0086 (138) 0013-8000", "8613800138000"),
    ("phone", "12345", None),
    ("phone", "1" * 16, None),
    ("e164", "++49 151", None),
    ("lower", " ", None),
]
MISTAKES = [
    ("x", "4:10", "'mapping' must be a mapping of fields"),
    ("{}", "4:10", "'mapping' must be a mapping of fields"),
    ("{a: {}}", "4:14", "is an empty mapping"),
    ("{a: '@profil.id'}", "4:14", "did you mean 'profile'?"),
    ("{a: '@profile.traits.plan'}", "4:14", "did you mean 'traits.plan'?"),
    ("{a: '@profile.name'}", "4:14", "of profile there is id, kind"),
    ("{a: '@profile'}", "4:14", "of profile there is id, kind"),
    ("{a: '@identifiers.E-mail'}", "4:14", "name one namespace"),
    ("{a: '@name.x'}", "4:14", "name has no parts"),
    ("{a: '@name[*]'}", "4:14", "[*] is of one namespace of identifiers"),
    ("{a: '@item'}", "4:14", "it stands within `as`"),
    ("{a: '@'}", "4:14", "'@' is not a path"),
    ("{a: '@traits..x'}", "4:14", "is not a path"),
    ("{a: '{{ nme }}'}", "4:18", "unknown field 'nme' (did you mean 'name'?)"),
    ("{a: '{{ name | upcse }}'}", "4:25", "unknown filter 'upcse' (did you mean 'upcase'?)"),
    ("{a: '{% if name %}'}", "4:14", "cannot be read"),
    ("{a: '{{ item }}'}", "4:18", "it stands within `as`"),
    ("{a: {value: '@key', hash: md5}}", "4:36", "'hash' cannot be 'md5'"),
    ("{a: {value: '@key', hsh: sha256}}", "4:30", "did you mean 'hash'?"),
    ("{a: {value: '@key', normalise: mail}}", "4:41", "did you mean 'gmail'?"),
    ("{a: {value: '@key', required: 1}}", "4:40", "must be true or false"),
    ("{a: {value: '@key', required: true, default: x}}", "4:55", "a default beside `required: true`"),
    ("{a: {value: '@key', default: [x]}}", "4:39", "'default' takes a single"),
    ("{a: {value: '@key', when: entered}}", "4:36", "'when' must be a mapping"),
    ("{a: {value: '@key', when: {}}}", "4:36", "'when' must be a mapping"),
    ("{a: {value: '@key', when: {change: enterd}}}", "4:45", "did you mean 'entered'?"),
    ("{a: {value: '@key', when: {chnge: entered}}}", "4:37", "did you mean 'change'?"),
    ("{a: {each: '@identifiers.email', as: '@item'}}", "4:21", "'each' takes a list"),
    ("{a: {each: '@identifiers.email[*]'}}", "4:14", "'each' needs 'as'"),
    ("{a: {each: '@identifiers.email[*]', as: '@itm'}}", "4:50", "did you mean 'item'?"),
    ("{a: {each: '@identifiers.email[*]', as: '@item', x: 1}}", "4:59", "has no key 'x'"),
    ("{a: .nan}", "4:14", "quote the text"),
    ("{a: .inf}", "4:14", "quote the text"),
    ("{a: NO}", "4:14", "quote the text"),
    ("{a: 1e400}", "4:14", "is out of range"),
    ("{a: [{b: [{c: '@nope'}]}]}", "4:24", "nothing is found at '@nope'"),
    ("{a: ['@identifiers.emial[*]']}", "4:15", "there are no identifiers 'emial' (did you mean 'email'?"),
    ("{a: 'Hi {{ identifiers.nobody }}'}", "4:21", "there are no identifiers 'nobody' (known: user_id"),
    ("{" + ", ".join(f"a{n}: 1" for n in range(501)) + "}", "4:10", "'mapping' has 501 values"),
    ("{" + "a" * 201 + ": 1}", "4:11", "longer than 200 characters"),
]


def mapping_of(folder: Path, text: str) -> Fields:
    (found,) = load(write(folder, {"destinations/d.yaml": HEAD + text})).destinations
    return found.mapping


def made(folder: Path, text: str, activation: Activation = ENTERED) -> Mapping[str, object]:
    return fields_of(mapping_of(folder, text), activation, KEY)


@pytest.mark.parametrize(("text", "value"), FORMS)
def test_a_form_makes_its_value(tmp_path: Path, text: str, value: object) -> None:
    fields = made(tmp_path, f"{{field: {text}}}")
    assert fields.keys() == {"field"}
    assert fields["field"] == value
    assert type(fields["field"]) is type(value)
    assert json.loads(msgspec.json.encode(fields)) == fields


@pytest.mark.parametrize("text", MISSING)
def test_what_has_no_value_is_left_out(tmp_path: Path, text: str) -> None:
    assert made(tmp_path, f"{{a: {text}, deep: {{b: {text}}}, list: [{text}, 1]}}") == {"deep": {}, "list": [1]}


def test_what_is_about_nobody_has_what_it_is_about(tmp_path: Path) -> None:
    text = (
        "{who: '@profile.id', mail: '@identifiers.email', what: '@across', said: '{{ across }}', text: '@payload.text'}"
    )
    assert made(tmp_path, text, ACROSS) == {"what": "SKU-1", "said": "SKU-1", "text": "你好"}


def test_a_trigger_has_its_payload(tmp_path: Path) -> None:
    text = "{text: '@payload.text', all: '@payload', said: '{{ payload.n }} {{ change }}'}"
    assert made(tmp_path, text, FIRED) == {"text": "你好", "all": {"text": "你好", "n": "1"}, "said": "1 fired"}


@pytest.mark.parametrize(("form", "text", "digest"), META)
def test_what_meta_publishes(tmp_path: Path, form: str, text: str, digest: str) -> None:
    activation = with_trait(text)
    made_one = f"{{value: '@traits.it', normalise: {form}, hash: sha256}}"
    assert made(tmp_path, f"{{a: {made_one}}}", activation) == {"a": digest}


@pytest.mark.parametrize(("form", "text", "spelling"), [*GOOGLE, *SPELLINGS])
def test_what_google_publishes_and_other_spellings(tmp_path: Path, form: str, text: str, spelling: str | None) -> None:
    fields = made(tmp_path, f"{{a: {{value: '@traits.it', normalise: {form}}}}}", with_trait(text))
    assert fields == ({} if spelling is None else {"a": spelling})


def with_trait(value: object) -> Activation:
    return msgspec.structs.replace(ENTERED, traits=json.dumps({"it": value}))


def test_of_a_list_each_member_is_hashed_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    text = "{a: {value: '@traits.it', normalise: email, hash: sha256}, b: {value: '@traits.none', normalise: email}}"
    fields = made(tmp_path, text, with_trait(["John_Smith@gmail.com", "no address", None, ["a@b.example"], 5]))
    assert fields == {"a": [META[0][2]]}


def test_without_a_required_value_nothing_can_be_sent(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, "{a: {b: [1, {value: '@identifiers.cookie', required: true}]}}")
    with pytest.raises(Unmappable) as raised:
        fields_of(mapping, ENTERED, KEY)
    assert raised.value.detail == "'a.b[1]' is required and has no value"


def test_without_a_required_value_of_a_member_nothing_can_be_sent(tmp_path: Path) -> None:
    each = "{each: '@item.of', as: [{a: {value: '@item.it', required: true}}]}"
    mapping = mapping_of(tmp_path, f"{{list: {{each: '@traits.it', as: {each}}}}}")
    members = [{"of": [{"it": 1}]}, {"of": [{"it": 1}, {"it": 2}, {}]}]
    with pytest.raises(Unmappable) as raised:
        fields_of(mapping, with_trait(members), KEY)
    assert raised.value.detail == "'list[1][2][0].a' is required and has no value"


def test_a_compiled_mapping_keeps_nothing_of_one_person_for_the_next(tmp_path: Path) -> None:
    text = "{a: '@traits.it', b: '{{ traits.it }}', c: '{{ change }}', d: {each: '@traits.it', as: '@item'}}"
    compiled = compile_mapping(mapping_of(tmp_path, text))
    first = with_trait(["tea", 3])
    expected = {"a": ["tea", 3], "b": "tea3", "c": "entered", "d": ["tea", 3]}
    assert compiled(first, KEY) == expected
    assert compiled(msgspec.structs.replace(ENTERED, traits="{}", change="exited"), KEY) == {"b": "", "c": "exited"}
    assert compiled(first, KEY) == expected


def test_a_required_address_that_is_none_is_not_repeated(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, "{a: {value: '@traits.it', normalise: email, required: true}}")
    with pytest.raises(Unmappable) as raised:
        fields_of(mapping, with_trait("hunter2"), KEY)
    assert "hunter2" not in raised.value.detail


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in (1..9999) %}{% for b in (1..9999) %}{{ traits.it }}{% endfor %}{% endfor %}",
        "{{ traits.it | plus: traits.it | divided_by: 0 }}",
    ],
)
def test_a_template_that_fails_or_never_ends_is_unmappable(tmp_path: Path, template: str) -> None:
    mapping = mapping_of(tmp_path, f'{{text: "{template}"}}')
    with pytest.raises(Unmappable) as raised:
        fields_of(mapping, with_trait("hunter2 " * 100), KEY)
    assert raised.value.detail.startswith("the template of 'text' fails: ")
    assert "hunter2" not in raised.value.detail


def test_what_a_template_puts_into_html_is_escaped(tmp_path: Path) -> None:
    text = "{html: '<b>{{ traits.it }}</b>', text: '<b>{{ traits.it }}</b>', more: {body_html: '{{ traits.it }}'}}"
    fields = made(tmp_path, text, with_trait("<script>&"))
    escaped = "&lt;script&gt;&amp;"
    assert fields == {"html": f"<b>{escaped}</b>", "text": "<b><script>&</b>", "more": {"body_html": escaped}}


@pytest.mark.parametrize("text", ['{"it": NaN}', '{"it": 1e999}', "", '{"it": "\\ud800"}', '{"it":' + "[" * 100_000])
@pytest.mark.parametrize("form", ["'@traits.it'", "'{{ traits.it }}'", "{each: '@traits.it', as: '@item'}"])
def test_traits_that_are_no_json_are_no_traceback(tmp_path: Path, text: str, form: str) -> None:
    mapping = mapping_of(tmp_path, f"{{a: {form}, b: 1}}")
    with pytest.raises(Unmappable, match="JSON"):
        fields_of(mapping, msgspec.structs.replace(ENTERED, traits=text), KEY)


@pytest.mark.parametrize("text", ["[1, 2]", "null", "5"])
def test_traits_that_are_no_object_have_nothing(tmp_path: Path, text: str) -> None:
    activation = msgspec.structs.replace(ENTERED, traits=text)
    assert made(tmp_path, "{a: '@traits.it', b: 'x{{ traits.it }}'}", activation) == {"b": "x"}


def test_a_time_beyond_the_calendar_is_no_traceback(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, "{a: '@happened_at'}")
    with pytest.raises(Unmappable, match="calendar"):
        fields_of(mapping, msgspec.structs.replace(ENTERED, happened_at=2**62), KEY)


def test_long_and_deep_values_are_taken_as_they_are(tmp_path: Path) -> None:
    deep: object = "end"
    for _ in range(200):
        deep = [deep]
    for value in ("x" * 1_000_000, 2**63, -1, deep, "\x00\u202e𠮷"):
        assert made(tmp_path, "{a: '@traits.it'}", with_trait(value)) == {"a": value}


@pytest.mark.parametrize(("text", "position", "says"), MISTAKES)
def test_a_mistake_names_its_position(tmp_path: Path, text: str, position: str, says: str) -> None:
    errors = errors_of(tmp_path, {"destinations/d.yaml": HEAD + text})
    assert len(errors) == 1, errors
    assert errors[0].startswith(f"destinations/d.yaml:{position}: "), errors
    assert says in errors[0]


def test_a_mapping_that_nests_for_ever_is_an_error_of_the_file(tmp_path: Path) -> None:
    assert len(errors_of(tmp_path, {"destinations/d.yaml": HEAD + "{a: " + "[" * 5_000 + "]" * 5_000 + "}"})) == 1


def test_a_trait_that_is_nearly_another_is_an_error_of_the_file(tmp_path: Path) -> None:
    files = {
        "traits/t.yaml": "trait: city\nattribute: city\nmerge: latest",
        "destinations/d.yaml": HEAD + "{a: '@traits.citty', b: 'in {{ traits.citty }}'}",
    }
    errors = errors_of(tmp_path, files)
    assert [error.split(" ")[0] for error in errors] == ["destinations/d.yaml:4:14:", "destinations/d.yaml:4:41:"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", [ENTERED, FIRED])
def test_a_preset_makes_json_of_what_is_about_a_person(kind: str, activation: Activation) -> None:
    fields = fields_of(preset_mapping(KINDS[kind]), activation, KEY)
    assert fields
    assert json.loads(msgspec.json.encode(fields)) == fields


def test_a_webhook_is_also_sent_what_is_about_nobody() -> None:
    data = fields_of(preset_mapping(Webhook), ACROSS, KEY)["data"]
    assert isinstance(data, dict)
    assert data["across"] == "SKU-1"
    assert "profile_id" not in data


def test_the_fingerprint_is_of_the_mapping_alone(tmp_path: Path) -> None:
    texts = [
        "{a: '@key'}",
        "{b: '@key'}",
        "{a: '@@key'}",
        "{a: '@id'}",
        "{a: {value: '@key'}}",
        "{a: {value: '@key', hash: sha256}}",
        "{a: {value: '@key', normalise: lower}}",
        "{a: {value: '@key', required: true}}",
        "{a: {value: '@key', otherwise: '@id'}}",
        "{a: {value: '@key', default: ''}}",
        "{a: {value: '@key', default: null}}",
        "{a: {value: '@key', when: {change: exited}}}",
        "{a: ['@key']}",
        "{a: '{{ key }}'}",
        "{html: '{{ key }}'}",
        "{a: 1}",
        "{a: '1'}",
        "{a: '@key', b: '@key'}",
        "{b: '@key', a: '@key'}",
    ]
    prints = [fingerprint(mapping_of(tmp_path, text)) for text in texts]
    assert len(set(prints)) == len(texts)
    assert fingerprint(mapping_of(tmp_path, '\n  # said otherwise\n  a: "@key"')) == prints[0]
    again = (tmp_path / "destinations/d.yaml").read_text().replace("d\n", "d\nrate: 5\ntimeout: 1s\n", 1)
    (changed,) = load(write(tmp_path, {"destinations/d.yaml": again})).destinations
    assert fingerprint(changed.mapping) == prints[0]


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    assert fingerprint(Fields()) == "51166d7625a08d08fdb6a1b6accd12d6"


ANY = Fields(
    (
        ("trait", Selected(("traits", "it"))),
        ("deeper", Selected(("traits", "it", "name"))),
        ("text", Text("{{ traits.name }} {{ identifiers.email }} {{ traits.plan.it | upcase }}")),
        ("html", Text("{{ traits.name }}", is_html=True)),
        ("mails", Made(Selected(("identifiers", "email"), every=True), "gmail", "sha256")),
        ("phone", Made(Selected(("identifiers", "phone")), "e164", default=Constant(None))),
        ("likes", Each(Selected(("traits", "likes")), Fields((("it", Made(Selected(("item",)), "lower", "sha256")),)))),
    )
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    traits=st.dictionaries(st.sampled_from(["name", "plan", "it", "likes"]), JSON),
    values=st.lists(st.tuples(st.sampled_from(["email", "phone", "device"]), st.text(max_size=30)), max_size=5),
)
def test_the_same_gives_the_same_json_whatever_the_person(
    traits: dict[str, object], values: list[tuple[str, str]]
) -> None:
    activation = msgspec.structs.replace(
        ENTERED,
        traits=msgspec.json.encode(traits).decode(),
        identifiers=tuple(Identifier(*value) for value in values),
    )
    for mapping in (ANY, preset_mapping(Webhook)):
        fields = fields_of(mapping, activation, KEY)
        encoded = msgspec.json.encode(fields)
        read_back = msgspec.json.decode(msgspec.json.encode(activation), type=Activation)
        assert msgspec.json.encode(fields_of(mapping, read_back, KEY)) == encoded
