"""What a text must be to be written anywhere."""


def is_text(value: str) -> bool:
    """Tell whether a text can be written as UTF-8, as databases, files and terminals want it.

    Python hands on bytes of file names and variables that are no UTF-8 as lone surrogates.
    """
    return not any("\ud800" <= character <= "\udfff" for character in value)
