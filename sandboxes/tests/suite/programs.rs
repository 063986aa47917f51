//! Programs as models write them: what they find around them is what CPython on Linux gives.

use crate::common::{program, sandbox};
use sandboxes::Ending;

/// Runs a program on its input; it finishes and prints this.
async fn check(source: &str, stdin: &str, stdout: &str) {
    let outcome = sandbox().run(program(source, stdin)).await.unwrap();
    assert_eq!((outcome.ending, outcome.stdout.as_str()), (Ending::Finished, stdout), "{source}\n{}", outcome.stderr);
}

/// Runs a program that fails, and says why.
async fn check_limit(source: &str, said: &str) {
    let outcome = sandbox().run(program(source, "")).await.unwrap();
    assert_eq!(outcome.ending, Ending::Raised, "{source}\n{}", outcome.stdout);
    assert!(outcome.stderr.contains(said), "{source}\n{}", outcome.stderr);
}

#[tokio::test]
async fn a_script_finds_its_name_its_file_and_its_input() {
    for (source, stdin, stdout) in [
        ("import sys\nprint(sys.argv, len(sys.argv))", "", "['main.py'] 1\n"),
        (
            "import os\nprint(os.path.basename(__file__), os.path.isabs(__file__), __name__)",
            "",
            "main.py True __main__\n",
        ),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('--n', type=int, default=3)\nprint(p.parse_args().n)",
            "",
            "3\n",
        ),
        ("import argparse\np = argparse.ArgumentParser()\nprint(p.prog)", "", "main.py\n"),
        ("\u{feff}print('bom')", "", "bom\n"),
        ("# -*- coding: latin-1 -*-\nprint('é')", "", "é\n"),
        ("#!/usr/bin/env python3\r\nx = 1\r\nprint(x)\r\n", "", "1\n"),
        ("import sys\nline = sys.stdin.readline()\nprint(len(line), len(sys.stdin.read()))", "12\r\n34\r\n", "4 4\n"),
        ("print([input(), input()])", "a\r\nb\n", "['a\\r', 'b']\n"),
        ("print(*map(int, open(0).read().split()))", "1\r\n2 3\n", "1 2 3\n"),
        ("print(open('/dev/stdin').read(), end='')", "x\ny", "x\ny"),
        ("import sys\nprint(sys.stdin.buffer.read())", "x\r\n", "b'x\\r\\n'\n"),
        (
            "import io, os, sys\nsys.stdin = io.BytesIO(os.read(0, max(os.fstat(0).st_size, 1 << 16)))\nprint(sys.stdin.readline())",
            "7\n",
            "b'7\\n'\n",
        ),
        ("import inspect\ndef f(): return 1\nprint(inspect.getsource(f), end='')", "", "def f(): return 1\n"),
        (
            "import sys\nprint(sys.stdin.name, sys.stdout.name, sys.stdout.encoding, sys.stdin.encoding)",
            "",
            "<stdin> <stdout> utf-8 utf-8\n",
        ),
        ("exit()\nprint('never')", "", ""),
        ("import sys\nsys.exit(False)", "", ""),
    ] {
        check(source, stdin, stdout).await;
    }
}

#[tokio::test]
async fn unit_tests_run_themselves() {
    let tests =
        "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(1, ONE)\nunittest.main()";
    check(&format!("ONE = 1\n{tests}"), "", "").await;
    check_limit(&format!("ONE = 2\n{tests}"), "FAILED (failures=1)").await;
    check(
        "import doctest\ndef f():\n    '''\n    >>> f()\n    1\n    '''\n    return 1\nprint(doctest.testmod())",
        "",
        "TestResults(failed=0, attempted=1)\n",
    )
    .await;
}

#[tokio::test]
async fn sizes_are_those_of_64_bits_where_they_can_be() {
    for (source, stdout) in [
        ("import sys\nprint(sys.maxsize, min([sys.maxsize, 3_000_000_000]))", "9223372036854775807 3000000000\n"),
        (
            "import sys\nfrom itertools import islice, repeat\nprint(list(islice('abc', sys.maxsize)), list(islice('abc', 1, 10**10)), next(repeat(4, sys.maxsize)))",
            "['a', 'b', 'c'] ['b', 'c'] 4\n",
        ),
        (
            "import sys\nfrom functools import lru_cache\n@lru_cache(maxsize=sys.maxsize)\ndef f(n): return n\nprint(f(1), f(1), f.cache_info().hits)",
            "1 1 1\n",
        ),
        (
            "import sys\nprint([1, 2, 3][:sys.maxsize], 'abc'.find('c', 0, sys.maxsize), [1, 2].index(2, 0, sys.maxsize))",
            "[1, 2, 3] 2 1\n",
        ),
        (
            "import sys\nfor n in range(sys.maxsize):\n    if n > 2: break\nprint(n, 10**12 in range(10**13), range(0, 10**10, 3)[-1])",
            "3 True 9999999999\n",
        ),
        ("import csv, sys\ncsv.field_size_limit(sys.maxsize)\nprint('ok')", "ok\n"),
        (
            "import os, multiprocessing\nfrom multiprocessing import Pool\nprint(os.cpu_count(), multiprocessing.cpu_count())",
            "1 1\n",
        ),
    ] {
        check(source, "", stdout).await;
    }
    // Beyond what an interpreter of 32 bits holds: an error of Python, and never another number.
    check_limit("print(len(range(10**10)))", "OverflowError").await;
    check_limit("'a,b'.split(',', 10**10)", "OverflowError").await;
    check_limit("from itertools import islice\nislice('a', -1)", "ValueError").await;
}

