"""Threads without threads: each runs from its start to its end once another waits, always in the same order.

A thread begins when the one that runs waits for something (a lock, a queue, `join`, a result, the end of the program), in the
order of starting. It runs on top of the one that waits, so that only the innermost can go on. Where one below could go on and
no other can, those above it are unwound; such a thread is begun anew when it is needed, if nothing was printed before it
waited for the first time. Threads that take turns (each waits for the other more than once) are thus beyond it, and get an
error that says so.
"""

import _thread, _threading_local, collections, concurrent.futures, concurrent.futures.thread, io, itertools, math, os, queue, sys
import threading, time

LIMIT = "threads of the sandbox run one after another, and these wait for one another"

_main = _thread.get_ident()
_sleep = time.sleep
_idents = itertools.count(_main + 1)
_starting = collections.deque()  # threads that have not begun
_unwound = []  # threads that were unwound while they waited
_running = []  # threads that have begun and not ended, the innermost last
_waits = []  # what the running threads wait for, the innermost last: a test, and the time at which waiting ends


class Unwind(BaseException):
    """Takes a waiting thread from the stack."""


class _Job:
    __slots__ = ("function", "handle", "daemon", "begun", "silent")

    def __init__(self, function, handle, daemon):
        self.function, self.handle, self.daemon, self.begun, self.silent = function, handle, daemon, None, None

    def run(self):
        _running.append(self)
        self.begun, self.silent = _printed(), None
        try:
            self.function()
        except Unwind:
            _unwound.append(self)
        else:
            self.handle.done = True
        finally:
            _running.pop()


class _Handle:
    """Stands in for the handle of a thread of the operating system."""

    def __init__(self):
        self.ident, self.done = 0, False

    def is_done(self):
        done = self.done
        if not done and self.ident:
            _go_on()  # who asks again and again waits
        return done

    def _set_done(self):
        self.done = True

    def join(self, timeout=None):
        _wait(lambda: self.done, None if timeout is None or timeout < 0 else timeout)


class Raw(io.FileIO):
    """A standard stream that counts what is written."""

    written = 0

    def write(self, data):
        Raw.written += len(data)
        return super().write(data)


def _printed():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    return Raw.written


def _look():
    """Notes that the innermost thread is about to wait for the first time."""
    if _running and _running[-1].silent is None:
        _running[-1].silent = _printed() == _running[-1].begun


def _go_on():
    """Runs a thread that has not begun, or else those that were unwound; false if there is none."""
    if _starting:
        _starting.popleft().run()
        return True
    again = [job for job in _unwound if job.silent]
    for job in again:
        _unwound.remove(job)
        job.run()
    return bool(again)


def _wait(ready, timeout=None):
    """Runs other threads until `ready()`; returns false once the timeout has passed."""
    if ready():
        return True
    _look()
    end = None if timeout is None else time.monotonic() + max(timeout, 0)
    _waits.append((ready, end))
    try:
        while _starting:
            _starting.popleft().run()
            if ready():
                return True
        _unwind_to_the_ready(0)
        if _unwound and _go_on() and ready():
            return True
        if end is not None:
            _unwind_to_the_ready(end - time.monotonic())
            _sleep(max(end - time.monotonic(), 0))
            return ready()
        _unwind_to_the_ready(math.inf)
        if _running:
            raise Unwind
        raise RuntimeError(LIMIT)
    finally:
        _waits.pop()


def _unwind_to_the_ready(seconds):
    """Unwinds the innermost thread if one below it can go on within these seconds, and has the clock stand there."""
    below = _waits[:-1]
    if not _running or not below:
        return
    if any(ready() for ready, _ in below):
        raise Unwind
    ends = [end for _, end in below if end is not None]
    left = min(ends, default=math.inf) - time.monotonic()
    if ends and left <= seconds:
        _sleep(max(left, 0))
        raise Unwind


def sleep(seconds, /):
    """`time.sleep`: other threads run while the first one sleeps, and one that is a daemon does not outlast a wait."""
    if not (_starting or _unwound or _running) or seconds < 0:
        return _sleep(seconds)
    end = time.monotonic() + seconds
    _waits.append((_never, end))
    try:
        if not _running:
            while _starting:
                _starting.popleft().run()
            _go_on()
        elif _running[-1].daemon:
            _look()
            _unwind_to_the_ready(seconds)
        _sleep(max(end - time.monotonic(), 0))
    finally:
        _waits.pop()


def _never():
    return False


def get_ident():
    """`threading.get_ident` of the thread that runs."""
    return _running[-1].handle.ident if _running else _main


class Lock:
    """`threading.Lock`: who waits for it lets others run."""

    __slots__ = ("_held", "__weakref__")

    def __init__(self):
        self._held = False

    def acquire(self, blocking=True, timeout=-1):
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        if self._held and not (blocking and _wait(self._is_free, None if timeout == -1 else timeout)):
            return False
        self._held = True
        return True

    def __enter__(self):
        if self._held:
            _wait(self._is_free)
        self._held = True
        return True

    def release(self):
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held = False

    def __exit__(self, kind, error, trace):
        self.release()

    def locked(self):
        return self._held

    def _is_free(self):
        return not self._held

    def _at_fork_reinit(self):
        self._held = False


