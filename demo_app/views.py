"""The public pages: the list of posts, and a post with its likes and comments.

Comes in: requests. Goes out: pages; likes and comments as rows, views as signals.
"""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from . import feed, tallies
from .forms import CommentForm
from .models import Post, SearchDocument, Tag
from .signals import page_viewed

PER_PAGE = 13
MAX_QUERY = 80


class BrokenPageError(Exception):
    """Raised by the page that always fails."""


@require_safe
def post_list(request: HttpRequest) -> HttpResponse:
    """Show the published posts: all, those of ``?tag=``, or those that hold the words of ``?q=``."""
    posts = feed.published()
    query = request.GET.get("q", "").strip()[:MAX_QUERY]
    tag = Tag.objects.filter(slug=request.GET.get("tag", "")).first()
    if tag:
        posts = [post for post in posts if tag in post.tags.all()]
    if query:
        documents = SearchDocument.objects.filter(text__contains=query.lower())
        found = set(documents.values_list("post_id", flat=True))
        posts = [post for post in posts if post.pk in found]
    page = Paginator(posts, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "tag": tag, "query": query, "tags": Tag.objects.all()}
    return render(request, "demo_app/post_list.html", context)


@require_safe
def post_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a post, and say with ``page_viewed`` that it was shown."""
    post = _visible_post(request.user, slug)
    page_viewed.send(sender=Post, instance=post)
    return _render_post(request, post, CommentForm(named=request.user.is_anonymous))


@require_POST
def like(request: HttpRequest, slug: str) -> HttpResponse:
    """Like the post, or take the like back; who is not logged in is asked to do that first."""
    post = _visible_post(request.user, slug)
    if not isinstance(request.user, User):
        return redirect_to_login(post.get_absolute_url())
    if post.liked_by.filter(pk=request.user.pk).exists():
        post.liked_by.remove(request.user)
    else:
        post.liked_by.add(request.user)
    return redirect(f"{post.get_absolute_url()}#likes")


@require_POST
def comment(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a comment, or show the form again with what is wrong with it."""
    post = _visible_post(request.user, slug)
    form = CommentForm(request.POST, named=request.user.is_anonymous)
    if not form.is_valid():
        return _render_post(request, post, form, status=422)
    written = form.save(commit=False)
    written.post = post
    if isinstance(request.user, User):
        written.author = request.user
        written.name = request.user.get_full_name() or request.user.get_username()
    written.save()
    return redirect(f"{post.get_absolute_url()}#comment-{written.pk}")


@require_safe
def broken(request: HttpRequest) -> HttpResponse:
    """Fail, so that ``got_request_exception`` can be seen."""
    raise BrokenPageError("This page always fails. Its error shows as got_request_exception in Signalscope.")


def _visible_post(user: User | AnonymousUser, slug: str) -> Post:
    post = Post.objects.select_related("author__profile").filter(slug=slug).first()
    if post is None or not (post.is_published or user.is_staff):
        raise Http404("There is no such post, or it is not published.")
    return post


def _render_post(request: HttpRequest, post: Post, form: CommentForm, status: int = 200) -> HttpResponse:
    liked = isinstance(request.user, User) and post.liked_by.filter(pk=request.user.pk).exists()
    context = {
        "post": post,
        "tags": post.tags.all(),
        "comments": post.comments.all(),
        "form": form,
        "liked": liked,
        "views": tallies.views.count(post.pk),
        "more": [other for other in feed.published() if other.pk != post.pk][:3],
    }
    return render(request, "demo_app/post_detail.html", context, status=status)
