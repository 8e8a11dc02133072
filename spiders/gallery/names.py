"""Invented artists and titles: none of these people ever lived."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spiders.gallery.works import LIVING_MS, Artist, last_first, name_slug, number, share

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
NAMES = {
    "Dutch": "Pieter van der Loon|Cornelia Brandsma|Joost ten Haverkate|Wilhelmina de Grauw|Aert Kluyvers",
    "French": "Étienne Vauquelin-Dorée|Hélène Marchebois|Aurélien Tournefeuille|Zoë de L'Aubraye|Gaspard Ormesson",
    "German": "Matthias Grünwaldner|Käthe Lindenthaler|Ottokar Strölin|Friederike Weißkopf|Anselm Müßiggang",
    "Italian": "Lodovico Serrapietra|Ginevra dell'Acquaviva|Bartolomeo Casaforte|Niccolò Vermigli|Fiammetta Ronzani",
    "Spanish": "Íñigo Valdecañas|Remedios Montealbán|Joaquín Peñarrubia|Asunción de la Ribera",
    "Danish": "Jørgen Ælfstad|Ærø Kirkegaard-Holm|Signe Østervang",
    "Swedish": "Åke Björnlund|Märta Sjöhammar",
    "Polish": "Łucja Wiśnicka|Żegota Brzezański|Stanisław Dąbroszcz",
    "Czech": "Jiří Vlčnovský|Božena Řehořová",
    "Russian": "Ирина Белозёрова|Пётр Сосновский|Arkady Velikopolsky",
    "Greek": "Παύλος Ασημένιος|Heliodora of Lemnos",
    "Japanese": "北山 葵|Utazawa Kogetsu|Hanabusa Seirin|月岡庵 白波",
    "Chinese": "墨竹居士|Lan Yunshan|Bai Shuimo|Qiu Zhulin",
    "Vietnamese": "Nguyễn Thị Lụa",
    "Persian": "نگار مینابی",
    "Arabic": "محمد بن الخط",
    "Turkish": "Gülşah Çınaraltı|İlyas Özgünsoy",
    "Hungarian": "Gyöngyvér Tűzkő|Ödön Szárazpatak",
    "English": "Jane Thornbury-Vale|Ambrose Quillfeather|Winifred Oxenhope|Bartholomew O'Dray|Tess Hollowmere",
    "American": "Silas Wheelwright Ames|Dorothea Pennyquick|Marcus \"Buzz\" Halloran|Ida Mae Crowfoot",
    "Irish": "Siobhán Ní Fhaoláin|Cormac MacAlastar",
    "Brazilian": "João Capivari|Iracema do Açaí",
    "Mexican": "Xóchitl Barranca|Hilario Nopaltepec",
    "Ukrainian": "Соломія Вербова|Ostap Kalynets",
}  # fmt: skip
"""Names by nation, parted by bars."""
PERIODS = ((1380, 1560), (1600, 1790), (1800, 1850), (1830, 1880), (1850, 1900), (1880, 1930), (1920, 1985))
PLACES = (
    "Vallombreuse", "the Amber Coast", "Lake Morwen", "Karlshöhe", "Old Harrow", "the Blue Hills", "Porto Celeste",
    "Winterfold", "the Weir at Saint-Amand", "Nagisa", "the Red Cliffs", "Ostermark", "Villeneuve-la-Petite",
    "Skagerholm", "the Salt Road", "Mount Tsukine", "the River Elde", "Campo Fiorito", "Dunmarrow", "the Lower Town",
)  # fmt: skip
TITLES = {
    "landscape": "{light} at {place}|The Road to {place}|{place}|"
    "Trees near {place}|A View of {place}, {light}|{season} Fields",
    "seascape": "{light} off {place}|The Harbour of {place}|Waves, {light}|"
    "Boats at {place}|Marine|The {adjective} Sea",
    "cityscape": "A Street in {place}|{place} from the Bridge|Rain in {place}|Roofs, {light}|The Market of {place}",
    "portrait": "Portrait of a {adjective} {person}|The {person}|A {person} with {thing}|"
    "Portrait of the Artist's {person}|Study of a Head",
    "still life": "Still Life with {thing} and {thing}|{thing} on a Table|The {adjective} {thing}|"
    "Breakfast|Nature morte au {thing}",
    "vanitas": "Vanitas with {thing}|Memento Mori|Skull and {thing}|The {adjective} Hour|Allegory of Time",
    "flowers": "{season} Flowers|A Bouquet with {thing}|Flowers in a {adjective} Vase|"
    "The Garden at {place}|Blossoms, {light}",
    "pointillism": "Sunday at {place}|The Park, {light}|Promenade at {place}|"
    "{season} on the Bank|The {adjective} Parasol",
    "colour field": "Untitled|No. {number}|Composition {number}|"
    "{adjective} over {adjective}|Untitled ({place})|Field {number}",
    "geometry": "Composition {number}|Construction with {thing}|Suprematist Study {number}|"
    "Rhythm|Untitled|Counter-Motion {number}",
    "ink wash": "{season} Mountains|Bamboo after Rain|Returning Boat at {place}|"
    "The {adjective} Orchid|Listening to the Pines|雨後の竹",
    "woodcut": "{place}, from the series One Hundred Views|The {adjective} Wave|Evening Rain at {place}|"
    "{season} Moon|Birds and {thing}|神奈川の月",
}  # fmt: skip
WORDS = {
    "light": "Morning|Evening|Moonlight|Sunset|Mist|After the Storm|Noon|Grey Weather|Frost|First Light|Dusk",
    "season": "Spring|Summer|Autumn|Winter|March|October",
    "adjective": "Red|Silent|Old|Golden|Blue|Last|Lonely|Green|White|Great|Broken|Forgotten|Black|Distant",
    "person": "Woman|Man|Scholar|Merchant|Sister|Musician|Widow|Gardener|Child|Sailor|Friend|Mother",
    "thing": "Lemons|Books|Candles|Grapes|Jugs|Pears|Oranges|Letters|Roses|Bread|Shells|Peonies|Fish",
}  # fmt: skip
HOSTILE = (
    "<script>alert('title')</script>", 'The "Quoted" Title, with \'both\' & more', "=HYPERLINK(\"http://x\")",
    "لوحة في الصباح", "🌊🎨 Emoji Study №3", "A Title\tthat Has\nLines", "Robert'); DROP TABLE paintings;--",
    "  ", "../../etc/passwd",
    "Naïve façade — “curly” quotes…", "{{ 7*7 }} ${jndi} %s %00", "<img src=x onerror=alert(1)>",
    "A Very Long Title " * 18, "\u202eesrever ni eltiT", "100% pure; rm -rf /", "null",
)  # fmt: skip
"""Titles that break careless code."""


@dataclass(frozen=True)
class Cast:
    """All artists of a gallery."""

    artists: tuple[Artist, ...]

    def for_family(self, seed: int, family: str, key: str) -> Artist:
        """The artist of a work: every family has its own dozen or so, some far more productive than others."""
        circle = sorted(self.artists, key=lambda artist: share(seed, "circle", family, artist.slug))[:14]
        return circle[int(len(circle) * share(seed, "artist", key) ** 2)]


def cast(seed: int) -> Cast:
    """The artists of a gallery, the same for the same seed."""
    taken: set[int] = set()
    people = []
    for nation, names in NAMES.items():
        people += [_artist(seed, name, nation, taken) for name in names.split("|")]
    return Cast(tuple(people))


def _artist(seed: int, name: str, nation: str, taken: set[int]) -> Artist:
    ident = number("artist", name, taken)
    low, high = PERIODS[int(len(PERIODS) * share(seed, "period", name))]
    born = low + int((high - low) * share(seed, "born", name))
    if name == "Heliodora of Lemnos":
        return Artist(
            name_slug(name, ""), name, name, ident, "c. 340 BC", _ms(-339, 1, 1), None, _ms(-280, 1, 1), nation
        )
    died = born + 25 + int(65 * share(seed, "died", name))
    chance = share(seed, "known", name)
    month, day = 1 + int(12 * share("m", name)), 1 + int(28 * share("d", name))
    birth, birth_ms = f"{MONTHS[month - 1]} {day}, {born}", _ms(born, month, day)
    death: str | None = f"c.{died}" if chance < 0.3 else f"{MONTHS[day % 12]} {day}, {died}"
    death_ms: int | None = _ms(died, day % 12 + 1, day)
    if died > 2020 or chance > 0.92:
        death, death_ms = None, LIVING_MS if died > 1975 else None
    if chance > 0.96:
        birth, birth_ms = str(born), _ms(born, 1, 1)
    reverse = name if re.search(r"[^\W\d_a-zA-ZÀ-ɏ]", name) else last_first(name)
    return Artist(name_slug(name, f"artist-{ident}"), name, reverse, ident, birth, birth_ms, death, death_ms, nation)


def _ms(year: int, month: int, day: int) -> int:
    """Milliseconds since 1970 of a day in the proleptic Gregorian calendar, before year 1 too."""
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468) * 86_400_000


def title(seed: int, family: str, key: str) -> str:
    """A title; about one in a hundred is hostile."""
    if share(seed, "hostile", key) < 0.012:
        return HOSTILE[int(len(HOSTILE) * share(seed, "which", key))]
    patterns = TITLES[family].split("|")
    text = patterns[int(len(patterns) * share(seed, "pattern", key))]
    for place, match in enumerate(re.findall(r"\{(\w+)\}", text)):
        chance = share(seed, "word", place, key)
        if match == "place":
            word = PLACES[int(len(PLACES) * chance)]
        elif match == "number":
            word = str(1 + int(60 * chance))
        else:
            words = WORDS[match].split("|")
            word = words[int(len(words) * chance)]
        text = text.replace(f"{{{match}}}", word, 1)
    return text[0].upper() + text[1:]
