"""What the engine would do and SQL may not: refused by reading the statement's tokens, with the name that opens it.

chDB counts as ClickHouse's local tool, which trusts whoever types: it reads any file by the function `file` and makes
disks of any folder. It also lets a subquery change closed settings. Refusing too much is preferred to a gap.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from embedded.clickhouse.access import CLOSED_SETTINGS, DATABASES, ENGINES, SETTING, SOURCES, TABLE_FUNCTIONS
from embedded.clickhouse.errors import Code, ServerError, error
from embedded.clickhouse.lexing import Token, lex

_END = Token(b"", 0, 0, string=False)
_AI_FUNCTIONS = ("classify", "embed", "extract", "filter", "generate", "redact", "similarity", "translate")
_REFUSED_SYSTEM = (b"SHUTDOWN", b"KILL")
_NESTED_SETTINGS = CLOSED_SETTINGS | {"readonly", "allow_ddl"}
_UNREAD = frozenset(b'\\`"')  # in a text that holds SQL: the engine resolves it once more
_OPENING, _CLOSING = (b"(", b"[", b"{"), (b")", b"]", b"}")

FUNCTIONS = frozenset({"file", "hascolumnintable", *(f"ai{name}" for name in _AI_FUNCTIONS)})
"""Functions of values, in lower case, that read files or speak to other hosts; `file` is a table function as well."""


class Refusals(msgspec.Struct, frozen=True):
    """Names in lower case: of values' functions, table functions, engines; and the sources that are open."""

    functions: frozenset[bytes]
    table_functions: frozenset[bytes]
    engines: frozenset[bytes]
    opened: frozenset[str]


def refusals(table_functions: Iterable[str], engines: Iterable[str], opened: Collection[str] = ()) -> Refusals:
    """Return the engine's `table_functions` and `engines` but the harmless ones and those of `opened` sources."""
    open_engines = {engine.lower() for name in opened for engine in SOURCES[name].engines}
    open_functions = {function.lower() for name in opened for function in SOURCES[name].functions}
    return Refusals(
        functions=_encoded(FUNCTIONS - open_functions),
        table_functions=_encoded({name.lower() for name in table_functions} - _lower(TABLE_FUNCTIONS) - open_functions),
        engines=_encoded({name.lower() for name in engines} - _lower(ENGINES) - _lower(DATABASES) - open_engines),
        opened=frozenset(opened),
    )


def refuse(tokens: Sequence[Token], refused: Refusals) -> None:
    """Raise ServerError when the tokens of a statement, or of an INSERT's VALUES, reach outside of the tables."""
    for index, this in enumerate(tokens):
        before = tokens[index - 1] if index else _END
        following = tokens[index + 1] if index + 1 < len(tokens) else _END
        _refuse_words(tokens, this, following)
        if this.name:
            _refuse_name(this.value.lower(), before, following, refused)
            if following.word == b"(":
                _refuse_structure(this.value.lower(), tokens[index + 2 :], refused)
        elif not this.string and this.value:
            for name in this.value.lower().split(b"."):
                _refuse_name(name, _END, following, refused)
        if this.word == b"ENGINE":
            _refuse_engine(tokens[index + 1 : index + 3], refused)
        if this.word == b"SETTINGS" or (this.word == b"SET" and index == 0):
            _refuse_settings(tokens[index + 1 :], CLOSED_SETTINGS if this.word == b"SET" else _NESTED_SETTINGS)


def _refuse_words(tokens: Sequence[Token], this: Token, following: Token) -> None:
    match this.word, following.word:
        case b"INTO", b"OUTFILE":
            raise error(Code.INTO_OUTFILE_NOT_ALLOWED, "INTO OUTFILE is not allowed")
        case b"INFILE", _ if following.string:
            raise error(Code.NOT_IMPLEMENTED, "FROM INFILE reads files of the client: send the data in the body.")
        case b"FROM", _ if following.string and tokens[0].word == b"ATTACH":
            raise error(Code.ACCESS_DENIED, "ATTACH ... FROM would take a folder of this machine for a table.")
        case b":", b"IDENTIFIER":
            # It may stand for a function, to `arrayMap` for example.
            raise error(Code.ACCESS_DENIED, "Parameters of type Identifier are not available on the embedded engine.")
        case b"INPUT", b"(":
            raise error(Code.NOT_IMPLEMENTED, "Table function input() is not available on the embedded engine.")
        case b"PYTHON", b"(":
            raise error(Code.ACCESS_DENIED, "Table function Python() would read this process's own objects.")
        case b"SYSTEM", action if action in _REFUSED_SYSTEM and this is tokens[0]:
            raise error(Code.ACCESS_DENIED, "The embedded engine is stopped with `onefold up`, not by a query.")


