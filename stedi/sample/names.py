"""Invented first and last names; a customer's name is one combination, used once in a cell."""

from __future__ import annotations

__all__ = ["FIRST_NAMES", "LAST_NAMES"]

FIRST_NAMES = (
    "Abrin", "Alwenna", "Belda", "Brisamund", "Corvin", "Caldra", "Dessaly", "Dorimel", "Elmoran",
    "Eskadil", "Fennira", "Farlund", "Garrowin", "Gwillan", "Hesperin", "Hobriel", "Ilvaren",
    "Isolwyn", "Jorunda", "Jaskell", "Kessandra", "Korvath", "Lomarin", "Lissabel", "Mirelda",
    "Mortwin", "Nadrula", "Nivelle", "Orsindra", "Oakley", "Pellamy", "Quenbyr", "Rilkana",
    "Sorrelin", "Tavindra", "Ulmerin", "Vessalie", "Wendric", "Yorilla", "Zephrine",
)  # fmt: skip

LAST_NAMES = (
    "Ashquill", "Amberwick", "Brambleforth", "Birchamoor", "Copperdell", "Cloudsley", "Dapplewood",
    "Dunmarrow", "Elderthwaite", "Emberlin", "Fernhollow", "Foxmantle", "Gildersleet", "Goosegarth",
    "Hazelrigge", "Hollowbrook", "Ivorsen", "Inkwell", "Juniperly", "Kettlemoor", "Larkenshaw",
    "Lanternby", "Marrowfield", "Mosswater", "Nettlecombe", "Oakenquist", "Pennywhistle",
    "Quillfeather", "Ravenscoy", "Saltmarshe", "Thistledown", "Umbersley", "Vellumby", "Willowmere",
)  # fmt: skip
