"""Processes without processes: each runs as a thread of the sandbox, one after another and always in the same order.

What a process is given is copied where it can be, and the names that it binds in the program are its own. What needs memory or
handles of the operating system (`shared_memory`, `os.fork`, `subprocess`) is not there.
"""

import concurrent.futures, io, itertools, pickle, queue, sys, threading, traceback

import dethrone_threads

_TERMINATED = -15
_LARGEST = 100_000  # items of global lists, dicts and sets that are put back when a process has ended
_numbers = itertools.count(2)


class _Shared:
    """What processes have together: never copied."""


class _Apart:
    """The program's names as one process has them."""

    def __init__(self):
        self._own = {}

    def __enter__(self):
        names = sys.modules["__main__"].__dict__
        self._saved, self._contents, left = dict(names), [], _LARGEST
        for value in self._saved.values():
            if type(value) in (list, dict, set) and len(value) <= left:
                left -= len(value)
                self._contents.append((value, value.copy()))
        names.update(self._own)

    def __exit__(self, kind, error, trace):
        names, saved = sys.modules["__main__"].__dict__, self._saved
        self._own = {name: value for name, value in names.items() if name not in saved or saved[name] is not value}
        for name in self._own:
            if name not in saved:
                del names[name]
        names.update(saved)
        for value, kept in self._contents:
            value.clear()
            (value.extend if type(value) is list else value.update)(kept)


class _Pickler(pickle.Pickler):
    def __init__(self, file, shared):
        super().__init__(file)
        self._shared = shared

    def persistent_id(self, value):
        if not isinstance(value, (_Shared, threading.Event, threading.Condition, threading.Barrier)):
            return None
        self._shared.append(value)
        return len(self._shared) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, shared):
        super().__init__(file)
        self.persistent_load = shared.__getitem__


def _copied(value):
    """A copy, as one that was sent to another process; raises what pickling raises."""
    file, shared = io.BytesIO(), []
    _Pickler(file, shared).dump(value)
    file.seek(0)
    return _Unpickler(file, shared).load()


class _Child:
    """Stands in for a process of the operating system."""

    def __init__(self, process):
        import multiprocessing.process

        self._module = multiprocessing.process
        self.pid, self.sentinel, self.returncode = next(_numbers), None, None
        self._process = object.__new__(type(process))
        self._process.__dict__.update(process.__dict__)
        given = self._process._args, self._process._kwargs
        try:
            given = _copied(given)
        except Exception:
            pass  # a forked process has what it was given without pickling
        self._process._args, self._process._kwargs = given
        self._thread = threading.Thread(target=self._run, name=process.name, daemon=process.daemon)
        self._thread.start()

    def _run(self):
        if self.returncode is not None:
            return
        module, before = self._module, self._module._current_process
        module._current_process = self._process
        given = self._process._args, self._process._kwargs
        try:
            with _Apart():
                self._process.run()
            self.returncode = 0
        except dethrone_threads.Unwind:
            self._process._args, self._process._kwargs = given
            raise
        except SystemExit as exit:
            self.returncode = exit.code if isinstance(exit.code, int) else 0 if exit.code is None else 1
            if self.returncode and not isinstance(exit.code, int):
                print(exit.code, file=sys.stderr)
        except BaseException:
            self.returncode = 1
            sys.stderr.write(f"Process {self._process.name}:\n")
            traceback.print_exc()
        finally:
            module._current_process = before

    def poll(self, flag=0):
        if self.returncode is None:
            self._thread.is_alive()
        return self.returncode

    def wait(self, timeout=None):
        self._thread.join(timeout)
        return self.returncode

    def terminate(self):
        if self.returncode is None:
            self.returncode = _TERMINATED

    kill = interrupt = terminate

    def close(self):
        pass


class _Queue(queue.Queue, _Shared):
    """`multiprocessing.Queue` and `JoinableQueue`."""

    _closed = False

    def put(self, obj, block=True, timeout=None):
        if self._closed:
            raise ValueError(f"Queue {self!r} is closed")
        super().put(_copied(obj), block, timeout)

    def put_nowait(self, obj):
        self.put(obj, False)

    def close(self):
        self._closed = True

    def join_thread(self):
        pass

    cancel_join_thread = join_thread


class _Lock(_Shared):
    """`multiprocessing.Lock` and its like, around one of `threading`."""

    def __init__(self, lock):
        self._lock = lock

    def acquire(self, block=True, timeout=None):
        if not block:
            return self._lock.acquire(False)
        return self._lock.acquire() if timeout is None else self._lock.acquire(True, max(timeout, 0))

    def release(self, *given):
        self._lock.release(*given)

    def locked(self):
        return self._lock.locked()

    def get_value(self):
        return self._lock._value

    def __enter__(self):
        self._lock.acquire()
        return True

    def __exit__(self, kind, error, trace):
        self._lock.release()