#[tokio::test]
async fn calls_nest_through_c_as_deeply_as_on_linux() {
    for (source, stdout) in [
        (
            "import sys\nfrom functools import lru_cache\nsys.setrecursionlimit(10**6)\n@lru_cache(None)\ndef f(i): return 0 if i == 0 else 1 + f(i - 1)\nprint(f(10_000))",
            "10000\n",
        ),
        ("print(eval('+'.join(['1'] * 3000)))", "3000\n"),
        ("print(eval('(' * 190 + '1' + ')' * 190))", "1\n"),
        (
            "import sys\nsys.setrecursionlimit(10**6)\nclass A:\n    def __init__(self, n): self.n = n\n    def __repr__(self): return 'x' if self.n == 0 else repr(A(self.n - 1))\nprint(A(9000))",
            "x\n",
        ),
        ("import json\nprint(len(json.dumps(json.loads('[' * 900 + ']' * 900))))", "1800\n"),
        (
            "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(100_000))",
            "100000\n",
        ),
    ] {
        check(source, "", stdout).await;
    }
    check_limit("def f(): return f()\nf()", "RecursionError: maximum recursion depth exceeded").await;
}

#[tokio::test]
async fn what_happens_at_the_end_of_an_interpreter_happens() {
    for (source, stdout) in [
        ("class A:\n    def __del__(self): print('del', name)\nname = 'x'\na = A()\nprint('end')", "end\ndel x\n"),
        (
            "import atexit, weakref\nclass A: pass\na = A()\nweakref.finalize(a, print, 'finalized')\natexit.register(print, 'at exit')\nprint('end')",
            "end\nat exit\nfinalized\n",
        ),
        (
            "def g():\n    try: yield\n    finally: print('closed')\nheld = g()\nnext(held)\nprint('end')",
            "end\nclosed\n",
        ),
        (
            "import functools\nclass A:\n    def __del__(self): print('del')\n@functools.singledispatch\ndef f(x): return a\na = A()\nprint('end')",
            "end\ndel\n",
        ),
        ("import threading\nthreading.Thread(target=lambda: print('thread')).start()\nprint('end')", "end\nthread\n"),
    ] {
        check(source, "", stdout).await;
    }
}

/// Every module of the standard library that is written in Python, but for windows and what needs a library in C that the
/// interpreter's build lacks.
#[tokio::test]
async fn the_standard_library_imports() {
    let source = r#"
import importlib, io, sys
lacking = {"_bz2", "_ctypes", "_curses", "_curses_panel", "_dbm", "_gdbm", "_hashlib", "_lzma", "_ssl", "_uuid", "_zstd", "_tkinter",
    "_multiprocessing", "_posixshmem", "_posixsubprocess", "_interpchannels", "_interpqueues", "_interpreters", "_remote_debugging",
    "_overlapped", "_scproxy", "_winapi", "_wmi", "msvcrt", "nt", "winreg", "winsound",
    "fcntl", "grp", "mmap", "pwd", "readline", "syslog", "termios", "idlelib", "tkinter", "turtle", "turtledemo"}
stdout, sys.stdout = sys.stdout, io.StringIO()
failed = set()
for name in sorted(sys.stdlib_module_names - lacking):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in lacking:
            failed.add(name)
sys.stdout = stdout
print(failed)
"#;
    check(source, "", "set()\n").await;
    for (source, stdout) in [
        (
            "from email.mime.text import MIMEText\nprint(MIMEText('x')['Content-Type'])",
            "text/plain; charset=\"us-ascii\"\n",
        ),
        (
            "import logging.config, logging.handlers, http.server, wsgiref.util, xmlrpc.client, dbm.dumb, venv\nprint('ok')",
            "ok\n",
        ),
        (
            "import resource\nresource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY,) * 2)\nprint(resource.getrlimit(resource.RLIMIT_STACK))",
            "(-1, -1)\n",
        ),
        ("import time\nprint(time.process_time() >= 0, time.thread_time() >= 0)", "True True\n"),
    ] {
        check(source, "", stdout).await;
    }
    check_limit("import numpy", "No module named 'numpy'").await;
    check_limit("import multiprocessing\nmultiprocessing.Pool(2)", "no process can be started in the sandbox").await;
    check_limit("import multiprocessing\nmultiprocessing.Process(target=print).start()", "no process can be started")
        .await;
    check_limit("import urllib.request\nurllib.request.urlopen('http://a.b')", "there is no network in the sandbox")
        .await;
}
