"""The language of formulas: text to tree, tree to text, and the value of a tree."""
