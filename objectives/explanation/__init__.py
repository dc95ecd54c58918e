"""What a trained head looked at in an image."""

from objectives.explanation.mistakes import explain_mistakes

__all__ = ["explain_mistakes"]
