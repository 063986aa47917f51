"""The Python side of the sandbox: executes a program, calls its functions, carries plain data in and out.

It shares the interpreter with hostile code, so nothing here is a defence: the host bounds and checks all that comes out.
What programs often import is imported here, before the heap is captured; the rest of the standard library is kept as code.
There are no files to import from later.
"""

import abc, argparse, array, ast, asyncio, atexit, base64, bdb, binascii, bisect, builtins, calendar, cmath, cmd, code, codecs
import codeop, collections, collections.abc, colorsys, concurrent.futures, configparser, contextlib, contextvars, copy, copyreg
import cProfile, csv, dataclasses, datetime, decimal, difflib, dis, doctest, email.message, email.parser, encodings.ascii
import encodings.cp1252, encodings.cp437, encodings.hex_codec, encodings.idna, encodings.latin_1, encodings.punycode
import encodings.raw_unicode_escape, encodings.rot_13, encodings.unicode_escape, encodings.utf_16, encodings.utf_16_be
import encodings.utf_16_le, encodings.utf_32, encodings.utf_32_be, encodings.utf_32_le, encodings.utf_7, encodings.utf_8
import encodings.utf_8_sig, enum, errno, faulthandler, filecmp, fileinput, fnmatch, fractions, functools, gc, getopt, getpass
import gettext, glob, graphlib, gzip, hashlib, heapq, hmac, html, html.parser, http, importlib, importlib.metadata
import importlib.resources, importlib.util, inspect, io, ipaddress, itertools, json, json.tool, keyword, linecache, locale
import logging, marshal, math, mimetypes, modulefinder, numbers, opcode, operator, optparse, os, pathlib, pdb, pickle
import pickletools, pkgutil, platform, plistlib, posixpath, pprint, profile, pstats, pyclbr, queue, quopri, random, re, reprlib
import rlcompleter, runpy, sched, secrets, select, selectors, shelve, shlex, shutil, signal, socket, sqlite3, stat, statistics
import string, stringprep, struct, subprocess, symtable, sys, sysconfig, tabnanny, tarfile, tempfile, textwrap, threading, time
import timeit, token, tokenize, tomllib, trace, traceback, tracemalloc, types, typing, unicodedata, unittest, unittest.mock
import urllib.parse, urllib.request, uuid, warnings, weakref, xml.dom.minidom, xml.etree.ElementTree, xml.sax, zipfile, zlib
import zoneinfo, _pydatetime, _pydecimal, _pylong, _socket, _strptime, _threading_local, concurrent.futures.thread

import dethrone_library, dethrone_threads, resource, wit_world
from wit_world import Ending

PROGRAM = "main.py"  # as tracebacks, `sys.argv` and `__file__` name it
DEEPEST = 96  # levels of nesting in plain data as JSON, where a tag is one, too; the host refuses 128
LONGEST_NOTE = 2000  # characters told of an exception
LONGEST_SHOWN, LONGEST_LINE = 1 << 16, 1000  # characters of a source, and of a line of it, that tracebacks show lines of

_names = {}  # what the program defined
_parse, _write = json.loads, json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


class NotPlain(TypeError):
    """A value that cannot leave the instance it lives in."""


