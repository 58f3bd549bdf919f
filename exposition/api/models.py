"""The shapes of answers, as the documentation of the API shows them."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class ColumnFacts(BaseModel):
    """A column; `class` is null where none was declared."""

    name: str
    type: str
    description: str
    class_: str | None = Field(alias="class")


class TableFacts(BaseModel):
    """A table or view. `key` is empty where pages go by the row's place instead, or where there
    are none since it is a view; how many rows a view has is not counted.
    """

    name: str
    description: str
    rows: int | None
    key: list[str]
    columns: list[ColumnFacts]
    columns_left_out: int


class Page(BaseModel):
    """Rows of a table."""

    release: str
    table: str
    rows: list[dict[str, Any]]
    next: str | None


class BatchFacts(BaseModel):
    """A batch that the release holds."""

    batch: int
    batch_date: str | None


class ReleaseFacts(BaseModel):
    """The published release."""

    id: str
    created_at: str
    batches: list[BatchFacts]
    loads: dict[str, int]
    rows: dict[str, int]
    tests_passed: int
    tests_warned: int


class Health(BaseModel):
    """Whether the API can answer."""

    status: Literal["ok"]
    release: str
