//! Programs that look for anything outside: files, network, environment, clocks, entropy, native code, other programs.

use crate::attempt::attempts;

/// Runs each line by itself and prints the kind of the exception, or what it evaluated to.
fn each(preamble: &str, lines: &[&str]) -> String {
    format!(
        "{preamble}\nfor line in {lines:?}:\n    try: print(eval(line))\n    except Exception as error: print(type(error).__name__)\n"
    )
}

attempts! {
    it_reads_a_file_of_the_host: each("", &["open('/etc/passwd').read()", "open('/proc/self/environ').read()"])
        => Finished, "FileNotFoundError\nFileNotFoundError\n";
    it_reads_a_file_by_a_relative_path: each("", &["open('../../../etc/passwd')", "open('.')", "open('Cargo.toml')"])
        => Finished, "FileNotFoundError\nFileNotFoundError\nFileNotFoundError\n";
    it_writes_a_file: each("", &["open('/tmp/x', 'w')", "open('x', 'xb')"]) => Finished, "FileNotFoundError\nFileNotFoundError\n";
    it_lists_folders: each("import os, pathlib", &["os.listdir('/')", "os.listdir('.')", "list(pathlib.Path('/').iterdir())", "os.scandir('/python')"])
        => Finished, "FileNotFoundError\nFileNotFoundError\nFileNotFoundError\nFileNotFoundError\n";
    it_makes_links_and_folders: each("import os", &["os.symlink('/etc', 'e')", "os.mkdir('d')", "os.rename('a', 'b')", "os.unlink('/etc/passwd')"])
        => Finished;
    it_opens_file_descriptors_it_was_not_given: each("import os", &["os.read(3, 10)", "os.read(4, 10)", "os.write(3, b'x')", "os.fstat(3)"])
        => Finished, "OSError\nOSError\nOSError\nOSError\n";
    it_opens_every_descriptor: "import os\nfound = []\nfor number in range(3, 1000):\n    try: os.fstat(number); found.append(number)\n    except OSError: pass\nprint(found)"
        => Finished, "[]\n";
    it_uses_the_folders_of_the_build: each("import importlib.machinery", &["open('/python/os.py')", "open('/bundled/poll_loop.py')", "open('/0/dethrone_guest.py')", "open('/world/wit_world/__init__.py')"])
        => Finished, "FileNotFoundError\nFileNotFoundError\nFileNotFoundError\nFileNotFoundError\n";
    it_reads_the_environment: "import os\nprint(dict(os.environ), os.getenv('HOME'), os.getenv('PATH'))" => Finished, "{} None None\n";
    it_reads_the_arguments: "import sys\nprint(sys.argv, sys.orig_argv)" => Finished, "['main.py'] []\n";
    it_asks_who_it_is: each("import os, getpass, platform", &["os.getlogin()", "os.uname().nodename"]) => Finished, "AttributeError\n(none)\n";
    it_opens_a_socket: "import _socket\n_socket.socket()" => Raised;
    it_resolves_a_name: "import _socket\n_socket.getaddrinfo('example.com', 80)" => Raised;
    it_fetches_a_page: "import urllib.request\nurllib.request.urlopen('http://127.0.0.1/')" => Raised;
    it_starts_a_program: each("import os", &["os.system('true')", "os.popen('true')", "os.execv('/bin/true', ['true'])", "os.posix_spawn('/bin/true', ['true'], {})"])
        => Finished, "AttributeError\nOSError\nAttributeError\nAttributeError\n";
    it_starts_a_subprocess: "import subprocess\nsubprocess.run(['true'])" => Raised;
    it_forks: "import os\nos.fork()" => Raised;
    it_starts_a_thread: "import threading\nthreading.Thread(target=print).start()" => Finished;
    it_starts_a_pool_of_threads: "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(2).submit(print).result()" => Finished;
    it_starts_a_pool_of_processes: "import multiprocessing\nmultiprocessing.Process(target=print).start()" => Raised;
    it_kills_its_host: each("import os, signal", &["os.kill(os.getppid(), 9)", "os.kill(1, 9)", "signal.raise_signal(9)", "signal.alarm(1)"])
        => Trapped;
    it_catches_signals: each("import signal", &["signal.signal(signal.SIGINT, print)", "signal.pause()"]) => Finished, "<built-in function default_int_handler>\nAttributeError\n";
    it_loads_native_code: "import ctypes\nctypes.CDLL(None)" => Raised;
    it_loads_native_code_by_its_inner_name: "import _ctypes" => Raised;
    it_loads_an_extension_from_memory: "import importlib.machinery as m\nm.ExtensionFileLoader('x', '/python/x.so').create_module(m.ModuleSpec('x', None))" => Raised;
    it_calls_a_system_call_through_a_forged_code_object: "def f(): pass\nf.__code__ = f.__code__.replace(co_code=bytes([255]) * 64)\nf()" => Trapped;
    it_maps_memory: "import mmap" => Raised;
    it_reads_a_real_clock: "import time\na = time.time(), time.monotonic(), time.perf_counter(), time.time_ns()\nprint(a)" => Finished;
    it_waits_for_a_long_time: "import time\na = time.monotonic()\ntime.sleep(10**6)\nprint(int(time.monotonic() - a) >= 10**6)" => Finished, "True\n";
    it_waits_in_select: "import select\nprint(select.select([], [], [], 3600))" => Finished;
    it_waits_forever_in_an_event_loop: "import asyncio\nasyncio.run(asyncio.Event().wait())" => Raised, "";
    it_waits_for_a_day_in_an_event_loop: "import asyncio\nasync def main(): await asyncio.sleep(10**5); print('slept')\nasyncio.run(main())" => Finished;
    it_measures_time_by_spinning: "import time\na = time.monotonic()\nwhile time.monotonic() - a < 3600: pass" => OutOfFuel;
    it_draws_real_entropy: "import os, random, secrets, uuid\nprint(os.urandom(8).hex(), random.random(), secrets.token_hex(8), uuid.uuid4(), random.SystemRandom().random())" => Finished;
    it_draws_entropy_without_end: "import os\nwhile True: os.urandom(1 << 20)" => OutOfFuel;
    it_asks_for_more_entropy_than_there_is: "import os\nos.urandom(1 << 25)\nprint('drawn')" => Finished, "drawn\n";
    it_learns_hash_seeds: "print(hash('a') == hash('a'), hash(('a', 1)))" => Finished;
    it_asks_the_host_in_the_name_of_a_test: "import wit_world\ntry: wit_world.ask('f', '[]')\nexcept Exception as error: print(error.value)" => Finished, "there is no candidate\n";
    it_asks_the_host_with_nonsense: "import wit_world\nfor given in [(1, 2), ('f',), ('f', None), (b'f', '[]'), ('\\ud800', '')]:\n    try: wit_world.ask(*given)\n    except Exception as error: print('refused')" => Trapped;
    it_calls_the_runtime_with_forged_numbers: "import componentize_py_runtime as runtime\nruntime.call_import(10**6, [])" => Trapped;
    it_drops_a_handle_it_never_had: "import componentize_py_runtime as runtime\nruntime.drop_resource(0, 7)" => Trapped;
    it_installs_an_importer: "import sys\nclass Finder:\n    @staticmethod\n    def find_spec(name, path=None, target=None): print('asked for', name)\nsys.meta_path.append(Finder)\nimport nothing" => Raised, "asked for nothing\n";
}
