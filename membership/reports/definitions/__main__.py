from membership.reports.definitions import DOCUMENT, document

DOCUMENT.write_text(document(), "utf-8")