def _start(function, *, handle=None, daemon=True):
    handle = _Handle() if handle is None else handle
    handle.ident = next(_idents)
    _starting.append(_Job(function, handle, daemon))
    thread = getattr(function, "__self__", None)
    if isinstance(thread, threading.Thread):
        thread._ident = handle.ident
        thread._started.set()
    return handle


def start_new_thread(function, args, kwargs={}, /):
    """`_thread.start_new_thread`."""

    def run():
        try:
            function(*args, **kwargs)
        except SystemExit:
            pass
        except Unwind:
            raise
        except BaseException:
            sys.excepthook(*sys.exc_info())

    return _start(run).ident


def _bootstrap(self):
    """`Thread._bootstrap`: unwinding is not caught, and leaves what is needed to begin anew."""
    with threading._active_limbo_lock:
        threading._active[self._ident] = self
        threading._limbo.pop(self, None)
    kept = {name: self.__dict__[name] for name in ("_target", "_args", "_kwargs") if name in self.__dict__}
    try:
        self._context.run(self.run)
    except Unwind:
        self.__dict__.update(kept)
        raise
    except BaseException:
        self._invoke_excepthook(self)
    finally:
        threading._active.pop(self._ident, None)


def stack_size(size=0, /):
    """`threading.stack_size`: remembered, and otherwise without meaning."""
    if size < 0:
        raise ValueError("size must be 0 or a positive value")
    if 0 < size < 32768:
        raise ValueError(f"size not valid: {size} bytes")
    old, _size[0] = _size[0], size
    return old


_size = [0]


class ThreadPoolExecutor(concurrent.futures.Executor):
    """`concurrent.futures.ThreadPoolExecutor`: a thread for each call, in the order of submission."""

    _numbers = itertools.count()

    def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=(), **ctxkwargs):
        self._max_workers = min(32, (os.process_cpu_count() or 1) + 4) if max_workers is None else max_workers
        if self._max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._prefix = thread_name_prefix or f"ThreadPoolExecutor-{next(self._numbers)}"
        self._initializer, self._initargs, self._threads, self._futures = initializer, initargs, [], []
        self._shutdown = False

    def submit(self, fn, /, *args, **kwargs):
        if self._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        number = len(self._threads)
        future = concurrent.futures.Future()
        if number < self._max_workers and self._initializer is not None:
            fn = _after(self._initializer, self._initargs, fn)
        name = f"{self._prefix}_{number % self._max_workers}"
        thread = threading.Thread(target=_work, args=(future, fn, args, kwargs), name=name)
        self._threads.append(thread)
        self._futures.append(future)
        thread.start()
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._shutdown = True
        if cancel_futures:
            for future in self._futures:
                future.cancel()
        if wait:
            for thread in self._threads:
                thread.join()


def _after(first, given, then):
    def both(*args, **kwargs):
        first(*given)
        return then(*args, **kwargs)

    return both


def _work(future, fn, args, kwargs):
    if not future.running() and not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except Unwind:
        raise
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def is_waiting():
    """True if a thread has not begun."""
    return bool(_starting)


def run_next():
    """Runs the first thread that has not begun."""
    _starting.popleft().run()


def finish():
    """Runs what an interpreter waits for at its end: every thread that is no daemon."""
    while _starting:
        job = _starting.popleft()
        if not job.daemon:
            job.run()
    left = [job for job in _unwound if not job.daemon]
    for job in left:
        job.handle.join()


def _looking(get):
    def looking(self, block=True, timeout=None):
        _look()
        return get(self, block, timeout)

    return looking


def install():
    """Puts all this in the place of the interpreter's own."""
    threading._start_joinable_thread, threading._ThreadHandle = _start, _Handle
    threading.Thread._bootstrap = _bootstrap
    threading.Lock = threading._allocate_lock = threading._LockType = Lock
    _thread.allocate_lock = _thread.allocate = _thread.lock = _thread.LockType = Lock
    threading._CRLock, threading.RLock = None, threading._RLock
    _thread.RLock = threading._RLock
    threading.get_ident = _thread.get_ident = get_ident
    threading.local = _thread._local = _threading_local.local
    threading.stack_size = _thread.stack_size = stack_size
    _thread.start_new_thread = _thread.start_new = threading._start_new_thread = start_new_thread
    time.sleep = sleep
    queue.Queue.get = _looking(queue.Queue.get)
    queue._PySimpleQueue.get = _looking(queue._PySimpleQueue.get)
    queue.SimpleQueue = queue._PySimpleQueue
    concurrent.futures.ThreadPoolExecutor = concurrent.futures.thread.ThreadPoolExecutor = ThreadPoolExecutor
