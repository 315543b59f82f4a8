"""The calibrated cell: 956 invented customers, their devices, phones and consents, with exact counts.

Every count below holds for every seed because the cell is built towards it, not because draws happened to
fit. A sample of scale N is N copies of the cell with other identities and later times.

Times here are offsets in ms from the start of the cell. Readings lie in 0..CELL_SPAN_MS-1; dates of a
customer record may be earlier (negative) or later.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from stedi.sample.draw import Stream, below, chance, shuffled, spread, stream
from stedi.sample.people import Person, make_people

__all__ = [
    "CELL_SPAN_MS",
    "CUSTOMERS",
    "DEFECT_SERIALS",
    "Cell",
    "defect_serial",
    "expected_counts",
    "make_cell",
]

CUSTOMERS = 956
CONSENTING = 482
READINGS = 30  # of each device
PHONE_ROWS = 81_273  # accelerometer rows of all customers
CONSENTING_PHONE_ROWS = 40_981
FEWEST_ROWS, MOST_ROWS = 77, 90  # accelerometer rows of one customer

SHARED_INSTANTS = 439  # each between exactly two consenting customers
CROSS_ROWS = 2_700  # accelerometer rows at those instants: each also meets the other customer's device
SHARING_PAIRS = 60
MOST_IN_COMMON = 23
GUESTS = 24  # customers without consent who share an instant or two with one consenting customer

ROWS_BEFORE_CONSENT = 8_956
CROSS_ROWS_BEFORE_CONSENT = 288  # of CROSS_ROWS
ALL_BEFORE_CONSENT = 18  # customers who consented only after their last reading: 482 - 464

DEFECT_SERIALS = 30  # serial numbers the fulfilment site used again and again
DEFECT_ROTATION = 7  # so that not even the first customers carry their own

CELL_SPAN_MS = 100_000_000  # a power of ten: moving a cell changes only the leading digits of a time
SESSION_MS = 200_000  # more than the longest session can last
MOST_AT_ONCE = 5  # accelerometer rows of one customer at one instant
USUAL_SHARED_ROWS = 3  # accelerometer rows of one customer at a shared instant, on average

# Two consenting customers make sums come out: one has a single row at each of the first 10 instants,
# the other at each of the first 5 of the 23 shared ones, so that a cut can take off any small number.
FILLER_SINGLES = 10
COMMON_FILLER_SINGLES = 5
COMMON_FILLER_ROWS = (1,) * 5 + (5,) * 5 + (3,) * 13


@dataclass(frozen=True, slots=True)
class Cell:
    """The people, and the lines of the two reading feeds in the order they are written.

    `phone_lines` are (person, instant, 0..26: which of the x, y, z combinations); `device_lines` are
    (person, instant, distance in cm).
    """

    people: tuple[Person, ...]
    phone_lines: list[tuple[int, int, int]]
    device_lines: list[tuple[int, int, int]]


def make_cell(seed: int) -> Cell:
    """Build the calibrated cell of one seed; takes about half a second."""
    rng = stream(seed, Stream.CELL)
    order = shuffled(rng, range(CUSTOMERS))
    consenting, others = order[:CONSENTING], order[CONSENTING:]
    paired, unpaired = consenting[: 2 * SHARING_PAIRS], consenting[2 * SHARING_PAIRS :]

    instants, shared = _instants(rng, consenting, others)
    totals = _totals(rng, consenting, CONSENTING_PHONE_ROWS)
    totals |= _totals(rng, others, PHONE_ROWS - CONSENTING_PHONE_ROWS)
    shared_rows = _shared_rows(rng, {who: len(shared[who]) for who in paired})

    rows: dict[int, tuple[int, ...]] = {}
    for who in range(CUSTOMERS):
        if who in shared_rows:
            rows[who] = _rows_with_shared(rng, totals[who], instants[who], shared[who], shared_rows[who])
        elif who == unpaired[0]:
            rest = spread(rng, READINGS - FILLER_SINGLES, totals[who] - FILLER_SINGLES, 1, MOST_AT_ONCE)
            rows[who] = (*[1] * FILLER_SINGLES, *rest)
        else:
            rows[who] = tuple(spread(rng, READINGS, totals[who], 1, MOST_AT_ONCE))

    crossing = {
        who: tuple(n if t in shared[who] else 0 for t, n in zip(instants[who], rows[who], strict=True))
        for who in paired
    }
    cuts = _consent_cuts(rng, unpaired, rows, crossing)
    people = make_people(rng, instants, rows, cuts)
    return Cell(people, _phone_lines(rng, people), _device_lines(rng, people))


def expected_counts(cell: Cell, scale: int, *, serial_defect: bool) -> dict[str, int]:
    """Return the rows of the ten tables that a build of `scale` cells must give."""
    consenting = [i for i, person in enumerate(cell.people) if person.research is not None]
    heard: Counter[int] = Counter()
    for i in consenting:
        for instant, rows in zip(cell.people[i].instants, cell.people[i].rows, strict=True):
            heard[instant] += rows
    carried = {defect_serial(i) for i in consenting} if serial_defect else set(consenting)
    # With the defect, customers of every cell carry serials of the first cell's devices, and times of
    # different cells never meet: what hangs on the serials does not grow with the scale.
    cells = 1 if serial_defect else scale
    return {
        "customer_landing": scale * len(cell.people),
        "accelerometer_landing": scale * len(cell.phone_lines),
        "step_trainer_landing": scale * len(cell.device_lines),
        "customer_trusted": scale * len(consenting),
        "accelerometer_trusted": scale * heard.total(),
        "step_trainer_trusted": cells * sum(len(cell.people[i].instants) for i in carried),
        "customers_curated": scale * len(consenting),
        "machine_learning_curated": cells * sum(heard[t] for i in carried for t in cell.people[i].instants),
        # nothing hangs on the serials here: each device has all its owner's instants, and nobody else has most of them
        "device_owners": scale * len(consenting),
        "training_curated": scale * sum(_rows_since_consent(cell.people[i]) for i in consenting),
    }


def _rows_since_consent(person: Person) -> int:
    """Return how many readings of the phone were taken at or after the consent of who agreed to research."""
    if person.research is None:
        return 0
    return sum(n for t, n in zip(person.instants, person.rows, strict=True) if t >= person.research)


def defect_serial(index: int) -> int:
    """Return which device's serial the record of customer `index` carries under the fulfilment defect."""
    return (index + DEFECT_ROTATION) % DEFECT_SERIALS