def _refuse_name(name: bytes, before: Token, following: Token, refused: Refusals) -> None:
    calls = following.word == b"("
    # A function may also be passed by its bare name, to `APPLY` or `arrayMap`.
    if name in refused.functions and (calls or before.word != b"."):
        hint = "" if calls else f" A column of that name is read as `table.{name.decode()}`, an alias needs another."
        raise _denied(f"the function {name.decode()}()", name, hint)
    if calls and name in refused.table_functions:
        raise _denied(f"the table function {name.decode()}()", name)
    if calls and name == b"disk" and "disk" not in refused.opened:
        raise _denied("a disk of its own", name)


def _refuse_engine(following: Sequence[Token], refused: Refusals) -> None:
    # The engine wants the right to use a table engine only where it is one of a source.
    name = next((token for token in following if token.word != b"="), _END)
    if name.name and name.value.lower() in refused.engines:
        raise _denied(f"the engine {name.value.decode()}", name.value.lower())


def _refuse_structure(function: bytes, rest: Sequence[Token], refused: Refusals) -> None:
    """Columns given as text may have defaults, which are expressions: such text must be a literal that can be read."""
    if function not in (b"values", b"format", b"generaterandom", b"null"):
        return
    arguments = _arguments(rest)
    first = arguments[0] if arguments else []
    if function == b"values":
        inner = [token for token in first if token.word not in (b"(", b")")]
        if not inner or not (inner[0].string or inner[0].word == b"{"):
            return
        literals, structures = [inner], inner
    elif function == b"format" and len(first) == 1 and first[0].string and b"{" in first[0].value:
        return  # the function of values: format('{} of {}', a, b)
    else:
        literals, structures = arguments, [token for argument in arguments for token in argument[:1]]
    if any(len(argument) != 1 or argument[0].word in _OPENING for argument in literals):
        raise error(
            Code.ACCESS_DENIED, f"The arguments of {function.decode()}() must be literals here, no expressions."
        )
    if function == b"format" and (
        len(arguments) == 1 or first[0].value.lower() == b"values" or b"\\" in first[0].value
    ):
        raise error(Code.ACCESS_DENIED, "The table function format() needs a format here, and not Values.")
    for text in structures if function != b"format" else structures[:-1]:
        if text.string:
            if not _UNREAD.isdisjoint(text.value):
                raise error(Code.ACCESS_DENIED, "Columns given as text must be without backslashes and quoted names.")
            refuse(list(lex(text.value)), refused)


def _arguments(rest: Sequence[Token]) -> list[list[Token]]:
    depth, arguments = 1, [list[Token]()]
    for token in rest:
        depth += (token.word in _OPENING) - (token.word in _CLOSING)
        if depth == 0:
            break
        if token.word == b"," and depth == 1:
            arguments.append([])
        else:
            arguments[-1].append(token)
    return [argument for argument in arguments if argument]


def _refuse_settings(rest: Sequence[Token], closed: Collection[str]) -> None:
    depth, before = 0, b","
    for token in rest:
        depth += (token.word in _OPENING) - (token.word in _CLOSING)
        if depth < 0:
            return
        if before == b"," and token.name and token.value.decode("latin-1") in closed:
            name = token.value.decode("latin-1")
            raise error(Code.ACCESS_DENIED, f"The setting {name} may not be changed on the embedded engine.")
        before = token.word


def _denied(what: str, name: bytes, hint: str = "") -> ServerError:
    opening = (
        key
        for key, source in SOURCES.items()
        if name.decode() in map(str.lower, (key, *source.functions, *source.engines))
    )
    source = next(opening, None)
    by = f"add {source} to {SETTING} to allow it" if source else f"no value of {SETTING} allows it"
    return error(Code.ACCESS_DENIED, f"Not here: {what} reaches outside of the embedded ClickHouse; {by}.{hint}")


def _lower(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _encoded(names: Iterable[str]) -> frozenset[bytes]:
    return frozenset(name.encode() for name in names)
