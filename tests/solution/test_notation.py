"""The names of a solution: the sheet's own where it has some, and letters that
are free.
"""

import gradsheet
import gradsheet.solution
from tests.sheets import SYMBOLS
from tests.solving import claims, solved, steps


def test_the_sheet_s_own_names_are_those_of_each_claim(symbols):
    text = gradsheet.solution.text(symbols)
    assert "∂L/∂W³₁₁ = ∂L/∂z³ · h²₁ = σ h²₁\n  ✓ 1 right" in text
    assert "∂L/∂h¹ⱼ = ∑ᵢ W²ᵢⱼ ∂L/∂z²ᵢ = ∑ᵢ δ W³₁ᵢ W²ᵢⱼ\n  ✓ 14 right" in text


def test_letters_are_found_though_the_usual_ones_are_taken():
    taken = "".join(f"{letter} = 'yhat'\n" for letter in "ijkmnpqrstuvw")
    found = steps(solved(SYMBOLS + taken + "[[claim]]\nquantity = 'dL/dW1'\nworking = ['1']\n"))
    assert found["z1[a]"] == ["sum(c, W1[a,c]*x[c])"]


def test_of_many_names_the_most_used_stands_first():
    """400 names for two weights; were they looked up anew for every formula,
    this would take minutes."""
    names = "".join(f"n{k} = 'W1[1,{k % 2 + 1}]'\n" for k in range(400))
    head = "loss = 'output'\nx = [1, 2]\n[[layer]]\nW = [[3, -1]]\n[notation]\n" + names
    text = gradsheet.solution.text(solved(head + claims("dL/dn7", *["dL/dW1[1,2]"] * 150)))
    assert "∂L/∂n₇ = ∂L/∂W⁽¹⁾₁₂ = δ⁽¹⁾ x₂ = 1 · 2 = 2" in text
    assert text.count("δ⁽¹⁾ x₂") == 1, "one step for all that ask for the same"
