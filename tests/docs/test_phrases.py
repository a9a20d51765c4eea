"""The phrase check reads comments, docstrings and pages, and ignores code."""

import pytest

from cqar.dev import phrases


@pytest.mark.parametrize(
    "text",
    [
        "What stands ready is answered first.",
        "Whoever asks gets it.",
        "The caller is\ntold.",
        "A 'x' is no while.",
        "It waits for ever.",
        "When PostgreSQL is away, it goes on.",
    ],
)
def test_a_phrase_is_found_with_its_line_and_the_replacement(text: str) -> None:
    [found] = phrases.find(f"Fine.\n{text}\nFine.")
    assert found.line in {2, 3}
    assert found.instead


@pytest.mark.parametrize("text", ["The response is cached.", "It is no longer valid.", "It waits indefinitely.", "foretold"])
def test_plain_english_passes(text: str) -> None:
    assert list(phrases.find(text)) == []


def test_only_the_texts_of_a_module_are_read() -> None:
    source = 'nobody = 1  # somebody\ndef whoever() -> str:\n    """For ever."""\n    return "is told"\n'
    assert [(each.line, each.phrase) for each in phrases.find_in_python(source)] == [
        (1, "somebody"),
        (3, "For ever"),
        (4, "is told"),
    ]


def test_every_listed_phrase_is_found_and_has_a_replacement() -> None:
    assert all(better and not list(phrases.find(better)) for better in phrases.INSTEAD.values())
