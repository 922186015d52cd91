"""Could this code have made its tests pass? Reads Python without running it.

Tests of an answer run in the same interpreter as the answer. Code that is out to pass them need not be right: it may
put a `sorted` of its own in place of Python's, return objects that are equal to everything, or walk up the stack to
the program that runs it. None of that can be seen from how the tests ended. So code that passes is read, and where it
reaches for more than an answer needs, it takes a person to accept it.

What is harmless is listed, not what is harmful: modules, and names with underscores. Some honest answers are asked
about; that costs a look.
"""

import ast
import builtins
import symtable
import sys
from collections.abc import Iterator

MODULES = frozenset(
    {
        "abc", "array", "bisect", "calendar", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal",
        "enum", "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "numbers", "random", "re",
        "statistics", "string", "textwrap", "time", "typing", "unicodedata", "__future__",
    }
)  # fmt: skip
"""What an answer may import: modules of values, without files, processes or the interpreter's insides."""
_OWN = frozenset({"__init__", "__post_init__", "__repr__", "__str__", "__len__", "__iter__", "__next__", "__name__",
                  "__doc__", "__main__", "__future__"})  # fmt: skip
_FRAMES = ("f_", "tb_", "gi_", "cr_", "ag_", "co_")  # attributes of frames, tracebacks, generators and code
_CALLED = frozenset(
    {"breakpoint", "compile", "delattr", "eval", "exec", "exit", "getattr", "globals", "input", "locals", "open",
     "quit", "setattr", "vars"}
)  # fmt: skip
_REACHING = frozenset(
    {"Formatter", "get_type_hints", "make_dataclass"}
)  # of harmless modules, and run or read names
_BUILT_IN = frozenset(dir(builtins))
_OTHER_MODULES = sys.stdlib_module_names - MODULES  # harmless ones have them among their names


def reach(source: str) -> str:
    r"""The first thing that code reaches for and an answer does not need, in a few words; "": nothing.

    >>> reach("import math\n\ndef area(r):\n    return math.pi * r ** 2")
    ''
    >>> reach("import os")
    'it imports os'
    >>> reach("def all(values):\n    return True")
    'it defines all anew'
    """
    try:
        tree, names = ast.parse(source), symtable.symtable(source, "answer", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "its code cannot be read"
    try:
        return next(_found(tree, names), "")
    except RecursionError:
        return "its code is nested too deeply to be read"


def _found(tree: ast.Module, names: symtable.SymbolTable) -> Iterator[str]:
    nodes = list(ast.walk(tree))
    imported = {
        name.asname or name.name.partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import)
        for name in node.names
    }
    bases = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        yield from _imports(node)
        yield from (f"it reaches for {name}" for name in _named(node) if _is_inside(name))
        if isinstance(node, ast.Attribute | ast.Subscript) and _root(node) in imported:
            if not isinstance(node.ctx, ast.Load):
                yield f"it changes {_root(node)}"
            if isinstance(node, ast.Attribute) and _is_hidden(node.attr):
                yield f"it reaches for {node.attr}"
        if isinstance(node, ast.Name) and node.id in imported and id(node) not in bases:
            yield f"it hands {node.id} on"
    yield from (f"it defines {name} anew" for name in _defined(names) if name in _BUILT_IN)


def _imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (f"it imports {one.name}" for one in node.names if not _is_harmless(one.name))
    elif isinstance(node, ast.ImportFrom):
        if not _is_harmless(node.module or "."):
            yield f"it imports {node.module or 'relatively'}"
        hidden = (
            one.name for one in node.names if _is_inside(one.name) or _is_hidden(one.name) or one.name == "*"
        )
        yield from (f"it imports {name}" for name in hidden)


def _named(node: ast.AST) -> Iterator[str]:
    """Names that a node reads, or gives to a function or class."""
    match node:
        case ast.Attribute(attr=name):
            yield "" if name in _CALLED else name  # `re.compile` is not `compile`
        case ast.Name(id=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            if name.startswith("__"):
                yield name
        case ast.MatchClass(kwd_attrs=names):
            yield from names
        case ast.Constant(value=str(name)) if name.strip("_"):  # type("Yes", (), {"__eq__": ...})
            yield name if name.startswith("__") else ""


def _is_harmless(module: str) -> bool:
    return module.partition(".")[0] in MODULES


def _is_hidden(name: str) -> bool:
    """Whether a name of a harmless module leads out of it."""
    return name.startswith("_") or name in _OTHER_MODULES


def _is_inside(name: str) -> bool:
    """Whether a name is of the interpreter's insides."""
    return (
        name in _REACHING
        or name in _CALLED
        or name.startswith(_FRAMES)
        or (name.startswith("__") and name not in _OWN)
    )


def _root(node: ast.expr) -> str:
    """The name that a chain of attributes begins with; "": another expression."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _defined(names: symtable.SymbolTable) -> Iterator[str]:
    """Names of the module that the code binds, but not those of its functions and classes."""
    is_module = names.get_type() == "module"
    for symbol in names.get_symbols():
        if (is_module or symbol.is_declared_global()) and (symbol.is_assigned() or symbol.is_imported()):
            yield symbol.get_name()
    for inner in names.get_children():
        yield from _defined(inner)