def _instants(
    rng: Random, consenting: list[int], others: list[int]
) -> tuple[dict[int, list[int]], dict[int, set[int]]]:
    """Return each person's 30 instants, and for the paired ones which of them are shared.

    No two people have an instant in common except by intention.
    """
    used: set[int] = set()

    def session(count: int, start: int | None = None) -> list[int]:
        time = below(rng, CELL_SPAN_MS - SESSION_MS) if start is None else start
        times = []
        for _ in range(count):
            time += 300 + below(rng, 1_200)
            while time in used:
                time += 1
            used.add(time)
            times.append(time)
        return times

    instants: dict[int, list[int]] = {}
    shared: dict[int, set[int]] = {}
    sizes = [MOST_IN_COMMON, 1]
    sizes += spread(rng, SHARING_PAIRS - 2, SHARED_INSTANTS - sum(sizes), 1, MOST_IN_COMMON)
    for pair, size in enumerate(sizes):
        times = shuffled(rng, session(2 * READINGS - size))
        left, right = consenting[2 * pair], consenting[2 * pair + 1]
        instants[left] = sorted(times[:READINGS])
        instants[right] = sorted(times[READINGS - size :])
        shared[left] = shared[right] = set(times[READINGS - size : READINGS])
    for who in consenting[2 * SHARING_PAIRS :]:
        instants[who] = session(READINGS)
    hosts = consenting[-GUESTS:]
    for guest, host in zip(others[:GUESTS], hosts, strict=True):
        borrowed = shuffled(rng, instants[host])[: 1 + below(rng, 2)]
        own = session(READINGS - len(borrowed), start=instants[host][0])
        instants[guest] = sorted(borrowed + own)
    for who in others[GUESTS:]:
        instants[who] = session(READINGS)
    return instants, shared


def _totals(rng: Random, group: list[int], total: int) -> dict[int, int]:
    """Return the accelerometer rows of each person of a group; both extremes occur."""
    extremes = [FEWEST_ROWS, MOST_ROWS]
    rest = spread(rng, len(group) - 2, total - sum(extremes), FEWEST_ROWS, MOST_ROWS)
    return dict(zip(group, shuffled(rng, extremes + rest), strict=True))


