"""What is shown of a text from a stranger."""

from gradsheet.language.shown import clean


def test_clean_leaves_letters_and_formulas_alone():
    assert clean("δ = ∂L/∂ŷ, 𝑥, 漢字") == "δ = ∂L/∂ŷ, 𝑥, 漢字"
    assert clean("a\nb\x9b") == "a\\x0ab\\x9b"