def pack(value, depth=0):
    """Turns plain data into what JSON can hold; the tags are described in the crate's documentation."""
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        if not value.isascii():
            value.encode()  # a lone surrogate raises here
        return value
    if kind is int:
        return value if -0x8000000000000000 <= value < 0x10000000000000000 else {"$int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if depth >= DEEPEST:
        raise NotPlain("nested too deeply to leave the sandbox")
    if kind is list:
        return [pack(item, depth + 1) for item in value]
    if kind is tuple:
        return {"$tuple": [pack(item, depth + 2) for item in value]}
    if kind is dict:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {pack(key): pack(item, depth + 1) for key, item in value.items()}
        return {"$dict": [[pack(key, depth + 3), pack(item, depth + 3)] for key, item in value.items()]}
    if kind is set or kind is frozenset:
        return {"$set" if kind is set else "$frozenset": sorted((pack(item, depth + 2) for item in value), key=_write)}
    if kind is bytes:
        return {"$bytes": value.hex()}
    if kind is complex:
        return {"$complex": [pack(value.real), pack(value.imag)]}
    raise NotPlain(f"a value of type {kind.__name__} cannot leave the sandbox")


def unpack(value):
    """The inverse of `pack`."""
    kind = type(value)
    if kind is list:
        return [unpack(item) for item in value]
    if kind is dict:
        if len(value) == 1:
            ((key, item),) = value.items()
            if key.startswith("$"):
                return _untag(key, item)
        return {key: unpack(item) for key, item in value.items()}
    return value


def _untag(tag, item):
    match tag:
        case "$int":
            return int(item, 16)
        case "$float":
            return float(item)
        case "$tuple":
            return tuple(unpack(each) for each in item)
        case "$dict":
            return {unpack(key): unpack(each) for key, each in item}
        case "$set":
            return {unpack(each) for each in item}
        case "$frozenset":
            return frozenset(unpack(each) for each in item)
        case "$bytes":
            return bytes.fromhex(item)
        case "$complex":
            return complex(unpack(item[0]), unpack(item[1]))
    raise ValueError(f"unknown tag {tag}")


class CandidateError(Exception):
    """What the candidate raised, carried over as text."""


def candidate(function):
    """A function that runs in the candidate's instance; only plain data passes in either direction."""

    def ask(*arguments):
        try:
            answer = wit_world.ask(function, _write([pack(argument) for argument in arguments]))
        except Exception as refusal:
            raise CandidateError(getattr(refusal, "value", "the candidate could not be asked")) from None
        return unpack(_parse(answer))

    return ask


def _note(error):
    try:
        text = f"{type(error).__name__}: {error}"
        return text[:LONGEST_NOTE].encode(errors="backslashreplace")
    except BaseException:
        return b"an exception that cannot be shown"


def _report(error):
    """Prints what an interpreter prints of an uncaught exception and says how the program ended."""
    kind = type(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.endswith("dethrone_guest.py"):
        trace = trace.tb_next
    error.__traceback__ = trace
    sys.excepthook(kind, error, trace)
    # The parser raises a MemoryError with a text when it is merely confused.
    return Ending.OUT_OF_MEMORY if kind is MemoryError and not error.args else Ending.RAISED


def _exited(exit):
    """What `sys.exit` means: nothing and 0 are success, a number is a status, anything else is printed."""
    if exit.code is None or exit.code == 0:
        return Ending.EXITED
    if not isinstance(exit.code, int):
        print(exit.code, file=sys.stderr)
    return Ending.RAISED


def _attempt(action):
    try:
        action()
    except SystemExit as exit:
        return _exited(exit)
    except BaseException as error:
        return _report(error)
    return Ending.FINISHED


class _Mark:
    """An object among the program's names, by which they are found if anything still holds them."""


def _finalize():
    """Lets go of what the program defined, so that finalizers run as they do at the end of an interpreter."""
    global _names
    _names["__mark__"] = mark = _Mark()
    mark = weakref.ref(mark)
    _names = {}
    sys.modules.pop("__main__", None)
    sys.last_exc = sys.last_value = sys.last_traceback = sys.last_type = None
    gc.collect()
    if mark() is not None:
        for names in gc.get_referrers(mark()):
            if type(names) is dict:
                for name in [name for name in names if name[:1] == "_" and name[:2] != "__"]:
                    names[name] = None
                for name in [name for name in names if name != "__builtins__"]:
                    names[name] = None


class WitWorld:
    """The exports of `world.wit`."""

    def load(self, source):
        module = types.ModuleType("__main__")
        module.__builtins__, module.__file__ = builtins, f"/{PROGRAM}"
        sys.modules["__main__"] = module
        random.seed(int.from_bytes(os.urandom(32)))
        global _names
        _names = module.__dict__
        sys.argv[:] = [PROGRAM]
        source = source.removeprefix("\ufeff")
        lines = source.splitlines(True)
        if len(source) <= LONGEST_SHOWN and max(map(len, lines), default=0) <= LONGEST_LINE:
            linecache.cache[PROGRAM] = len(source), None, lines, PROGRAM
        ending = _attempt(lambda: exec(compile(source, PROGRAM, "exec", dont_inherit=True), _names))
        threads = _attempt(dethrone_threads.finish)
        return threads if ending is Ending.FINISHED else ending

    def call(self, function, arguments):
        try:
            value = _names[function](*[unpack(argument) for argument in _parse(arguments)])
            return Ending.FINISHED, _write(pack(value)).encode()
        except SystemExit as exit:
            _exited(exit)
            return Ending.RAISED, _note(exit)
        except BaseException as error:
            return _report(error), _note(error)

    def finish(self):
        ending = _attempt(atexit._run_exitfuncs)
        _attempt(_finalize)
        for stream in (sys.stdout, _out, sys.stderr, _err):
            try:
                stream.flush()
            except BaseException:
                pass
        return ending


class Loop(asyncio.BaseEventLoop):
    """An event loop without sockets: waiting moves the clock, and what nothing can wake does not wait."""

    def __init__(self):
        super().__init__()
        self._selector = self

    def select(self, timeout):
        if dethrone_threads.is_waiting() and timeout != 0:
            dethrone_threads.run_next()
            return ()
        if timeout is None:
            raise RuntimeError("this event loop waits for something that nothing in the sandbox can do")
        if timeout > 0:
            time.sleep(timeout)
        return ()

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass


asyncio.EventLoop = asyncio.SelectorEventLoop = Loop
asyncio.DefaultEventLoopPolicy._loop_factory = Loop

dethrone_threads.install()

# Numbers of the machine that programs were written for: pointers of 64 bits and a processor.
sys.maxsize = 2**63 - 1
LARGEST = 2**31 - 1  # of a size in this interpreter
os.cpu_count = os.process_cpu_count = lambda: 1
time.process_time, time.process_time_ns = time.monotonic, time.monotonic_ns
time.thread_time, time.thread_time_ns = time.monotonic, time.monotonic_ns


def _with_sizes(function, *places):
    """The function with sizes that this interpreter cannot hold made the largest that it can."""

    def smaller(value):
        return LARGEST if isinstance(value, int) and value > LARGEST else value

    @functools.wraps(function, assigned=("__name__", "__qualname__", "__doc__", "__module__"), updated=())
    def sized(*given, **named):
        try:
            return function(*given, **named)
        except (OverflowError, ValueError):
            less = [smaller(value) if place in places else value for place, value in enumerate(given)]
            less_named = {name: smaller(value) for name, value in named.items()}
            if less == list(given) and less_named == named:
                raise
        return function(*less, **less_named)

    return sized


itertools.islice = _with_sizes(itertools.islice, 1, 2, 3)
itertools.repeat = _with_sizes(itertools.repeat, 1)
functools._lru_cache_wrapper = _with_sizes(functools._lru_cache_wrapper, 1)
csv.field_size_limit = _with_sizes(csv.field_size_limit, 0)



def _no_name(*given, **named):
    raise socket.gaierror(socket.EAI_FAIL, "there is no network in the sandbox")


socket.getaddrinfo = socket.gethostbyname = _socket.getaddrinfo = _socket.gethostbyname = _no_name

_open = builtins.open
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


@functools.wraps(_open, assigned=("__name__", "__qualname__", "__doc__", "__module__"), updated=())
def _open_standard(file, *given, **named):
    if isinstance(file, str) and file in _STANDARD:
        return _open(_STANDARD[file], *given, **named, closefd=False)
    return _open(file, *given, **named)


builtins.open = io.open = _open_standard

# What follows prepares the heap that is captured: an instance starts from it copy-on-write, so that every page which a
# program does not write to costs nothing.

_ballast = []  # fills the holes between objects, so that new objects lie side by side


def kinds():
    """Addresses of all types."""
    found = {id(object): object}
    waiting = [object]
    while waiting:
        for kind in type.__subclasses__(waiting.pop()):
            if id(kind) not in found:
                found[id(kind)] = kind
                waiting.append(kind)
    return list(found)


def fill():
    """Allocates what fits into the holes of the heap, and freezes the collector's lists."""
    os.environ.clear()  # the first call of an instance fills it, and that was one of the build
    gc.collect()
    top = id(bytes(1 << 21))  # nothing this large fits into a hole
    for size in (*(1 << power for power in range(20, 9, -1)), *range(504, 1, -8)):
        while id(block := bytes(size)) < top:
            _ballast.append(block)
    del block
    for n in range(1000, 1200):  # what the interpreter keeps for reuse lies in holes, too
        _ballast.append([n + 10**6, -n / 7, {n: n}, {n}, slice(n), iter([n]), range(n), _ballast.append, *map(tuple, _shapes(n))])
    old, random._inst = random._inst, random.Random()
    for name, value in list(vars(random).items()):
        if getattr(value, "__self__", None) is old:
            setattr(random, name, getattr(random._inst, name))
    _ballast.append(old)
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    gc.freeze()
    return len(_ballast)


def _shapes(n):
    return ([n] * length for length in range(1, 21))


# Streams as `python3` has them, rather than the unbuffered ones of the build.
def _stream(number, name, errors, **settings):
    raw = dethrone_threads.Raw(number, "w", closefd=False)
    raw.name = name
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors=errors, newline="\n", **settings)


_out = sys.stdout = sys.__stdout__ = _stream(1, "<stdout>", "strict")
_err = sys.stderr = sys.__stderr__ = _stream(2, "<stderr>", "backslashreplace", line_buffering=True)
_out.mode = _err.mode = "w"
sys.stdin = sys.__stdin__ = _open(0, encoding="utf-8", newline="\n", closefd=False)
sys.stdin.buffer.raw.name = "<stdin>"

dethrone_library.collect("/python")

# Nothing can be imported from files later, so nothing needs to look for them.
sys.path.clear()
sys.path_hooks.clear()
sys.path_importer_cache.clear()
sys.meta_path[:] = [finder for finder in sys.meta_path if finder.__name__ != "PathFinder"]
sys.meta_path.append(dethrone_library.Library())
linecache.clearcache()
