"""The bronze model of a stream that is delivered as text: generated, readable SQL.

The typing of a column is one line; macros decide which row of a key is kept, and which are in
force. Not here: how a text is typed (macro `typed_value`).
"""

from ingestion.contracts.model import MADE, WRITTEN, Column, Record, Stream


def kind(column: Column) -> str:
    """What the macro `typed_value` calls the column's type."""
    name, size = column.name_of_type, column.size.replace(" ", "")
    if name == "code":
        return code_kind(column)
    if (name, column.written) in WRITTEN:
        word = WRITTEN[name, column.written]
        word = f"xml_{word}" if column.keeps_empty else word
        return f"{word}:{column.earliest}" if column.earliest else word
    if not size:
        return "plain"
    return f"{'xml_' if column.keeps_empty else ''}{name}:{size}{column.bounds}"


def code_kind(column: Column) -> str:
    """A code's kind: its texts, apart by what none of them has any more."""
    marks = (("%", "%25"), ("/", "%2F"), (":", "%3A"))
    spelled = column.codes
    for mark, written in marks:
        spelled = [code.replace(mark, written) for code in spelled]
    return f"code:{'/'.join(spelled)}"


def condition(stream: Stream | Record) -> str | None:
    """The condition on a line that it is of this kind, None for streams of one kind."""
    if not isinstance(stream, Record):
        return None
    start, length = stream.is_.at
    return f"substr(line, {start}, {length}) = '{stream.is_.text}'"


def model(source: str, name: str, raw: str, stream: Stream, typed: Stream | Record) -> str:
    """The SQL of one model."""
    columns = typed.columns
    lines = [f"{{#- {MADE.format(source=source)} #}}"]
    if stream.beside_batches:
        lines.append("{{ config(materialized='table') }}")
    lengths = getattr(typed, "line_lengths", [])
    split = "_raw_text is null"
    if lengths:
        split += f" and length(line) in ({', '.join(map(str, lengths))})"
    where = [f"{{{{ is_in_force('{raw}'{', at_root=true' if stream.beside_batches else ''}) }}}}"]
    if (is_kind := condition(typed)) is not None:
        where.append(is_kind)
    lines += [
        "with delivered as (",
        "",
        "    select",
        "        _batch as batch_id,",
        "        _delivery as delivery,",
        *(
            f"        {_delivered(column, each)} as {each}_text,"
            for each, column in columns.items()
        ),
        "        _file as source_file,",
        "        _line as source_line,",
        f"        {split} as is_split",
        f"    from {{{{ source('{source}', '{raw}') }}}}",
        *_where(where),
        "",
        "),",
        "",
        "typed as (",
        "",
        "    select",
        "        *,",
        ",\n".join(
            f"        {{{{ typed_value('{each}_text', '{kind(column)}') }}}} as {each}"
            for each, column in columns.items()
        ),
        "    from delivered",
        "",
        "),",
        "",
        "checked as materialized (",
        "",
        "    select",
        "        batch_id,",
        "        delivery,",
        *(f"        {each}," for each in columns),
        "        source_file,",
        "        source_line,",
        *_validity(columns),
        "    from typed",
        "",
        ")",
    ]
    if typed.key:
        keys = ", ".join(f"'{each}'" for each in typed.key)
        lines.append(f"{{{{ first_of_each_key([{keys}], unique_in='{typed.unique_in}') }}}}")
    else:
        lines += ["", "select * exclude (is_valid) from checked where is_valid"]
    return "\n".join(lines) + "\n"


def _delivered(column: Column, name: str) -> str:
    if column.at is None:
        return name
    return f"{{{{ field({column.at[0]}, {column.at[1]}) }}}}"


def _where(conditions: list[str]) -> list[str]:
    if len(conditions) == 1:
        return [f"    where {conditions[0]}"]
    first, *others = conditions
    return ["    where", f"        {first}", *(f"        and {one}" for one in others)]


def _validity(columns: dict[str, Column]) -> list[str]:
    """The row is split, every text could be typed, and nothing required is empty."""
    lines = ["        is_split"]
    for name, column in columns.items():
        if column.required:
            lines.append(f"        and {name} is not null")
        elif kind(column) != "plain":
            lines.append(f"        and ({name} is not null or {name}_text is null)")
    lines[-1] += " as is_valid"
    return lines