class _Connection(_Shared):
    """One end of a pipe."""

    def __init__(self, receives, sends, readable=True, writable=True):
        self._receives, self._sends, self.readable, self.writable = receives, sends, readable, writable
        self.closed, self._other = False, None

    def _check(self, may, what):
        if self.closed:
            raise OSError("handle is closed")
        if not may:
            raise OSError(f"connection is {what}-only")

    def send(self, obj):
        self._check(self.writable, "read")
        if self._other.closed:
            raise BrokenPipeError(32, "Broken pipe")
        self._sends.put(_copied(obj))

    def recv(self):
        self._check(self.readable, "write")
        if self._other.closed and self._receives.empty():
            raise EOFError
        return self._receives.get()

    def send_bytes(self, buffer, offset=0, size=None):
        data = bytes(buffer)[offset:]
        self.send(data if size is None else data[:size])

    def recv_bytes(self, maxlength=None):
        return self.recv()

    def poll(self, timeout=0.0):
        self._check(self.readable, "write")
        return dethrone_threads._wait(lambda: not self._receives.empty(), timeout)

    def close(self):
        self.closed = True

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()


def _pipe(duplex=True):
    one, two = queue.Queue(), queue.Queue()
    first, second = _Connection(one, two, True, duplex), _Connection(two, one, duplex, True)
    first._other, second._other = second, first
    return first, second


def _kind(typecode):
    """The Python type of a type of C, and what it is at first."""
    name = typecode if isinstance(typecode, str) else getattr(typecode, "_type_", getattr(typecode, "__name__", "i"))
    return (float, 0.0) if name in ("f", "d", "c_float", "c_double") else (bytes, b"\0") if name == "c" else (int, 0)


class _Synchronized(_Shared):
    def __init__(self, lock=None):
        self._lock = lock if isinstance(lock, _Lock) else _Lock(threading.RLock())

    def get_lock(self):
        return self._lock

    def get_obj(self):
        return self

    def acquire(self, block=True, timeout=None):
        return self._lock.acquire(block, timeout)

    def release(self):
        self._lock.release()

    def __enter__(self):
        return self._lock.__enter__()

    def __exit__(self, kind, error, trace):
        self._lock.__exit__(kind, error, trace)


class _Value(_Synchronized):
    def __init__(self, typecode, value=None, lock=True):
        super().__init__(lock)
        self._type, first = _kind(typecode)
        self.value = first if value is None else value

    @property
    def value(self):
        return self._value

    @value.setter
    def value(self, value):
        if self._type is int and not hasattr(value, "__index__"):
            raise TypeError(f"'{type(value).__name__}' object cannot be interpreted as an integer")
        self._value = value if self._type is bytes else self._type(value)


class _Array(_Synchronized):
    def __init__(self, typecode, size_or_initializer, lock=True):
        super().__init__(lock)
        self._type, first = _kind(typecode)
        given = size_or_initializer
        self._items = [first] * given if isinstance(given, int) else [self._type(item) for item in given]

    def __len__(self):
        return len(self._items)

    def __iter__(self):
        return iter(self._items)

    def __getitem__(self, place):
        return self._items[place]

    def __setitem__(self, place, value):
        if isinstance(place, slice):
            value = [self._type(item) for item in value]
            if len(value) != len(self._items[place]):
                raise ValueError("Can only assign sequence of same size")
            self._items[place] = value
        else:
            self._items[place] = self._type(value)


class ListProxy(list, _Shared):
    __hash__ = object.__hash__


class DictProxy(dict, _Shared):
    __hash__ = object.__hash__


class NamespaceProxy(_Shared):
    def __init__(self, **names):
        self.__dict__.update(names)

    def __repr__(self):
        items = sorted(f"{name}={value!r}" for name, value in self.__dict__.items() if not name.startswith("_"))
        return f"Namespace({', '.join(items)})"


def _synchronization(context):
    """What contexts and managers both make."""
    context.Queue = lambda self, maxsize=0: _Queue(maxsize)
    context.JoinableQueue = lambda self, maxsize=0: _Queue(maxsize)
    context.Lock = lambda self: _Lock(threading.Lock())
    context.RLock = lambda self: _Lock(threading.RLock())
    context.Semaphore = lambda self, value=1: _Lock(threading.Semaphore(value))
    context.BoundedSemaphore = lambda self, value=1: _Lock(threading.BoundedSemaphore(value))
    context.Event = lambda self: threading.Event()
    context.Condition = lambda self, lock=None: threading.Condition(getattr(lock, "_lock", None))
    context.Barrier = lambda self, parties, action=None, timeout=None: threading.Barrier(parties, action, timeout)
    context.Pool = lambda self, processes=None, initializer=None, initargs=(), maxtasksperchild=None: Pool(
        processes, initializer, initargs
    )


