"""Static files with hashed names, the imports inside ES modules rewritten too."""

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]

# ``import … from "./x.js"``, ``export … from "./x.js"``, ``import "./x.js"`` and ``import("./x.js")``.
_IMPORT = (
    r"""(?P<matched>(?P<before>\b(?:from|import)\s*\(?\s*)["'](?P<url>\.{1,2}/[^"']+)["'])""",
    '%(before)s"%(url)s"',
)


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's storage, which also follows the ``import`` statements of the project's own scripts.

    Django's switch for that, ``support_js_module_import_aggregation``, takes every script there is,
    and stops at an import that stands in a comment of htmx's server-sent events extension.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("signalscope/*.js", (_IMPORT,)),
        ("demo_app/*.js", (_IMPORT,)),
    )
