"""The comment form of the public pages.

Comes in: what a reader typed. Goes out: a valid, unsaved ``Comment``.
"""

from __future__ import annotations

from typing import Any

from django import forms

from .models import Comment


class CommentForm(forms.ModelForm):  # type: ignore[type-arg]  # takes type arguments in the stubs only
    """A comment. A logged-in reader is named by the account, so ``named=False`` leaves the name out."""

    class Meta:
        model = Comment
        fields = ["name", "body"]
        labels = {"name": "Your name", "body": "Your comment"}
        widgets = {"body": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, named: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        if not named:
            del self.fields["name"]
