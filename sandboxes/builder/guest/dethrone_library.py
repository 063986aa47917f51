"""The modules of the standard library that few programs import: kept as compressed code and executed on import.

The heap of the guest holds what most programs import, ready to use. The rest is compiled while the guest is built, when there
still are files to read it from.
"""

import importlib.abc, importlib.machinery, marshal, os, sys, zlib

# What needs a screen, tests, and files of the build.
_LEFT_OUT = {"__phello__", "config-3.14-wasm32-wasi", "idlelib", "site-packages", "test", "tkinter", "turtle", "turtledemo"}

_codes = {}  # by name: true for a package, and the compressed code
_loaded = {}  # by name: called with a module when it has been executed


def after(name):
    """Decorates a function that changes a module once it is imported."""

    def decorate(function):
        _loaded[name] = function
        return function

    return decorate


def collect(folder, prefix=""):
    """Compiles every module below a folder that is not imported yet."""
    for entry in sorted(os.listdir(folder)):
        path = f"{folder}/{entry}"
        name, extension = os.path.splitext(entry)
        if entry in _LEFT_OUT or name in _LEFT_OUT or name == "__pycache__":
            continue
        if extension == ".py" and name != "__init__":
            _keep(prefix + name, path, False)
        elif not extension and os.path.isfile(f"{path}/__init__.py"):
            _keep(prefix + name, f"{path}/__init__.py", True)
            collect(path, f"{prefix}{name}.")


def _keep(name, path, is_package):
    if name in sys.modules and name != "__main__":
        return
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    _codes[name] = is_package, zlib.compress(marshal.dumps(code), 9)


@after("multiprocessing.pool")
def _pool(module):
    """Pools of threads run their calls one after another; pools of processes cannot be."""

    class ThreadPool:
        def __init__(self, processes=None, initializer=None, initargs=()):
            if processes is not None and processes < 1:
                raise ValueError("Number of processes must be at least 1")
            self._state = "RUN"
            if initializer is not None:
                initializer(*initargs)

        def apply_async(self, func, args=(), kwds={}, callback=None, error_callback=None):
            if self._state != "RUN":
                raise ValueError("Pool not running")
            return _Result(lambda: func(*args, **kwds), callback, error_callback)

        def map_async(self, func, iterable, chunksize=None, callback=None, error_callback=None):
            items = list(iterable)
            return self.apply_async(lambda: [func(item) for item in items], (), {}, callback, error_callback)

        def starmap_async(self, func, iterable, chunksize=None, callback=None, error_callback=None):
            return self.map_async(lambda given: func(*given), iterable, chunksize, callback, error_callback)

        def apply(self, func, args=(), kwds={}):
            return self.apply_async(func, args, kwds).get()

        def map(self, func, iterable, chunksize=None):
            return self.map_async(func, iterable).get()

        def starmap(self, func, iterable, chunksize=None):
            return self.starmap_async(func, iterable).get()

        def imap(self, func, iterable, chunksize=1):
            results = [self.apply_async(func, (item,)) for item in iterable]
            return (result.get() for result in results)

        imap_unordered = imap

        def close(self):
            self._state = "CLOSE"

        def terminate(self):
            self._state = "TERMINATE"

        def join(self):
            if self._state == "RUN":
                raise ValueError("Pool is still running")

        def __enter__(self):
            return self

        def __exit__(self, kind, error, trace):
            self.terminate()

    class _Result:
        def __init__(self, action, callback, error_callback):
            try:
                self._value, self._error = action(), None
            except Exception as error:
                self._value, self._error = None, error
            told = callback if self._error is None else error_callback
            if told is not None:
                told(self._value if self._error is None else self._error)

        def get(self, timeout=None):
            if self._error is not None:
                raise self._error
            return self._value

        def wait(self, timeout=None):
            pass

        def ready(self):
            return True

        def successful(self):
            return self._error is None

    module.ThreadPool = ThreadPool


@after("multiprocessing.context")
def _processes(module):
    """Everything that needs a second process says that there is none."""

    def no(self, *given, **named):
        raise OSError("no process can be started in the sandbox")

    for name in "Barrier BoundedSemaphore Condition Event JoinableQueue Lock Manager Pipe Pool Queue RLock Semaphore".split():
        setattr(module.BaseContext, name, no)
    for name in "Array RawArray RawValue SimpleQueue Value".split():
        setattr(module.BaseContext, name, no)
    module.process.BaseProcess.start = no


class Library(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and executes the modules that were kept."""

    def find_spec(self, name, path=None, target=None):
        if name not in _codes:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=_codes[name][0], origin="library")

    def is_package(self, name):
        return _codes[name][0]

    def get_source(self, name):
        return None

    def get_code(self, name):
        return marshal.loads(zlib.decompress(_codes[name][1]))

    def exec_module(self, module):
        exec(self.get_code(module.__name__), module.__dict__)
        if module.__name__ in _loaded:
            _loaded[module.__name__](module)
