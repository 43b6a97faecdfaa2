"""Invented names: no such place, organisation or person."""

from random import Random

COUNTY = "Exampleshire"
DISTRICTS = (
    "Examplethorpe",
    "Fictonbury",
    "Imagindale",
    "Madeupton",
    "Mockham Parva",
    "Neverfold",
    "Nowherby",
    "Placeholme",
    "Pretendham",
    "Sampleby-on-Page",
    "Specimen Regis",
    "Testwick",
)
SERVICE = f"{COUNTY} Sample Wellbeing Service"
FUNDS = (
    ("Specimen Health Fund", f"{COUNTY} Invented Health Board"),
    ("Placeholder Community Fund", f"{COUNTY} Pretend Council"),
)
# What a group does, and the two things that people give time to there.
GROUPS = (
    ("Sample Garden", ("Saturday digging", "Watering and weeding")),
    ("Example Kitchen", ("Cooking a shared lunch", "Washing up and talking")),
    ("Mock Choir", ("Singing for a care home", "Making the tea")),
    ("Placeholder Repair Café", ("Mending things", "Welcoming people")),
    ("Pretend Library Friends", ("Reading aloud", "Sorting books")),
    ("Test Walkers", ("Leading a walk", "Walking at the back")),
    ("Imaginary Allotment", ("Growing beans", "Building a shed")),
    ("Specimen Craft Table", ("Knitting together", "Teaching a craft")),
    ("Example Day Centre", ("Playing cards", "Setting out chairs")),
    ("Fictional Food Shelf", ("Packing parcels", "Delivering parcels")),
)
# What a partner is, and what it offers: title, category, minutes for an adult and for a child (None: the same).
PARTNERS: tuple[tuple[str, tuple[tuple[str, str, int, int | None], ...]], ...] = (
    ("Sample Leisure Centre", (("Swimming", "sport", 60, 30), ("Gym, one hour", "sport", 60, None))),
    ("Example Picture House", (("A film on a weekday", "culture", 120, 60),)),
    ("Mock Museum", (("Entry for the day", "culture", 60, 0), ("A guided tour", "culture", 90, 30))),
    ("Placeholder Pottery", (("An afternoon at the wheel", "learning", 120, None),)),
    ("Pretend Steam Railway", (("A return journey", "outings", 120, 60),)),
    ("Test Theatre", (("A seat at a matinee", "culture", 120, 60),)),
    ("Imaginary Gardens", (("Entry for the day", "outings", 60, 0), ("A planting workshop", "learning", 90, None))),
    ("Specimen Sports Hall", (("Badminton, one hour", "sport", 60, 30), ("Chair yoga", "wellbeing", 30, None))),
)
_GIVEN = (
    "Abena Alfie Amara Anouk Arjun Asha Beatrix Ben Bronwen Callum Carys Chidi Daisy Deepa Dorota Edwin Elif Emeka "
    "Esme Farah Fergus Freya Gareth Grace Gulsen Hamza Hattie Henryk Ife Imran Iris Jaya Jonah Kasia Kofi Leila Lowri "
    "Magda Mei Musa Nadia Nia Olek Olive Parveen Petra Quentin Ravi Rhys Rosa Samir Saoirse Stanley Tariq Tilda Usha "
    "Vera Wanda Winston Xanthe Yusuf Zofia"
)
_FAMILY = (
    "Afixture Anyname Betatest Blankley Dataset Demoworth Example Exemplar Fakenham-Moore Fictley Fixture "
    "Foobarton Illustrand Imaginer Inventson Loremby Madeup Makebelieve Mockingbridge Namesworth Notareal "
    "Phantomley Placeholder Pretendergast Protoname Pseudonym Quuxworthy Sampleton Sandboxter Specimen Standin "
    "Supposer Synthetica Templeton-Late Testworthy"
)
GOALS = (
    "Get out of the house once a week.",
    "Swim again, with somebody beside me at first.",
    "Meet people who like what I like.",
    "Find my way back to drawing.",
    "Something to look forward to on Thursdays.",
)


def person(random: Random) -> tuple[str, str]:
    """Make up a given name and a family name."""
    return random.choice(_GIVEN.split()), random.choice(_FAMILY.split())
