"""Settings from environment variables: read once, checked, refused by the variable's name."""

from typing import Any, Self

from pydantic import BeforeValidator, ValidationError
from pydantic_core import PydanticUseDefault
from pydantic_settings import BaseSettings, SettingsConfigDict

from spaces.errors import InputError
from spaces.redact import redact
from spaces.text import is_text


def _text_or_default(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise PydanticUseDefault
    if isinstance(value, str) and not is_text(value):
        raise ValueError("it holds bytes that are no text in UTF-8")
    return value


UNSET_IF_BLANK = BeforeValidator(_text_or_default)
"""For a field's annotation: a variable that is set to nothing counts as not set."""


class EnvironmentSettings(BaseSettings):
    """Frozen; each field names its variable as ``validation_alias``."""

    model_config = SettingsConfigDict(
        frozen=True,
        case_sensitive=True,
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def from_environment(cls) -> Self:
        """Read the variables of this process.

        Raises:
            InputError: At the first variable that will not do, without passwords.
        """
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
        problem = first["msg"].removeprefix("Value error, ").rstrip(".")
        value = redact(repr(first["input"]))
        variable = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{variable} = {value} will not do: {problem[0].lower()}{problem[1:]}. Set it to "
            "another value, or unset it."
        )