def _shared_rows(rng: Random, sizes: dict[int, int]) -> dict[int, list[int]]:
    """Return the rows of each paired person at each shared instant: CROSS_ROWS in all.

    `sizes` is how many instants each shares; the first person shares 23 and makes sums come out.
    A person's sum stays within 3 * size + 1, which leaves at least one row for each of the other
    instants even where 23 are shared and the person has only 77 rows.
    """
    extra = CROSS_ROWS - USUAL_SHARED_ROWS * 2 * SHARED_INSTANTS
    filler, *others = sizes
    luckier = set(shuffled(rng, others)[:extra])
    result = {filler: list(COMMON_FILLER_ROWS)}
    for who in others:
        size = sizes[who]
        rows = [USUAL_SHARED_ROWS] * size
        for at in range(0, size - 1, 2):
            if chance(rng, 50):
                rows[at] -= 1
                rows[at + 1] += 1
        if who in luckier:
            rows[below(rng, size)] += 1
        result[who] = rows
    return result


def _rows_with_shared(
    rng: Random, total: int, instants: list[int], shared: set[int], shared_rows: list[int]
) -> tuple[int, ...]:
    """Return the rows at each instant of one paired person, `total` in all."""
    own = iter(spread(rng, READINGS - len(shared), total - sum(shared_rows), 1, MOST_AT_ONCE))
    common = iter(shared_rows)
    return tuple(next(common) if instant in shared else next(own) for instant in instants)


def _consent_cuts(
    rng: Random,
    unpaired: list[int],
    rows: dict[int, tuple[int, ...]],
    crossing: dict[int, tuple[int, ...]],
) -> dict[int, int]:
    """Return for each consenting person how many of the 30 instants lie before the consent.

    `crossing` holds the paired people: their rows at the shared instants, 0 elsewhere. Exactly
    ROWS_BEFORE_CONSENT rows, CROSS_ROWS_BEFORE_CONSENT of them crossing, lie before, and exactly
    ALL_BEFORE_CONSENT people have no others. The draws stop a few rows short; a filler makes up the rest.
    """
    cuts = dict.fromkeys([*crossing, *unpaired], 0)
    common_filler, *paired = crossing
    missing = CROSS_ROWS_BEFORE_CONSENT
    for who in shuffled(rng, paired):
        if missing <= COMMON_FILLER_SINGLES:
            break
        cuts[who] = _cut(rng, crossing[who], missing)
        missing -= sum(crossing[who][: cuts[who]])
    cuts[common_filler] = [*accumulate(crossing[common_filler])].index(missing) + 1

    filler, *others = unpaired
    candidates = shuffled(rng, others)
    for who in candidates[:ALL_BEFORE_CONSENT]:
        cuts[who] = READINGS
    missing = ROWS_BEFORE_CONSENT - sum(sum(rows[who][:cut]) for who, cut in cuts.items())
    for who in candidates[ALL_BEFORE_CONSENT:]:
        if missing <= FILLER_SINGLES:
            break
        cuts[who] = _cut(rng, rows[who], missing)
        missing -= sum(rows[who][: cuts[who]])
    cuts[filler] = missing
    return cuts


def _cut(rng: Random, rows: tuple[int, ...], missing: int) -> int:
    """Draw how many instants to cut off: at least one row of the missing ones stays missing."""
    cut = 1 + below(rng, READINGS - 1)
    while sum(rows[:cut]) >= missing:
        cut -= 1
    return cut


def _phone_lines(rng: Random, people: tuple[Person, ...]) -> list[tuple[int, int, int]]:
    """Return the accelerometer lines by time, lightly shuffled: phones send a little late."""
    lines = [
        (instant + below(rng, 2_000), who, instant, below(rng, 27))
        for who, person in enumerate(people)
        for instant, rows in zip(person.instants, person.rows, strict=True)
        for _ in range(rows)
    ]
    return [line[1:] for line in sorted(lines)]


def _device_lines(rng: Random, people: tuple[Person, ...]) -> list[tuple[int, int, int]]:
    """Return the step trainer lines by time, lightly shuffled."""
    lines = [
        (instant + below(rng, 2_000), who, instant, 200 + below(rng, 101))
        for who, person in enumerate(people)
        for instant in person.instants
    ]
    return [line[1:] for line in sorted(lines)]
