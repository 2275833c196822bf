"""compose.yaml, read beside the code: what it sets is read, what it runs is there, no secret leaves.

Comes in: the file, and the sources it names. Goes out: no container, for a test has no engine to ask;
``tests/test_deployment.py`` runs the same commands with the same environments outside of containers.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from django.conf import LazySettings
from django.core.management import get_commands
from django.test import Client

from config.settings import BASE_DIR

COMPOSE: dict[str, Any] = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SETTINGS = "".join((BASE_DIR / "config" / name).read_text() for name in ("settings.py", "__init__.py"))
READ_ELSEWHERE = {"SIGNALSCOPE_JOURNAL": "dashboard/conf.py"}
DOCKERFILE = (BASE_DIR / "Dockerfile").read_text()


@pytest.mark.parametrize(
    "name", sorted({name for service in OURS.values() for name in service["environment"]})
)
def test_every_variable_that_is_set_is_read(name: str) -> None:
    source = (BASE_DIR / READ_ELSEWHERE[name]).read_text() if name in READ_ELSEWHERE else SETTINGS
    assert re.search(rf"""(environ(\.get)?[\[(]|_list\()["']{name}["']""", source)


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_is_there(name: str) -> None:
    words = SERVICES[name]["command"]
    requirements = (BASE_DIR / "requirements.txt").read_text()
    match words:
        case ["python", "manage.py", command, *_]:
            assert command in get_commands()
        case ["daphne", *_, "config.asgi:application"]:
            assert "daphne" in requirements
        case ["celery", "-A", "config", "worker", *_]:
            assert "celery" in requirements
            assert (BASE_DIR / "config" / "celery.py").exists()
        case _:
            pytest.fail(f"Nobody has looked at this command yet: {words}")


def test_the_five_parts_and_the_migration_are_there() -> None:
    assert set(SERVICES) == {"migrate", "app", "worker", "dashboard", "postgres", "redis"}


def test_only_app_and_dashboard_are_published_and_on_this_machine_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"app", "dashboard"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert not any("network_mode" in service or "expose" in service for service in SERVICES.values())


@pytest.mark.parametrize("name", ["app", "dashboard"])
def test_the_published_port_is_the_one_listened_on(name: str) -> None:
    [port] = SERVICES[name]["ports"]
    assert port.rpartition(":")[2] in SERVICES[name]["command"]


def test_no_secret_has_a_default() -> None:
    text = (BASE_DIR / "compose.yaml").read_text()
    for name in ("DJANGO_SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        used = re.findall(rf"(?<!\$)\$\{{{name}([^}}]*)\}}", text)
        assert any(how.startswith(":?") for how in used), f"{name} may be empty"
        assert not any(how.startswith((":-", "-")) for how in used)
    assert not re.search(r"://\w*:[^$@]+@", text), "a password stands in a URL"


def test_everybody_waits_for_what_it_needs_to_be_healthy() -> None:
    for name in ("app", "worker", "dashboard"):
        waits = SERVICES[name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully"
        assert waits["redis"]["condition"] == "service_healthy"
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    healthy = {
        other
        for service in SERVICES.values()
        for other, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_healthy"
    }
    assert all("test" in SERVICES[name]["healthcheck"] for name in healthy)


def test_every_service_that_stays_says_whether_it_is_well() -> None:
    checked = {name for name, service in SERVICES.items() if "test" in service.get("healthcheck", {})}
    # The app's stands in the image.
    assert checked == {"worker", "dashboard", "postgres", "redis"}
    assert "HEALTHCHECK" in DOCKERFILE
    assert "127.0.0.1:8000" in DOCKERFILE
    assert SERVICES["migrate"]["healthcheck"] == {"disable": True}


def test_every_volume_is_declared_and_used_once() -> None:
    used = [
        volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())
    ]
    assert sorted(used) == sorted(COMPOSE["volumes"])


def test_redis_counts_what_it_refuses_and_keeps_what_it_took() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    for option in ("--requirepass", "--maxmemory-policy noeviction", "--appendonly yes", "--maxmemory 256mb"):
        assert option in command


def test_journal_and_tasks_have_a_database_each() -> None:
    environment = SERVICES["app"]["environment"]
    assert environment["CELERY_BROKER_URL"].endswith("/0")
    assert environment["SIGNALSCOPE_JOURNAL"].endswith("/1")


def test_the_image_takes_nothing_along_that_is_not_for_it() -> None:
    ignored = (BASE_DIR / ".dockerignore").read_text().split()
    assert {".*", "tests", "media", "**/*.sqlite3*", "**/__pycache__"} <= set(ignored)
    for needed in ("config", "dashboard", "demo_app", "manage.py", "requirements.txt", "static", "templates"):
        assert needed not in ignored
        assert (BASE_DIR / needed).exists()


@pytest.mark.django_db  # answering a request closes old connections
def test_uploads_are_served_outside_debug_and_run_nothing(settings: LazySettings) -> None:
    assert settings.DEBUG is False
    settings.MEDIA_ROOT.mkdir(parents=True)
    (settings.MEDIA_ROOT / "a.svg").write_text("<svg/>")
    (settings.MEDIA_ROOT.parent / "secret").write_text("secret")
    response = Client().get("/media/a.svg")
    assert response.getvalue() == b"<svg/>"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert Client().get("/media/../secret").status_code == 400
    assert Client().get("/media/").status_code == 404
    assert Client().post("/media/a.svg").status_code == 405
