"""A journal's URL: what it names, what is wrong with it, and that its password is shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings

from dashboard import addresses, checks, conf
from dashboard.addresses import AddressError, RedisAddress, SqliteAddress, parse, shown
from dashboard.journal import JournalError, open_journal


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("sqlite:///a/b.sqlite3", SqliteAddress("a/b.sqlite3")),
        ("sqlite:////a/b.sqlite3", SqliteAddress("/a/b.sqlite3")),
        ("redis://", RedisAddress()),
        ("redis://cache", RedisAddress(host="cache")),
        ("redis://cache:7000/3", RedisAddress(host="cache", port=7000, db=3)),
        ("redis://[::1]:7000/", RedisAddress(host="::1", port=7000)),
        ("redis://:p%40ss@cache", RedisAddress(host="cache", password="p@ss")),
        ("redis://me:p%2Fss@cache/1", RedisAddress(host="cache", username="me", password="p/ss", db=1)),
        ("redis://cache?prefix=a.b:c-1&timeout=0.5", RedisAddress("cache", prefix="a.b:c-1", timeout_s=0.5)),
        ("rediss://cache", RedisAddress(host="cache", tls={})),
        (
            "rediss://cache?ssl_cert_reqs=none&ssl_check_hostname=false",
            RedisAddress(host="cache", tls={"ssl_cert_reqs": "none", "ssl_check_hostname": False}),
        ),
        ("unix:///run/redis.sock?db=2", RedisAddress(socket="/run/redis.sock", db=2)),
    ],
)  # fmt: skip
def test_a_url_names_a_place(url: str, address: object) -> None:
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("redis://cache/name", "database is no number"),
        ("redis://cache:0", "port is 0"),
        ("redis://cache:99999", "cannot be read"),
        ("redis://cache?databse=1", "'databse' is unknown, known are prefix, timeout"),
        ("redis://cache?ssl_cert_reqs=none", "'ssl_cert_reqs' is unknown"),
        ("redis://cache?prefix=a{b", "prefix 'a{b'"),
        ("redis://cache?prefix=", "prefix ''"),
        ("redis://cache?timeout=0", "timeout '0'"),
        ("redis://cache?timeout=nan", "timeout 'nan'"),
        ("rediss://cache?ssl_ca_certs=/no/such/file", "no file '/no/such/file'"),
        ("rediss://cache?ssl_cert_reqs=maybe", "'maybe'"),
        ("unix://", "no path"),
        ("mysql://cache", "no Redis server"),
    ],
)
def test_a_url_that_names_no_place_is_refused_with_the_fault(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, url: str, fault: str
) -> None:
    monkeypatch.delenv("SIGNALSCOPE_JOURNAL", raising=False)
    with pytest.raises(AddressError) as caught:
        parse(url)
    assert fault in str(caught.value)
    with pytest.raises(JournalError) as refused:
        open_journal(url)
    assert fault in str(refused.value)
    assert addresses.REMEDY in str(refused.value)
    settings.SIGNALSCOPE = {"JOURNAL": url}
    (message,) = checks.check_settings()
    assert message.id == checks.WRONG_VALUE
    assert fault in message.msg
    assert message.hint == addresses.REMEDY


LEAKY = [
    "redis://me:s3cret@cache/0",
    "redis://:s3cret@cache/wrong",
    "redis://me:s3cret/s3cret@cache/0",
    "redis://me:s3c@ret:s3cret@cache/0",
    "redis://me:s3cret#s3cret@cache",
    "redis://me:s3cret?s3cret@cache",
    "redis://s3cret@cache/wrong",
    "redis://me/s3cret@cache",
    "redis://me:s3cret℀@cache",
    "rediss://me:s3cret@cache?ssl_ca_certs=/no/such",
    "redis://cache?password=s3cret",
    "mysql://me:s3cret@host",
]


@pytest.mark.parametrize("url", LEAKY)
def test_a_password_is_in_no_message(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.delenv("SIGNALSCOPE_JOURNAL", raising=False)
    said = [shown(url)]
    try:
        said.append(repr(parse(url)))
    except AddressError as error:
        said.append(str(error))
    try:
        journal = open_journal(url)
        said.append(journal.url)
        journal.close()
    except JournalError as error:
        said += [str(error), repr(error)]
    for given in ({"JOURNAL": url}, {"JOURNAL": [url]}, url):
        settings.SIGNALSCOPE = given
        said += [f"{problem.message} {problem.hint}" for problem in conf.problems()]
        said += [f"{message.msg} {message.hint}" for message in checks.check_journal()]
    assert not [text for text in said if "s3c" in text or "ret:" in text]


def test_a_file_s_path_is_shown_whole() -> None:
    assert shown("sqlite:////home/me@work/journal.sqlite3") == "sqlite:////home/me@work/journal.sqlite3"


def test_a_missing_client_library_is_an_error_of_the_checks(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SIGNALSCOPE_JOURNAL", raising=False)
    settings.SIGNALSCOPE = {"JOURNAL": "redis://:s3cret@cache"}
    assert checks.check_journal() == []
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    (message,) = checks.check_journal()
    assert message.id == "signalscope.E008"
    assert "pip install" in (message.hint or "")
    assert "s3cret" not in message.msg
    settings.SIGNALSCOPE = {"JOURNAL": f"sqlite:///{tmp_path}/journal.sqlite3"}
    assert checks.check_journal() == []
