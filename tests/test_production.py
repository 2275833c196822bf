"""What a public host serves: static files under hashed names, kept by browsers for good.

Comes in: the repository's static files. Goes out: the proof that the image's build step works.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client

NAME_WITH_HASH = re.compile(r"\.[0-9a-f]{12}\.\w+$")


@pytest.fixture
def collected(settings: LazySettings, tmp_path: Path) -> Path:
    """A folder of static files, collected as the image's build does it."""
    settings.STATIC_ROOT = tmp_path / "staticfiles"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "config.storage.ModuleManifestStorage"},
    }
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = False
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path / "staticfiles"


@pytest.mark.django_db  # answering a request closes old connections
def test_static_files_are_served_under_hashed_names_and_kept_for_good(collected: Path) -> None:
    url = staticfiles_storage.url("signalscope/css/tokens.css")

    response = Client().get(url)
    response.close()

    assert NAME_WITH_HASH.search(url)
    assert response.status_code == 200
    assert "immutable" in response.headers["Cache-Control"]


def test_scripts_import_each_other_under_hashed_names(collected: Path) -> None:
    manifest = json.loads((collected / "staticfiles.json").read_text())["paths"]
    scripts = [name for name in manifest if name.startswith("signalscope/") and name.endswith(".js")]

    imports = [
        (name, imported)
        for name in scripts
        for imported in re.findall(r"""from\s*["']([^"']+)["']""", (collected / manifest[name]).read_text())
    ]

    assert scripts
    assert [pair for pair in imports if not NAME_WITH_HASH.search(pair[1])] == []
