//! Programs that turn the interpreter against itself: destructors, handlers, collectors, patched builtins, generators.

use crate::attempt::attempts;

attempts! {
    it_raises_in_a_destructor: "class A:\n    def __del__(self): raise SystemExit(3)\nA()\nprint('after')" => Finished, "after\n";
    it_revives_itself_in_a_destructor: "held = []\nclass A:\n    def __del__(self): held.append(self)\nwhile True: A(); held.clear()" => OutOfFuel;
    it_loops_in_a_destructor: "class A:\n    def __del__(self):\n        while True: pass\nA()" => OutOfFuel;
    it_leaves_a_destructor_for_the_end: "class A:\n    def __del__(self):\n        while True: pass\na = A()" => OutOfFuel;
    it_loops_in_an_exit_handler: "import atexit\n@atexit.register\ndef f():\n    while True: pass" => OutOfFuel;
    it_registers_exit_handlers_without_end: "import atexit\ndef f(): atexit.register(f)\nf()" => Finished;
    it_prints_in_an_exit_handler: "import atexit\natexit.register(print, 'bye')\nraise ValueError" => Raised, "bye\n";
    it_leaves_in_an_exit_handler: "import atexit, os\natexit.register(os._exit, 0)\nraise ValueError" => Raised;
    it_aborts: "import os\nos.abort()" => Trapped;
    it_breaks_a_weak_reference: "import weakref\nclass A: pass\na = A()\nr = weakref.ref(a, lambda r: 1 / 0)\ndel a\nprint(r())" => Finished, "None\n";
    it_finalizes_without_end: "import weakref\nclass A: pass\ndef f(): weakref.finalize(A(), f)\nwhile True: f()" => OutOfFuel;
    it_plays_with_the_collector: "import gc\ngc.set_threshold(1)\ngc.callbacks.append(lambda *given: gc.collect())\nheld = [[] for _ in range(1000)]\nprint(len(held))" => Finished, "1000\n";
    it_unfreezes_the_collector: "import gc\ngc.unfreeze()\ngc.collect()\nprint(sorted({'b', 'a'}), gc.get_freeze_count())" => Finished, "['a', 'b'] 0\n";
    it_clears_everything_the_collector_knows: "import gc\nfor held in gc.get_objects():\n    if type(held) in (dict, list, set): held.clear()" => Finished;
    it_clears_all_modules: "import sys\nsys.modules.clear()\nprint('x')" => Finished, "x\n";
    it_clears_the_builtins: "import builtins\nbuiltins.__dict__.clear()\nprint('x')" => Trapped;
    it_patches_every_builtin: "import builtins\nfor name in dir(builtins):\n    setattr(builtins, name, lambda *given, **named: None)" => Finished;
    it_patches_the_runner: "import dethrone_guest\ndethrone_guest.WitWorld.finish = lambda self: 7" => Trapped;
    it_patches_the_runner_to_raise: "import dethrone_guest\ndef finish(self): raise ValueError\ndethrone_guest.WitWorld.finish = finish" => Trapped;
    it_forges_its_own_ending: "import dethrone_guest\ndethrone_guest._report = lambda error: dethrone_guest.Ending.FINISHED\nraise ValueError" => Finished, "";
    it_returns_an_ending_of_its_own: "import dethrone_guest, enum\nclass Ending(enum.Enum):\n    X = 200\ndethrone_guest._report = lambda error: Ending.X\nraise ValueError" => Trapped;
    it_deletes_the_runner: "import dethrone_guest\ndethrone_guest.__dict__.clear()" => Trapped;
    it_writes_numbers_into_a_buffer_of_its_own: "memoryview(bytearray(8)).cast('q')[0] = 1\nprint(1 + 1)" => Finished, "2\n";
    it_forges_bytecode: "def f(): return 1\nf.__code__ = f.__code__.replace(co_code=f.__code__.co_code[:2] + bytes([100, 255] * 20))\nprint(f())" => Trapped;
    it_forges_a_stack_of_no_depth: "f = (lambda: [1, 2, 3, [4, [5, [6]]]])\nf.__code__ = f.__code__.replace(co_stacksize=0)\nprint(f())" => Finished;
    it_forges_marshalled_code: "import marshal\nfor n in range(256):\n    try: marshal.loads(bytes([n]) + b'\\xff' * 40)\n    except (ValueError, EOFError, TypeError): pass\nprint('read')" => Finished, "read\n";
    it_throws_into_a_generator_that_goes_on: "def g():\n    while True:\n        try: yield\n        except GeneratorExit: pass\nit = g()\nnext(it)\nit.close()" => Raised;
    it_enters_a_generator_twice: "def g():\n    next(it)\n    yield\nit = g()\nnext(it)" => Raised;
    it_awaits_itself: "import asyncio\nasync def main():\n    task = asyncio.current_task()\n    await task\nasyncio.run(main())" => Raised;
    it_throws_into_an_async_generator_that_goes_on: "async def g():\n    while True:\n        try: yield\n        except GeneratorExit: pass\nimport asyncio\nasync def main():\n    it = g()\n    await anext(it)\n    await it.aclose()\nasyncio.run(main())" => Raised;
    it_leaves_an_async_generator_open: "import asyncio\nasync def g():\n    try: yield 1\n    finally: print('closed')\nasync def main(): print(await anext(g()))\nasyncio.run(main())" => Finished, "1\nclosed\n";
    it_leaves_coroutines_unawaited: "async def f(): pass\nfor _ in range(100): f()" => Finished;
    it_changes_the_class_of_things: "class A: pass\nclass B:\n    __slots__ = ('x',)\nA().__class__ = B" => Raised;
    it_inherits_in_circles: "class A: pass\nclass B(A): pass\nA.__bases__ = (B,)" => Raised;
    it_mutates_a_list_while_it_is_sorted: "held = list(range(100))\nheld.sort(key=lambda n: held.append(n) or n)" => Raised;
    it_mutates_a_dictionary_while_it_is_read: "held = {1: 1}\nfor n in held: held[n + 1] = 1" => Raised;
    it_lies_about_lengths: "class A:\n    def __length_hint__(self): return 2 ** 31 - 1\n    def __iter__(self): return iter(())\nlist(A())" => OutOfMemory;
    it_lies_about_indexes: "class A:\n    def __index__(self): return 2 ** 100\n[1][A()]" => Raised;
    it_walks_all_frames: "import sys\nframe = sys._getframe()\nfound = []\nwhile frame:\n    found += [value for value in [*frame.f_locals.values(), *frame.f_globals.values()] if type(value) is str]\n    frame = frame.f_back\nprint(any('secret' in text for text in found if 'found +=' not in text))" => Finished, "False\n";
    it_looks_for_its_input_in_the_heap: "import gc\nprint(any(type(held) is dict and 'secret\\n' in map(str, held.values()) for held in gc.get_objects()))" => Finished, "False\n";
    it_switches_off_assertions_and_audits: "import sys\nsys.addaudithook(lambda *given: 1 / 0)\nopen('x')" => Trapped;
    it_profiles_itself: "import sys\nsys.setprofile(lambda *given: 1 / 0)\nprint('x')" => Raised;
    it_makes_an_interpreter_in_the_interpreter: "import _interpreters\n_interpreters.create()" => Raised;
    it_uses_the_interpreters_debugger: "breakpoint()" => Raised;
    it_faults_on_purpose: "import faulthandler\nfaulthandler._sigsegv()" => Trapped;
    it_calls_what_the_interpreter_keeps_for_its_own_tests: "import _testcapi" => Raised;
}