class SyncManager(_Shared):
    """`multiprocessing.Manager()`: what it makes is in the program itself."""

    def list(self, given=()):
        return ListProxy(given)

    def dict(self, *given, **named):
        return DictProxy(*given, **named)

    def Namespace(self, **names):
        return NamespaceProxy(**names)

    def Value(self, typecode, value, lock=True):
        return _Value(typecode, value)

    def Array(self, typecode, given, lock=True):
        return _Array(typecode, given)

    def start(self, initializer=None, initargs=()):
        pass

    def shutdown(self):
        pass

    def join(self, timeout=None):
        pass

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        pass


_synchronization(SyncManager)


class Pool:
    """`multiprocessing.Pool`, with the one worker that the calls wait for."""

    _numbers = itertools.count(1)
    _daemonic = True

    def __init__(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None, context=None):
        if processes is not None and processes < 1:
            raise ValueError("Number of processes must be at least 1")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._state, self._worker = "RUN", self._apart()
        if initializer is not None:
            with self._worker:
                initializer(*initargs)

    def _apart(self):
        return _Apart()

    def _send(self, value):
        return _copied(value)

    def _call(self, action, callback, error_callback):
        if self._state != "RUN":
            raise ValueError("Pool not running")
        return _Result(action, callback, error_callback)

    def apply_async(self, func, args=(), kwds={}, callback=None, error_callback=None):
        def action():
            call, given, named = self._send((func, args, kwds))
            with self._worker:
                return self._send(call(*given, **named))

        return self._call(action, callback, error_callback)

    def _mapped(self, func, items, callback=None, error_callback=None):
        def action():
            call, given = self._send((func, items))
            with self._worker:
                return self._send([call(*item) for item in given])

        return self._call(action, callback, error_callback)

    def map_async(self, func, iterable, chunksize=None, callback=None, error_callback=None):
        return self._mapped(func, [(item,) for item in iterable], callback, error_callback)

    def starmap_async(self, func, iterable, chunksize=None, callback=None, error_callback=None):
        return self._mapped(func, [tuple(item) for item in iterable], callback, error_callback)

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
        if self._state == "RUN":
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


class ThreadPool(Pool):
    """`multiprocessing.pool.ThreadPool`: nothing is copied."""

    def _apart(self):
        import contextlib

        return contextlib.nullcontext()

    def _send(self, value):
        return value


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


class ProcessPoolExecutor(dethrone_threads.ThreadPoolExecutor):
    """`concurrent.futures.ProcessPoolExecutor`."""

    def __init__(self, max_workers=None, mp_context=None, initializer=None, initargs=(), *, max_tasks_per_child=None):
        super().__init__(max_workers, "", None)
        self._worker = _Apart()
        if initializer is not None:
            with self._worker:
                initializer(*initargs)

    def submit(self, fn, /, *args, **kwargs):
        def call():
            function, given, named = _copied((fn, args, kwargs))
            with self._worker:
                return _copied(function(*given, **named))

        return super().submit(call)

    def map(self, fn, *iterables, timeout=None, chunksize=1, **more):
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        return super().map(fn, *iterables, timeout=timeout)


def change_pool(module):
    """The module `multiprocessing.pool`."""
    module.Pool, module.ThreadPool = Pool, ThreadPool
    module.AsyncResult = module.ApplyResult = module.MapResult = _Result


def change_context(module):
    """The module `multiprocessing.context`."""
    context = module.BaseContext
    _synchronization(context)
    context.SimpleQueue = lambda self: _Queue()
    context.Pipe = lambda self, duplex=True: _pipe(duplex)
    context.Manager = lambda self: SyncManager()
    context.Value = lambda self, typecode, *given, lock=True: _Value(typecode, *given, lock=lock)
    context.Array = lambda self, typecode, given, *, lock=True: _Array(typecode, given, lock)
    context.RawValue = lambda self, typecode, *given: _Value(typecode, *given)
    context.RawArray = lambda self, typecode, given: _Array(typecode, given)
    context.cpu_count = lambda self: 1
    for name in "Process ForkProcess SpawnProcess ForkServerProcess".split():
        if hasattr(module, name):
            getattr(module, name)._Popen = staticmethod(_Child)


def change_futures(module):
    """The module `concurrent.futures.process`."""
    module.ProcessPoolExecutor = concurrent.futures.ProcessPoolExecutor = ProcessPoolExecutor
