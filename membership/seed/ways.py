"""Other ways to support the demo newsroom; none of them leads to real money."""

from sqlalchemy.orm import Session

from config.settings import Settings
from membership.billing.gifts.models import OtherWay

# The example of the IBAN registry, and an address of Bitcoin's test network (BIP 173).
ACCOUNT = "Kava, NGO\nUA21 3223 1300 0002 6007 2335 6600 1\nBIC EXAMUAUK"
PAYPAL = "https://paypal.example/kava"
WALLET = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"

# By language: kind, title, text, value.
WAYS = {
    "en": (
        (
            "transfer",
            "By bank transfer",
            "A transfer costs us nothing, so all of it reaches the newsroom. Write **support** as "
            "its purpose.",
            ACCOUNT,
        ),
        ("paypal", "Through PayPal", "Once or every month, without a card of yours.", PAYPAL),
        (
            "crypto",
            "In Bitcoin",
            "Scan the code or copy the address. We cannot know who gave, so there is no receipt.",
            WALLET,
        ),
        (
            "share",
            "Pass us on",
            "Every story is free for everyone, so a link you send opens for whoever gets it.",
            None,
        ),
        (
            "volunteer",
            "Lend a hand",
            "We look for people who translate, check figures or read court records with us. "
            "[Write to us](mailto:post@kava.example) what you are good at.",
            None,
        ),
    ),
    "uk": (
        (
            "transfer",
            "Банківським переказом",
            "Переказ нам нічого не коштує, тож уся сума доходить до редакції. У призначенні "
            "напишіть **підтримка**.",
            ACCOUNT,
        ),
        ("paypal", "Через PayPal", "Один раз або щомісяця, без вашої картки.", PAYPAL),
        (
            "crypto",
            "У біткоїнах",
            "Відскануйте код або скопіюйте адресу. Ми не знатимемо, хто дав, тому квитанції немає.",
            WALLET,
        ),
        (
            "share",
            "Розкажіть про нас",
            "Кожна історія відкрита для всіх, тож посилання відкриється в кожного, хто його "
            "отримає.",
            None,
        ),
        (
            "volunteer",
            "Допоможіть руками",
            "Ми шукаємо людей, які перекладатимуть, перевірятимуть цифри чи читатимуть із нами "
            "судові справи. [Напишіть нам](mailto:post@kava.example), що ви вмієте.",
            None,
        ),
    ),
}


def other_ways(session: Session, settings: Settings) -> None:
    """What readers see under "Other ways", in each of the site's languages that we speak."""
    for language in settings.languages:
        for position, (kind, title, text, value) in enumerate(WAYS.get(language, ()), 1):
            session.add(
                OtherWay(
                    kind=kind,
                    language=language,
                    title=title,
                    text=text,
                    value=value,
                    position=position,
                )
            )
    session.flush()
