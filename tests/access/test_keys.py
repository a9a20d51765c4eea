"""The form of API keys."""

import pytest
from hypothesis import given, strategies

from cqar import redaction
from cqar.auth import keys

PEPPER = b"pepper of the tests"


def test_a_new_key_is_read_back_with_its_id() -> None:
    key = keys.make("dev")
    assert keys.parse(key.text) == key
    assert key.text.startswith(f"cqar_dev_{key.key_id}_")


def test_no_two_keys_are_alike() -> None:
    assert len({keys.make("dev").text for _ in range(200)}) == 200


@given(strategies.integers(0, 200), strategies.sampled_from("0123456789abcdefghijklmnopqrstuvwxyz_ ~é"))
def test_a_key_with_one_wrong_character_is_none(at: int, character: str) -> None:
    key = keys.make("prod")
    at %= len(key.text)
    wrong = key.text[:at] + character + key.text[at + 1 :]
    assert keys.parse(wrong) is None or wrong == key.text


@pytest.mark.parametrize("cut", [1, 7, 20, 50])
def test_a_key_that_was_cut_off_is_none(cut: int) -> None:
    assert keys.parse(keys.make("dev").text[:-cut]) is None


def test_only_the_whole_key_under_the_same_pepper_proves_itself() -> None:
    key, other = keys.make("dev"), keys.make("dev")
    stored = keys.digest(key.text, PEPPER)
    assert keys.proves(key.text, PEPPER, stored)
    assert not keys.proves(other.text, PEPPER, stored)
    assert not keys.proves(key.text, b"another pepper", stored)


def test_a_key_does_not_show_its_secret_when_printed() -> None:
    key = keys.make("dev")
    assert key.text not in f"{key} {key!r} {[key]}"
    assert repr(key) == f"Key({key.key_id})"
    assert str([key]) == f"[Key({key.key_id})]"


def test_keys_are_found_in_a_text_to_be_hidden() -> None:
    key = keys.make("dev")
    assert redaction.without_keys(f"Bearer {key.text}, sent") == "Bearer ***, sent"
