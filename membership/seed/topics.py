"""What the readers of the demo newsroom would like to know; English and Ukrainian."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Idea:
    slug: str
    title: str
    why: str
    language: str = "en"
    links: tuple[str, ...] = ()


# The first two win their rounds, by the likings of newsroom.py.
FIRST_ROUND = (
    Idea(
        "will-lypove-stay-warm-without-its-heating-plant",
        "Will Lypove stay warm if its heating plant is hit?",
        "They say the town is ready. Please look at what is really there, and what it costs us.",
    ),
    Idea(
        "who-rents-the-town-its-generators",
        "Who rents the town its generators?",
        "The same firm wins each year. I would like to see the contracts.",
    ),
    Idea(
        "where-did-the-playground-money-go",
        "Where did the playground money go?",
        "Four playgrounds were promised, one was built.",
    ),
    Idea(
        "how-clean-is-the-river-below-the-plant",
        "How clean is the river below the plant?",
        "People swim there again. Somebody should measure.",
    ),
    Idea(
        "how-do-nurses-get-home-during-curfew",
        "How do nurses get home during curfew?",
        "The last bus leaves at eight, the shift ends at ten.",
    ),
)
SECOND_ROUND = (
    Idea(
        "who-decides-which-schools-are-repaired",
        "Who decides which schools are repaired?",
        "Our roof leaks for the third winter, the school next door has a new one.",
    ),
    Idea(
        "what-happens-to-our-sorted-waste",
        "What happens to our sorted waste?",
        "We sort it into four bins. Follow one of them to its end.",
    ),
    Idea(
        "how-long-do-people-wait-for-a-doctor",
        "How long do people really wait for a doctor?",
        "The official figure is nine days. Ask the patients.",
    ),
    Idea(
        "khto-vlasnyk-rynku-u-lypovomu",
        "Хто насправді володіє ринком у Липовому?",
        "Оренда зросла вдвічі, а власника ніхто не бачив.",
        "uk",
    ),
)
RUNOFF = (
    Idea(
        "who-keeps-the-sirens-working",
        "Who keeps the sirens working?",
        "Ours was silent twice this spring. Who looks after them, and with whose money?",
    ),
    Idea(
        "is-the-water-of-the-town-wells-safe",
        "Is the water of the town wells safe to drink?",
        "We queue there whenever the mains fail. When was it last measured?",
        links=("https://example.org/lypove/wells",),
    ),
    Idea(
        "what-does-the-town-pay-for-praise",
        "What does the town pay to be praised?",
        "Paid articles about the council, all with the same words.",
    ),
    Idea(
        "chomu-avtobus-simka-ne-khodyt",
        "Чому автобус № 7 більше не ходить?",
        "Без нього з Заріччя до лікарні годину пішки.",
        "uk",
    ),
)
OPEN_ROUND = (
    Idea(
        "what-does-the-new-heating-tariff-pay-for",
        "What does the new heating tariff pay for?",
        "Bills rose by a third. I would like to see where the money goes, line by line.",
    ),
    Idea(
        "why-are-the-old-lindens-being-felled",
        "Why are the old lindens being felled?",
        "Forty trees so far, and no permit on the city’s page.",
    ),
    Idea(
        "how-do-displaced-families-find-a-home-here",
        "How do displaced families find a home here?",
        "Many have come to our town. What works, what does not, who helps?",
    ),
    Idea(
        "chy-bezpechni-ukryttia-u-shkolakh",
        "Чи безпечні укриття у школах?",
        "Звіт обіцяли ще у вересні. Хочу знати, що в ньому.",
        "uk",
    ),
)
SUGGESTED = (
    Idea(
        "who-reads-the-cameras-on-the-main-square",
        "Who watches the cameras on the main square?",
        "They were put up last year. Where do the pictures go, and for how long?",
    ),
    Idea(
        "what-became-of-the-library-on-wheels",
        "What became of the library on wheels?",
        "The villages loved it. It has not come since May.",
    ),
    Idea(
        "how-much-does-a-council-meeting-cost",
        "How much does a council meeting cost?",
        "And what is decided in one, on average?",
        links=("https://example.org/lypove/council", "https://example.org/lypove/minutes"),
    ),
    Idea(
        "skilky-koshtuie-remont-naberezhnoi",
        "Скільки насправді коштує ремонт набережної?",
        "Кошторис змінювали тричі. Порівняйте, будь ласка, всі три.",
        "uk",
    ),
    Idea(
        "why-is-the-swimming-pool-always-shut",
        "Why is the swimming pool ALWAYS shut, ask its director!!!",
        "Every autumn there is another reason.",
    ),
)
# An editor gave it calmer words.
EDITED = SUGGESTED[4].slug
EDITED_TITLE = "Why is the swimming pool always shut?"
# What no editor has read yet; the first looks like a topic that waits already.
UNREAD = (
    Idea(
        "who-watches-the-cameras-at-night",
        "Who watches the cameras on the square at night?",
        "My son was stopped there. I would like to know who sees us, and who keeps it.",
        links=("https://example.org/lypove/cameras",),
    ),
    Idea(
        "how-many-trees-were-planted",
        "How many trees were planted, and how many live?",
        "A thousand in the news, forty behind my house, and twelve of those are green.",
    ),
    Idea(
        "khto-platyt-za-svitlo-na-stadioni",
        "Хто платить за світло на стадіоні?",
        "Світить усю ніч, коли в домах його немає.",
        "uk",
    ),
)
REJECTED = Idea(
    "who-is-the-mayors-neighbour",
    "Who is the mayor’s neighbour?",
    "I have seen an expensive car there.",
)
REJECTED_REASON = "We do not report on people who hold no office, unless they act for the public."
MERGED = Idea(
    "library-bus-what-happened",
    "The library bus: what happened to it?",
    "It came on Tuesdays, now it does not.",
)
MERGED_INTO = "what-became-of-the-library-on-wheels"
DROPPED_REASON = (
    "The town published the contracts before we had to ask: all of them are on its page now, "
    "and they hold up."
)
OVERRULED_REASON = (
    "The vote went otherwise, and its result stands. New papers reached us a week later, and they "
    "cannot wait."
)
# What the demo patron wants to hear of.
FOLLOWED = (SECOND_ROUND[0].slug, SUGGESTED[2].slug)

# The story that was published because of a topic.
ANSWERS = {FIRST_ROUND[0].slug: "forty-one-boilers"}
