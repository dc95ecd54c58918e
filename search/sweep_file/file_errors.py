"""From pydantic's list of errors to one sentence with the key, the value and the choices."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from spaces.errors import InputError, unknown_name

SHOWN_CHARACTERS = 200


def as_input_error(error: ValidationError, model: type[BaseModel], origin: str) -> InputError:
    """Say what is wrong with the first key that pydantic refused.

    Args:
        error: What pydantic raised.
        model: The schema of the whole file.
        origin: The file, as the person named it.
    """
    # An unknown key explains more than the one that is missing because of it.
    details = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
    first = details[0]
    key = ".".join(str(part) for part in first["loc"] if not _is_union_branch(part))
    if first["type"] == "extra_forbidden":
        advice = "Every key is listed by 'foldsweep init'."
        text = str(unknown_name("key", key, _known_keys(model, first["loc"][:-1]), advice))
        return InputError(f"{origin}: {text}")
    if first["type"] == "missing":
        return InputError(f"{origin}: {key} is missing. Write it into the file.")
    problem = first["msg"].removeprefix("Value error, ")
    problem = problem[0].lower() + problem[1:]
    return InputError(f"{origin}: {key} = {_short(first['input'])} will not do: {problem}.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _is_union_branch(part: int | str) -> bool:
    return isinstance(part, str) and (part == "str" or part.startswith("dict["))


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    prefix = ""
    for part in location:
        section = _section(model.model_fields[str(part)].annotation)
        if section is None:
            break
        model, prefix = section, f"{prefix}{part}."
    return [prefix + name for name in model.model_fields]


def _section(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
