"""Reading a WordPress export (WXR, versions 1.0 to 1.2).

WXR is RSS 2.0 with `wp:` elements: github.com/WordPress/WordPress, wp-admin/includes/export.php.
The file is read as a stream; a document type definition, which no export has, is refused, so that
no entity is ever defined, fetched or expanded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from lxml import etree

from membership.articles import shortcodes
from membership.articles.draft import (
    Draft,
    ImportRefusedError,
    Note,
    Reading,
    Skipped,
    as_slug,
    one_line,
)
from membership.articles.markup import Body, Picture, read_body, split_credit
from membership.articles.safety import plain

NOT_STORIES = {
    "attachment": "an attachment, not a story",
    "nav_menu_item": "a menu item, not a story",
    "page": "a page, not a story",
    "revision": "a revision of another item",
}
NOT_PUBLISHED = {
    "auto-draft": "a draft",
    "draft": "a draft",
    "future": "scheduled, not yet published",
    "inherit": "not published by itself",
    "pending": "waiting for review, not published",
    "private": "private",
    "trash": "in the bin",
}
IFRAME = re.compile(r"<iframe\b", re.IGNORECASE)
# WordPress makes smaller copies of a picture: harbour-300x200.jpg is harbour.jpg.
SIZE = re.compile(r"-\d+x\d+(?=\.\w+$)")
UNCATEGORISED = {"uncategorized", "uncategorised", "без-категорії", "bez-kategoriyi"}


@dataclass
class Item:
    """One <item>, its child elements by local name."""

    fields: dict[str, str]
    terms: list[tuple[str, str, str]]  # (domain, nicename, name)
    meta: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    @property
    def title(self) -> str:
        return one_line(plain(self["title"]))


@dataclass
class Export:
    """A whole file: what stands before the items, and the items."""

    channel: dict[str, str] = field(default_factory=dict)
    authors: dict[str, str] = field(default_factory=dict)  # login to display name
    items: list[Item] = field(default_factory=list)

    @property
    def site(self) -> str:
        """The address of the site the export came from."""
        for name in ("base_blog_url", "base_site_url", "link"):
            if address := self.channel.get(name, "").strip().rstrip("/"):
                return address
        return "wordpress"


def read(
    path: Path, *, languages: tuple[str, ...], language: str | None, cut: str | None
) -> Reading:
    """All stories of the export at `path`, in `language` or else in the one the export names.

    Raises ImportRefusedError when the file is no complete WordPress export.
    """
    export = _parse(path)
    named = export.channel.get("language", "").split("-")[0].lower()
    spoken = language or (named if named in languages else languages[0])
    attachments = {item["post_id"]: item for item in export.items if item["attachment_url"]}
    drafts: list[Draft] = []
    skipped: list[Skipped] = []
    notes: list[Note] = []
    for item in export.items:
        label = item.title or f"(no title, id {item['post_id'] or '?'})"
        reason = _reason_to_skip(item)
        if reason is None:
            draft, left_out = _draft(item, export, attachments, spoken, cut)
            if draft.body_html or draft.image_url:
                drafts.append(draft)
                notes += [Note(draft.title, what) for what in left_out]
                continue
            reason = "it has neither text nor picture"
        skipped.append(Skipped(label, reason))
    return Reading(tuple(drafts), tuple(skipped), tuple(notes))


def _parse(path: Path) -> Export:
    export = Export()
    try:
        with path.open("rb") as file:
            for depth, element in _ended(file, path):
                _take(export, element, depth)
    except OSError as error:
        raise ImportRefusedError(f"{path}: cannot be read ({error.strerror or error})") from error
    except etree.XMLSyntaxError as error:
        raise ImportRefusedError(f"{path}: is not a whole XML file ({error.msg})") from error
    if "wxr_version" not in export.channel:
        raise ImportRefusedError(f"{path}: is not a WordPress export (it has no wxr_version)")
    return export


def _ended(file: BinaryIO, path: Path) -> Iterator[tuple[int, etree._Element]]:
    """(depth, element) of each element that has been read to its end; the root has depth 0."""
    # Reads no other file and no network, and keeps libxml2's limits on size and depth.
    events = etree.iterparse(
        file,
        events=("start", "end"),
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
    )
    depth = -1
    for event, element in events:
        if event == "start":
            depth += 1
            if depth == 0 and element.getroottree().docinfo.doctype:
                raise ImportRefusedError(
                    f"{path}: has a document type definition, which no WordPress export has"
                )
        else:
            yield depth, element
            depth -= 1


def _take(export: Export, element: etree._Element, depth: int) -> None:
    """Keep what is needed of a child of <channel>, then free its memory."""
    if depth != 2:
        return
    name = _name(element)
    if name == "item":
        export.items.append(_item(element))
    elif name == "author":
        author = {_name(child): child.text or "" for child in element}
        display = one_line(author.get("author_display_name", ""))
        export.authors[author.get("author_login", "")] = display
    elif not len(element):
        export.channel.setdefault(name, element.text or "")
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _name(element: etree._Element) -> str:
    """`post_id` of `wp:post_id`, whose namespace differs between versions and hosts.

    content:encoded and excerpt:encoded are `its text` and `its excerpt`.
    """
    if not isinstance(element.tag, str):
        return ""
    name = etree.QName(element)
    if name.localname == "encoded":
        return "its excerpt" if "excerpt" in (name.namespace or "") else "its text"
    return name.localname


def _item(element: etree._Element) -> Item:
    item = Item({}, [], {})
    for child in element:
        name = _name(child)
        if name == "category":
            domain, nicename = child.get("domain", ""), child.get("nicename", "")
            item.terms.append((domain, nicename, one_line(plain(child.text or ""))))
        elif name == "postmeta":
            entry = {_name(part): part.text or "" for part in child}
            item.meta[entry.get("meta_key", "")] = entry.get("meta_value", "")
        else:
            item.fields.setdefault(name, child.text or "")
    return item


def _reason_to_skip(item: Item) -> str | None:
    kind, status = item["post_type"] or "post", item["status"] or "publish"
    if kind != "post":
        return NOT_STORIES.get(kind, f"of the kind “{kind}”, not a story")
    if status != "publish":
        return NOT_PUBLISHED.get(status, f"in the state “{status}”, not published")
    if item["post_password"]:
        return "protected by a password"
    if not item.title and not plain(item["its text"]):
        return "neither title nor text"
    if not (item["post_id"] or item["guid"]):
        return "it has no id"
    if _published_at(item) is None:
        return "it has no date"
    return None


def _published_at(item: Item) -> datetime | None:
    try:
        return datetime.fromisoformat(item["post_date_gmt"].strip()).replace(tzinfo=UTC)
    except ValueError:
        # Drafts once had 0000-00-00; very old exports have only pubDate.
        pass
    try:
        at = parsedate_to_datetime(item["pubDate"])
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _draft(
    item: Item, export: Export, attachments: dict[str, Item], language: str, cut: str | None
) -> tuple[Draft, list[str]]:
    source_id = item["post_id"] or item["guid"]
    body, left_out = _body(item, export.site, cut)
    thumbnail = attachments.get(item.meta.get("_thumbnail_id", ""))
    picture = body.picture
    if thumbnail is not None:
        picture = _featured(thumbnail)
        if body.picture is not None and not _same_file(picture.url, body.picture.url):
            body, _ = _body(item, export.site, cut, lift_picture=False)
        elif body.picture is not None:
            picture = body.picture
    published_at = _published_at(item)
    assert published_at is not None  # _reason_to_skip() has looked
    draft = Draft(
        source=export.site,
        source_id=source_id,
        slug=_slug(item, source_id),
        language=language,
        title=item.title or _first_words(body.html),
        standfirst=one_line(plain(item["its excerpt"])),
        body_html=body.html,
        published_at=published_at,
        kicker=_kicker(item),
        byline=export.authors.get(item["creator"]) or one_line(item["creator"]) or None,
        image_url=picture.url if picture else None,
        image_alt=picture.alt if picture else None,
        image_caption=(picture.caption or None) if picture else None,
        image_credit=(picture.credit or None) if picture else None,
        tags=_tags(item),
    )
    return draft, left_out


def _body(
    item: Item, site: str, cut: str | None, lift_picture: bool = True
) -> tuple[Body, list[str]]:
    text, names = shortcodes.replace(item["its text"])
    left_out = [f"[{name}]" for name in names]
    if IFRAME.search(text):
        left_out.append("an embedded frame")
    base = f"{site}/" if site.startswith("http") else ""
    body = read_body(text, base_url=base, cut_after=cut, lift_picture=lift_picture)
    return body, left_out


def _featured(attachment: Item) -> Picture:
    words, credit = split_credit(one_line(plain(attachment["its excerpt"])))
    address = re.sub(r"^http://", "https://", attachment["attachment_url"].strip())
    alt = one_line(attachment.meta.get("_wp_attachment_image_alt", ""))
    return Picture(address, alt, words, credit)


def _same_file(one: str, other: str) -> bool:
    def file(address: str) -> str:
        return SIZE.sub("", address.partition("?")[0].rsplit("/", 1)[-1])

    return file(one) == file(other)


def _slug(item: Item, source_id: str) -> str:
    return as_slug(unquote(item["post_name"]) or item.title, f"story-{as_slug(source_id, 'x')}")


def _first_words(body_html: str) -> str:
    """A headline for a story that has none: the beginning of its text, at most 80 characters."""
    words = plain(body_html)
    return words if len(words) <= 80 else f"{words[:79].rsplit(' ', 1)[0]}…"


def _kicker(item: Item) -> str | None:
    names = (
        name
        for domain, nicename, name in item.terms
        if domain == "category" and unquote(nicename) not in UNCATEGORISED and name
    )
    return next(names, None)


def _tags(item: Item) -> tuple[tuple[str, str], ...]:
    found = {
        as_slug(unquote(nicename) or name, ""): name
        for domain, nicename, name in item.terms
        if domain == "post_tag" and name
    }
    found.pop("", None)
    return tuple(sorted(found.items()))
