"""What a mail says: the same bytes for the same delivery, headers that nobody can add to, links to unsubscribe."""

import email
import email.policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.activations import delivery_key
from sinks.destinations.contract import Delivery
from sinks.destinations.mail.addresses import BadAddress, mailbox_of, written_mailbox
from sinks.destinations.mail.headers import is_only_of
from sinks.destinations.mail.message import LINK, Unmailable, WrittenMail, mail_of
from tests.sinks.destinations.contract import activation

SENDER = written_mailbox("Shop <news@shop.example>")
URL = "https://api.shop.example/v1/unsubscribe/abc.def"


def mail(link: str | None = None, **fields: object) -> WrittenMail:
    """The mail of a delivery with these fields."""
    about = activation()
    given_fields = {"to": "li@shop.example", "subject": "s", "text": "t"} | fields
    return mail_of(Delivery(delivery_key(about, "here", "1"), about, given_fields), SENDER, "", link)


def parsed(sent: WrittenMail) -> EmailMessage:
    """A mail as its reader sees it."""
    return email.message_from_bytes(sent.content, policy=email.policy.default)


def name_in(sent: WrittenMail, header: str) -> str:
    """The name in a header with an address; read the older way, as Python's newer one parts long names by spaces."""
    written = email.message_from_bytes(sent.content, policy=email.policy.compat32)[header]
    name, _ = parseaddr("".join(written.splitlines()))
    return str(make_header(decode_header(name)))


def test_text_and_html_of_all_scripts_arrive_as_they_were() -> None:
    read = parsed(mail(subject="大客户 " * 30, text="你好\n.\nFrom me", html="<p>你好</p>"))
    assert str(read["Subject"]) == ("大客户 " * 30).strip()
    text, html = read.get_body(("plain",)), read.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content() == "你好\n.\nFrom me\n"
    assert html.get_content() == "<p>你好</p>\n"


def test_the_same_delivery_is_the_same_mail_byte_for_byte() -> None:
    assert mail(text="a", html="b").content == mail(text="a", html="b").content


def test_the_id_of_a_mail_is_the_key_of_its_delivery() -> None:
    key = delivery_key(activation(), "here", "1")
    assert parsed(mail())["Message-ID"] == f"<{key}@shop.example>"


HOSTILE = [
    "=?utf-8?q?Eve=0D=0ABcc:_victim@evil.example=0D=0AContent-Type:_text/html=0D=0A=0D=0A<h1>Pay</h1>?=",
    "=?utf-8?b?DQpCY2M6IHZpY3RpbUBldmlsLmV4YW1wbGU=?=",
    "=?us-ascii?Q?=0ABcc:_v@evil.example?=",
    "=?utf-8?q?",
    "=0D=0A",
    "?=",
    "\r\nBcc: victim@evil.example\r\n\r\n",
    "\r",
    "\n",
    "\x85",
    "\u2028",
    "\v",
    "\0",
    '"',
    "\\",
    "<",
    ">",
    ",",
    " ",
    "Eve",
    "你好",
]
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"]
hostile = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=20), max_size=8).map("".join)


@given(hostile, hostile, hostile)
def test_no_text_of_a_person_adds_a_header_or_a_recipient_or_a_body(name: str, subject: str, text: str) -> None:
    sent = mail(subject=subject, text=f"x{text}", to_name=name)
    read = parsed(sent)
    assert sorted(read.keys()) == sorted(HEADERS)
    assert [each.addr_spec for each in read["To"].addresses] == ["li@shop.example"]
    assert sent.recipient.address == "li@shop.example"
    assert read.get_content_type() == "text/plain"
    assert read.get_content().startswith("x")


@pytest.mark.parametrize("text", HOSTILE[:3])
def test_an_encoded_word_that_somebody_wrote_is_text_for_the_reader(text: str) -> None:
    sent = mail(subject=f"Welcome, {text}", to_name=text, reply_to=f'"{text}" <eve@shop.example>')
    assert str(parsed(sent)["Subject"]) == f"Welcome, {text}"
    assert name_in(sent, "To") == name_in(sent, "Reply-To") == text


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=200))
def test_a_name_arrives_as_it_was_written(name: str) -> None:
    assert name_in(mail(to_name=name), "To") == name


@pytest.mark.parametrize(
    "head",
    [b"To: a\r\nBcc: b", b"To: a\r\nTo: b", b"To: a\nBcc: b", b"To: a\rBcc: b", b"To: a\r\nb", b"To: a\r\n \r\nBcc: b"],
)
def test_a_header_that_is_none_of_ours_is_seen(head: bytes) -> None:
    assert is_only_of(b"To: a\r\n b\r\nSubject: s\r\n\r\nBcc: b", {"To", "Subject"})
    assert not is_only_of(head + b"\r\n\r\n", {"To", "Subject"})


@pytest.mark.parametrize(
    "address",
    [
        "",
        None,
        7,
        [],
        "nobody",
        "a@b.example, c@d.example",
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example>\r\nRCPT TO:<c@d.example",
        "<a@b.example>",
        "a@" + "b" * 300 + ".example",
    ],
)
def test_what_is_no_one_address_is_unmappable(address: object) -> None:
    with pytest.raises(Unmailable, match="to"):
        mail(to=address)


def test_without_anything_to_say_there_is_no_mail() -> None:
    with pytest.raises(Unmailable, match="nothing to say"):
        mail(text=" ")


def test_a_domain_of_any_script_is_written_in_ascii_and_a_name_before_it_is_not() -> None:
    assert mailbox_of("li@例子.cn").address == "li@xn--fsqu00a.cn"
    assert mailbox_of("李@例子.cn") == ("李@例子.cn", "", False)
    assert not mail(to="李@例子.cn").is_ascii
    with pytest.raises(BadAddress):
        mailbox_of("li@例子 .cn")


def test_a_link_to_unsubscribe_is_in_the_headers_and_the_texts_and_not_in_what_is_kept() -> None:
    sent = mail(URL, text=f"Leave: {LINK}", html=f'<a href="{LINK}">Leave</a>')
    read = parsed(sent)
    assert read["List-Unsubscribe"] == f"<{URL}>"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        body = read.get_body((kind,))
        assert body is not None
        assert URL in body.get_content()
    assert URL not in sent.shown


def test_a_long_link_is_not_folded() -> None:
    long = URL + "x" * 400
    assert f"List-Unsubscribe: <{long}>\r\n".encode() in mail(long).content


@pytest.mark.parametrize("link", ["https://a.example/\r\nBcc: x@y.example", "https://a.example/>", "javascript:1"])
def test_what_is_no_link_is_in_no_header(link: str) -> None:
    with pytest.raises(Unmailable, match="link"):
        mail(link)


def test_one_click_is_of_https_alone() -> None:
    read = parsed(mail("http://127.0.0.1:8090/v1/unsubscribe/a"))
    assert read["List-Unsubscribe"] is not None
    assert read["List-Unsubscribe-Post"] is None


def test_a_text_that_needs_a_link_is_not_sent_without_one() -> None:
    with pytest.raises(Unmailable, match="unsubscribe"):
        mail(None, text=f"Leave: {LINK}")
