"""The modules of the standard library that few programs import: kept as compressed code and executed on import.

The heap of the guest holds what most programs import, ready to use. The rest is compiled while the guest is built, when there
still are files to read it from.
"""

import importlib.abc, importlib.machinery, marshal, os, sys, zlib

import dethrone_processes

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


after("multiprocessing.pool")(dethrone_processes.change_pool)
after("multiprocessing.context")(dethrone_processes.change_context)
after("concurrent.futures.process")(dethrone_processes.change_futures)


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
