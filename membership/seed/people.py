"""Names for people who do not exist; their addresses end in example.org (RFC 2606)."""

from dataclasses import dataclass
from random import Random

# As they write their names, and how that looks in an address.
UKRAINIAN_FIRST = (
    ("Олена", "olena"),
    ("Андрій", "andriy"),
    ("Марія", "mariia"),
    ("Тарас", "taras"),
    ("Ірина", "iryna"),
    ("Богдан", "bohdan"),
    ("Наталія", "nataliia"),
    ("Остап", "ostap"),
    ("Софія", "sofiia"),
    ("Юрій", "yurii"),
    ("Катерина", "kateryna"),
    ("Назар", "nazar"),
    ("Оксана", "oksana"),
    ("Дмитро", "dmytro"),
    ("Леся", "lesia"),
    ("Мирослав", "myroslav"),
)
UKRAINIAN_LAST = (
    ("Шевченко", "shevchenko"),
    ("Коваленко", "kovalenko"),
    ("Бондаренко", "bondarenko"),
    ("Ткаченко", "tkachenko"),
    ("Кравчук", "kravchuk"),
    ("Мельник", "melnyk"),
    ("Гнатюк", "hnatiuk"),
    ("Савчук", "savchuk"),
    ("Лисенко", "lysenko"),
    ("Романюк", "romaniuk"),
    ("Дорошенко", "doroshenko"),
    ("Вовк", "vovk"),
)
OTHER_FIRST = (
    "Anna",
    "Jonas",
    "Ingrid",
    "Mateusz",
    "Claire",
    "Samuel",
    "Aoife",
    "Pedro",
    "Hannah",
    "Luca",
    "Zofia",
    "Thomas",
    "Elif",
    "Daniel",
    "Marta",
    "Noah",
)
OTHER_LAST = (
    "Berg",
    "Novak",
    "Fischer",
    "Kowalska",
    "Martin",
    "Byrne",
    "Silva",
    "Rossi",
    "Jensen",
    "Walker",
    "Dubois",
    "Okafor",
    "Lindqvist",
    "Hughes",
)


@dataclass(frozen=True)
class Person:
    """`name` is None for those who gave none."""

    name: str | None
    email: str
    language: str


def person(rng: Random, number: int, *, ukrainian: bool) -> Person:
    """The person with this number, which keeps addresses apart."""
    if ukrainian:
        first, first_latin = rng.choice(UKRAINIAN_FIRST)
        last, last_latin = rng.choice(UKRAINIAN_LAST)
    else:
        first, last = rng.choice(OTHER_FIRST), rng.choice(OTHER_LAST)
        first_latin, last_latin = first.lower(), last.lower()
    name = f"{first} {last}" if rng.random() < 0.85 else None
    return Person(
        name=name,
        email=f"{first_latin}.{last_latin}.{number}@example.org",
        language="uk" if ukrainian else "en",
    )
