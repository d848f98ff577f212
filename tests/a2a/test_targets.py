"""Which URLs and addresses webhooks may have (R65), and which configurations can be sent (R61)."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from a2a.types import AuthenticationInfo, TaskPushNotificationConfig
from hypothesis import given
from hypothesis import strategies as st

from actors.a2a.hook_config import ConfigError, check_config, secrets
from actors.a2a.targets import TargetError, Targets, check_url, is_public
from actors.task.delivery import Delivery

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:8.8.8.8",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses(text: str) -> None:
    assert is_public(ip_address(text))
    check_url(f"https://{f'[{text}]' if ':' in text else text}/hook", Delivery())


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_addresses_that_are_not_public(text: str) -> None:
    assert not is_public(ip_address(text))
    with pytest.raises(TargetError, match="not public"):
        check_url(f"https://{f'[{text}]' if ':' in text else text}/hook", Delivery())


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_makes_it_no_more_public(address: object) -> None:
    plain = ip_address(str(address))
    wrapped = [ip_address(f"{prefix}{plain}") for prefix in ("::ffff:", "64:ff9b::")]
    relayed = ip_address((0x2002 << 112) | (int(plain) << 80) | 1)
    for one in (*wrapped, relayed):
        assert is_public(one) == is_public(plain)


FINE = [
    "https://hooks.example",
    "HTTPS://Hooks.Example:8443/a?b=c@d#e",
    "http://hooks.example:1/",
    "http://hooks.example:65535/",
    "https://hooks.example./",
    "https://hooks.example?to=a@b",
    "https://bücher.example/ü?ü",
    "https://xn--bcher-kva.example/",
    "https://my_hook.example/",
    "https://1.example/",
    "https://localhost.example/",
    "https://" + ".".join(["a" * 63] * 3) + "/",
    "https://hooks.example/" + "a" * 2026,
]


@pytest.mark.parametrize("url", FINE)
def test_urls_that_are_fine(url: str) -> None:
    check_url(url, Delivery())


BAD = [
    ("", "scheme"),
    ("hooks.example", "scheme"),
    ("//hooks.example/", "scheme"),
    ("ftp://hooks.example/", "scheme"),
    ("file:///etc/passwd", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("http+unix://socket/", "scheme"),
    ("https:hooks.example", "no host"),
    ("https:///hook", "no host"),
    ("https://?x", "no host"),
    ("https://me@hooks.example/", "user or password"),
    ("https://me:pass@hooks.example/", "user or password"),
    ("https://@hooks.example/", "user or password"),
    ("https://8.8.8.8@127.0.0.1/", "user or password"),
    ("https://hooks.example:0/", "port"),
    ("https://hooks.example:65536/", "port"),
    ("https://hooks.example:-1/", "port"),
    ("https://hooks.example:x/", "no URL"),
    ("https://hooks.example\\@127.0.0.1/", "backslashes"),
    ("https://hooks.example /", "blanks"),
    ("https://hooks.example/\r\nX: 1", "blanks"),
    ("https://hooks.example/\x00", "control"),
    ("https://hooks\u00ad.example/", "control"),
    ("https://[fe80::1%25eth0]/", "zone"),
    ("https://[fe80::1%eth0]/", "zone"),
    ("https://[fe80::1%é]/", "no URL"),
    ("https://[é]/", "no URL"),
    ("https://127%2e0.0.1/", "escaped"),
    ("https://[::", "no URL"),
    ("https://[8.8.8.8]/", "no URL"),
    ("https://a..example/", "no host name"),
    ("https://.example/", "no host name"),
    ("https://-a.example/", "no host name"),
    ("https://*.example/", "no host name"),
    ("https://" + "a" * 64 + ".example/", "no host name"),
    ("https://" + "a." * 127 + "example/", "no host name"),
    ("https://2130706433/", "unusual spelling"),
    ("https://0x7f000001/", "unusual spelling"),
    ("https://0x7f.1/", "unusual spelling"),
    ("https://127.1/", "unusual spelling"),
    ("https://0177.0.0.1/", "no URL"),
    ("https://127.0.0.0x1/", "unusual spelling"),
    ("https://1.2.3.4.5/", "unusual spelling"),
    ("https://0/", "unusual spelling"),
    ("https://256.1.1.1/", "no URL"),
    ("https://127.0.0.1./", "not public"),
    ("https://127。0。0。1/", "not public"),
    ("https://localhost/", "not public"),
    ("https://LOCALHOST:8080/", "not public"),
    ("https://localhost./", "not public"),
    ("https://app.localhost/", "not public"),
    ("https://localhost.localdomain/", "not public"),
    ("https://ip6-loopback/", "not public"),
    ("https://hooks.example/" + "a" * 2027, "2049 characters"),
]


@pytest.mark.parametrize(("url", "why"), BAD)
def test_urls_that_are_not(url: str, why: str) -> None:
    with pytest.raises(TargetError, match=why) as caught:
        check_url(url, Delivery())
    assert len(str(caught.value)) < 300


@given(st.text(max_size=40), st.booleans())
def test_any_text_is_a_good_url_or_a_bad_one(text: str, prefixed: bool) -> None:
    try:
        check_url("https://" * prefixed + text, Delivery())
    except TargetError as error:
        assert str(error)  # noqa: PT017 - either end is fine


def test_why_a_url_is_refused_never_has_its_secrets() -> None:
    bad = (
        "ftp://h",
        "http://u:5ecret@h",
        "http://h:0",
        "http://127.0.0.1",
        "http://[::",
        "http://",
    )
    for start in bad:
        with pytest.raises(TargetError) as caught:
            check_url(f"{start}/5ecret?5ecret#5ecret", Delivery())
        assert "5ecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("allow", "host"),
    [
        ("127.0.0.0/8", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.0/8", "[::ffff:127.0.0.1]"),
        ("127.0.0.0/8", "localhost"),
        ("::1", "localhost"),
        ("::1", "[::1]"),
        ("fd00::/8", "[fd12::1]"),
        ("10.0.0.1/8", "10.2.3.4"),
        ("localhost", "localhost"),
        ("LocalHost.", "localhost"),
        ("app.localhost", "app.localhost."),
    ],
)
def test_what_the_operator_allows(allow: str, host: str) -> None:
    url = f"http://{host}:8080/"
    check_url(url, Delivery(allow=(allow,)))
    with pytest.raises(TargetError):
        check_url(url, Delivery(allow=("192.168.0.0/16", "other.localhost")))


def test_a_name_that_is_allowed_may_be_anywhere_and_others_may_not() -> None:
    targets = Targets(("hooks.internal", "10.0.0.0/8"))
    assert targets.allows("Hooks.Internal.", ip_address("192.168.0.1"))
    assert targets.allows("other.internal", ip_address("10.1.1.1"))
    assert targets.allows("other.internal", ip_address("::ffff:10.1.1.1"))
    assert not targets.allows("other.internal", ip_address("192.168.0.1"))
    assert not targets.allows("a.hooks.internal", ip_address("192.168.0.1"))
    assert not targets.allows("other.internal", ip_address("64:ff9b::10.1.1.1"))


@pytest.mark.parametrize(
    "entry", ["10.0.0.0/33", "", "a b", "*.internal", "1.2.3", "http://h", "é"]
)
def test_an_allowance_that_is_none(entry: str) -> None:
    with pytest.raises(ValueError, match="network"):
        Targets((entry,))


# -- configurations


def config(
    *, scheme: str = "", credentials: str = "", identity: str = "", url: str = "", token: str = ""
) -> TaskPushNotificationConfig:
    authentication = AuthenticationInfo(scheme=scheme, credentials=credentials)
    return TaskPushNotificationConfig(
        id=identity, url=url, token=token, authentication=authentication
    )


def test_configurations_that_are_fine() -> None:
    assert secrets(TaskPushNotificationConfig()) == []
    assert secrets(config(scheme="Bearer")) == []
    assert secrets(config(scheme="Bearer", credentials="a b~!", token="t")) == [
        (b"X-A2A-Notification-Token", b"t"),
        (b"Authorization", b"Bearer a b~!"),
    ]
    check_config(
        config(
            scheme="s" * 100,
            credentials="c" * 16384,
            identity="ü" * 250,
            url="u" * 2048,
            token="t" * 4096,
        )
    )


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (config(identity="ü" * 250 + "i"), "id has 501 bytes"),
        (config(identity="a\nb"), "control"),
        (config(url="u" * 2049), "url has 2049"),
        (config(token="t" * 4097), "token has 4097"),
        (config(token="5ecret\r\nX: 1"), "token"),
        (config(token="5ecret\n"), "token"),
        (config(token="5ecret\x00"), "token"),
        (config(token="5ecret\x7f"), "token"),
        (config(token="5ecretü"), "token"),
        (config(token=" 5ecret"), "blanks"),
        (config(token="5ecret "), "blanks"),
        (config(scheme="s" * 101), "scheme has 101"),
        (config(scheme="Bearer 5ecret"), "one word"),
        (config(scheme="Bearer\n"), "one word"),
        (config(scheme="Bearer:"), "one word"),
        (config(scheme="B", credentials="c" * 16385), "credentials has 16385"),
        (config(scheme="B", credentials="5ecret\r\nX: 1"), "credentials"),
        (config(credentials="5ecret"), "no scheme"),
    ],
)
def test_configurations_that_could_not_be_sent(bad: TaskPushNotificationConfig, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        check_config(bad)
    assert "5ecret" not in str(caught.value)
    with pytest.raises(ConfigError):
        secrets(bad)
