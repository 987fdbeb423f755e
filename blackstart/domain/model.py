"""The base of every document and message: immutable, and strict about unknown fields."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """An immutable value; an unknown field is an error, so that a typing mistake is never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)
