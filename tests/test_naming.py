"""Names of signals and senders, and where code is."""

from __future__ import annotations

import functools
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import django
import pytest
from django.apps import AppConfig, apps
from django.contrib.auth.models import User
from django.core.signals import request_started
from django.db.models.signals import ModelSignal, post_save
from django.dispatch import Signal

from dashboard import dispatcher, naming, sites

here = Signal()


class Holder:
    """Holds a signal as a class attribute."""

    signal = Signal()


@pytest.mark.parametrize(
    ("signal", "name"),
    [
        (post_save, "django.db.models.signals.post_save"),
        (request_started, "django.core.signals.request_started"),
        (here, f"{__name__}.here"),
        (Holder.signal, f"{__name__}.Holder.signal"),
    ],
)
def test_a_signal_is_named_by_what_defines_it(signal: Signal, name: str) -> None:
    assert naming.signal_name(signal) == name


@pytest.mark.parametrize(
    "made", ["made = Signal()", "made: Signal = django.dispatch.Signal(use_caching=True)"]
)
@pytest.mark.parametrize(
    "elsewhere",
    [
        "from zz.signals import made",
        "sent = made",
        "made = get('zz.signals', 'made')",
        "class View:\n    sent = made",
    ],
    ids=["imported", "another name", "looked up", "a class's"],
)
def test_a_signal_held_elsewhere_too_is_named_by_the_module_that_makes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: str, elsewhere: str
) -> None:
    """The other module has the shorter name, as Oscar's ``views`` has it beside its ``signals``."""
    names = {
        "django": django,
        "Signal": Signal,
        "get": lambda module, name: getattr(sys.modules[module], name),
    }
    for name, source in (("zz.signals", made), ("zz.a", f"from zz.signals import made\n{elsewhere}")):
        module = ModuleType(name)
        file = tmp_path / f"{name}.py"
        file.write_text(source)
        vars(module).update(names, __file__=str(file))
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(source, file, "exec"), vars(module))  # noqa: S102  (the file above)
    assert naming.signal_name(sys.modules["zz.signals"].made) == "zz.signals.made"


def test_a_signal_that_a_function_makes_is_named_by_the_module_that_assigns_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    made = Signal()
    for name, source in (("a", "from zz.signals import made\n"), ("zz.signals", "made = make()\n")):
        module = ModuleType(name)
        file = tmp_path / f"{name}.py"
        file.write_text(source)
        module.__file__ = str(file)
        module.made = made  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    assert naming.signal_name(made) == "zz.signals.made"


def test_a_signal_that_nothing_holds_is_named_by_its_type() -> None:
    assert naming.signal_name(ModelSignal()).startswith("django.db.models.signals.ModelSignal at 0x")


@pytest.mark.parametrize(
    ("sender", "label"),
    [
        (None, None),
        (User, "auth.User"),
        (User.groups.through, "auth.User.groups"),
        (Holder, f"{__name__}.Holder"),
        (Holder(), f"{__name__}.Holder object"),
        ("name", "name"),
        ("x" * 500, "x" * 200),
        (sys, "sys"),
        ([], "list object"),
    ],
)
def test_a_sender_has_a_label(sender: Any, label: str | None) -> None:
    assert naming.sender_label(sender) == label


def test_an_app_config_as_sender_is_named_by_its_label() -> None:
    assert naming.sender_label(apps.get_app_config("auth")) == "auth (app)"


def test_an_app_whose_config_class_says_the_label_is_named_by_it() -> None:
    class ShopConfig(AppConfig):
        label, path = "shop", "."

    assert naming.sender_label(ShopConfig("zz.shop.core", sys)) == "shop (app)"


def test_a_receiver_that_inherits_its_call_is_placed_where_that_is_written() -> None:
    class Notifier:
        def __call__(self, **named: Any) -> None: ...

    class MailNotifier(Notifier):
        pass

    place = Notifier.__call__.__code__
    assert naming.receiver_source(MailNotifier()) == (place.co_filename, place.co_firstlineno)


def test_a_receiver_written_in_c_has_a_name_and_no_place() -> None:
    bound: list[Any] = []
    for receiver in (print, bound.append, functools.partial(print)):
        assert naming.receiver_name(receiver)
        assert naming.receiver_source(receiver) is None


def test_every_family_of_djangos_signals_is_known() -> None:
    for name in naming.BUILTIN_SIGNALS:
        assert naming.family_of(name) in naming.FAMILIES
    assert naming.family_of("shop.signals.paid") == "custom"


def test_connections_are_told_in_dispatch_order_with_sender_and_uid() -> None:
    signal = Signal()

    def weak(**named: Any) -> None:
        pass

    def strong(**named: Any) -> None:
        pass

    async def later(**named: Any) -> None:
        pass

    def gone(**named: Any) -> None:
        pass

    signal.connect(weak, sender=User)
    signal.connect(strong, weak=False, dispatch_uid="mine")
    signal.connect(later, sender=Holder)
    signal.connect(gone)
    del gone
    told = dispatcher.connected(signal)
    assert [one.receiver for one in told] == [weak, strong, later, None]
    assert [one.weak for one in told] == [True, False, True, True]
    assert [one.all_senders for one in told] == [False, True, False, True]
    assert told[0].sender is User
    assert [one.dispatch_uid for one in told] == [None, "mine", None, None]
    assert [one.is_async for one in told] == [False, False, True, False]


def test_signals_made_in_modules_are_known() -> None:
    known = dispatcher.known_signals()
    for signal in (here, Holder.signal, post_save, request_started):
        assert any(one is signal for one in known)


def test_the_projects_own_files_are_told_from_libraries() -> None:
    import json

    import django

    assert sites.is_own(__file__)
    assert not sites.is_own(json.__file__)
    assert not sites.is_own(django.__file__)
    assert not sites.is_own(sites.__file__)
    assert not sites.is_own("<string>")


def test_a_file_is_shown_as_it_is_imported() -> None:
    import django.contrib.admin.options

    assert sites.shown(django.contrib.admin.options.__file__) == "django/contrib/admin/options.py"
    assert sites.shown(__file__).endswith("tests/test_naming.py")


def test_where_no_line_is_the_projects_own_the_nearest_library_line_is_told() -> None:
    found: list[Any] = []
    scope: dict[str, Any] = {"tell": lambda: found.append(sites.emitting(sys._getframe(1)))}
    library = "/x/site-packages/shop/admin.py"
    exec(compile("def save_model():\n    tell()\n", library, "exec"), scope)  # noqa: S102
    thread = threading.Thread(target=scope["save_model"])
    thread.start()
    thread.join()
    assert [*map(sites.place, found)] == [(library, 2, "save_model")]
