"""Which addresses webhooks may have (R65): what a URL says, and what its name resolves to.

A URL is judged when a configuration is made, by what it says, and at each connection, by the
addresses behind its name.

Neighbours: `pinned.py` (connects to addresses that were judged here, and to no others),
`hook_client.py` (follows redirects only after `Targets.parse`), `task/delivery.py` (what the
operator allows).
"""

from __future__ import annotations

import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import httpx

from actors.task.delivery import Delivery

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST_URL = 2048
LONGEST_NAME = 253

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_AUTHORITY = re.compile(r"[^/]*//([^/?#]*).*")
_LOCAL = re.compile(r"(?:.+\.)?(?:localhost|localdomain)|ip6-(?:localhost|loopback)")

_NOT_PUBLIC = tuple(  # although Python, or some release of it, calls them global
    ip_network(network)
    for network in (
        "168.63.129.16/32",  # the host of a virtual machine, as it sees it (Azure)
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays into 6to4
        "224.0.0.0/4",  # multicast
        "2001::/23",  # Teredo, ORCHID and other assignments
        "3fff::/20",  # documentation
    )
)
_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


class TargetError(ValueError):
    """No notification may be sent to this URL. The text names at most its scheme, host and port."""


def check_url(url: str, delivery: Delivery) -> None:
    """See that a webhook may have this URL, by what it says; names are not resolved (R65).

    Raises:
        TargetError: it is no http or https URL, or its host is not a public one.
    """
    Targets(delivery.allow).parse(url)


class Targets:
    """The addresses that webhooks may have: public ones, and what the operator allows.

    Args:
        allow: networks and host names, as `Delivery.allow`.

    Raises:
        ValueError: one of them is neither a network nor a host name.
    """

    def __init__(self, allow: tuple[str, ...] = ()) -> None:
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in allow:
            self._allow(entry)

    def _allow(self, entry: str) -> None:
        name = entry.lower().removesuffix(".")
        try:
            self._networks.append(ip_network(name, strict=False))
        except ValueError:
            if not _NAME.fullmatch(name) or _ends_in_a_number(name):
                raise ValueError(
                    f"allow has {entry!r}, expected a network as '10.0.0.0/8' or a host name"
                ) from None
            self._names.add(name)

    def parse(self, text: str) -> httpx.URL:
        """Return the URL of a receiver, which may be connected to as far as it can be seen.

        Raises:
            TargetError: it may not.
        """
        url = _url(text)
        host = url.raw_host.decode()
        name = host.removesuffix(".")
        address = literal(name)
        if address is None:
            if not _NAME.fullmatch(host) or len(name) > LONGEST_NAME:
                raise TargetError(f"{_short(host)} is no host name")
            if _ends_in_a_number(name):
                raise TargetError(
                    f"the host {_short(host)} is an unusual spelling of an address; write it as "
                    "four decimal numbers"
                )
        if not self._may_be_public(name, address):
            raise TargetError(
                f"the host {_short(host)} is not public; use one that is, or ask the operator of "
                "this agent to allow it"
            )
        return url

    def _may_be_public(self, name: str, address: Address | None) -> bool:
        if address is not None:
            return self.allows(name, address)
        if not _LOCAL.fullmatch(name):
            return True
        return any(self.allows(name, loopback) for loopback in _LOOPBACK)

    def allows(self, host: str, address: Address) -> bool:
        """Whether a connection may be made to `address`, to which the name `host` resolves."""
        if host.lower().removesuffix(".") in self._names:
            return True
        address = _unmapped(address)
        return is_public(address) or any(address in network for network in self._networks)


def is_public(address: Address) -> bool:
    """Whether anybody on the internet can have this address, whichever address it wraps."""
    address = _unmapped(address)
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.sixtofour is not None and not is_public(address.sixtofour):
            return False
        if address not in _UNICAST:
            return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


def literal(host: str) -> Address | None:
    """Return the address that a host is, in its plain spelling; None: it is a name, or none."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _unmapped(address: Address) -> Address:
    """Return the IPv4 address within an IPv6 one that the system connects to by IPv4."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _ends_in_a_number(name: str) -> bool:
    """Whether resolvers may take a name for an IPv4 address: 2130706433, 0x7f.1, 0177.0.0.1."""
    return _NUMBER.fullmatch(name.rpartition(".")[2]) is not None


def _url(text: str) -> httpx.URL:
    """Return the URL that a text is, in good form: http or https, a host, a port.

    Raises:
        TargetError: it is not; the text of the error has nothing of path, query and user.
    """
    if len(text) > LONGEST_URL:
        raise TargetError(f"the URL has {len(text)} characters, expected at most {LONGEST_URL}")
    if any(sign.isspace() or not sign.isprintable() or sign == "\\" for sign in text):
        raise TargetError("the URL has blanks, control characters or backslashes in it")
    try:
        url = httpx.URL(text)
        host = url.raw_host.decode()
    except (httpx.InvalidURL, UnicodeError):  # the latter of a host that is not ASCII, in brackets
        raise TargetError("that is no URL; expected one as https://host/path") from None
    if url.scheme not in ("http", "https"):
        raise TargetError(f"the URL's scheme is {_short(url.scheme)}, expected http or https")
    if not host:
        raise TargetError("the URL has no host; expected one as https://host/path")
    if "@" in _AUTHORITY.sub(r"\1", text):
        raise TargetError("the URL has a user or password in it; use token or authentication")
    if url.port is not None and not 1 <= url.port <= 0xFFFF:
        raise TargetError(f"the URL's port is {url.port}, expected 1 to 65535")
    if "%" in host:
        raise TargetError("the URL's host has a zone or an escaped character, expected neither")
    return url


def _short(text: str) -> str:
    """Quote what somebody else wrote, but not all of it."""
    return repr(text if len(text) <= 80 else text[:77] + "...")
