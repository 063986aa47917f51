//! Programs that want to run forever, many of them inside C code that never comes back to the interpreter's loop.

use crate::attempt::attempts;

attempts! {
    it_compares_long_keys: "held = [b'x' * 10 ** 6 + bytes([n % 7]) for n in range(20)]\nfor _ in range(10 ** 6): held.sort(key=lambda key: key[:])" => OutOfFuel;
    it_loops: "while True: pass" => OutOfFuel, "";
    it_sums_without_end_in_c: "sum(range(10**12))" => OutOfFuel;
    it_raises_a_huge_power: "10 ** (10 ** 8)" => OutOfFuel;
    it_raises_a_power_that_cannot_be_held: "1 << (1 << 40)" => Raised;
    it_multiplies_huge_numbers: "a = 7 ** 200_000\nwhile True: a * a" => OutOfFuel;
    it_prints_a_number_of_many_digits: "print(7 ** 100_000)" => Raised;
    it_lifts_the_limit_of_digits: "import sys\nsys.set_int_max_str_digits(0)\nstr(7 ** 2_000_000)" => OutOfFuel;
    it_takes_a_factorial: "import math\nmath.factorial(10 ** 6)" => OutOfFuel;
    it_matches_a_catastrophic_pattern: "import re\nre.match('(a+)+$', 'a' * 40 + 'b')" => OutOfFuel;
    it_matches_a_pattern_that_nests: "import re\nre.match('(' * 50 + 'a*' + ')*' * 50 + '$', 'a' * 60 + 'b')" => OutOfFuel;
    it_sorts_with_huge_keys: "sorted(range(10 ** 6), key=lambda n: 'x' * 10 ** 5)" => OutOfMemory;
    it_sorts_with_a_comparison_that_never_ends: "class Key:\n    def __lt__(self, other):\n        while True: pass\nsorted([Key(), Key()])" => OutOfFuel;
    it_joins_an_endless_iterator: "import itertools\n''.join(itertools.repeat(''))" => OutOfMemory;
    it_exhausts_an_endless_iterator: "import collections, itertools\ncollections.deque(itertools.count(), 0)" => OutOfFuel;
    it_searches_a_worst_case_string: "'a' * 10 ** 6 in ('a' * (10 ** 6 - 1) + 'b') * 8" => Finished;
    it_searches_again_and_again: "text = 'ab' * 10 ** 6\nwhile True: text.count('a')" => OutOfFuel;
    it_collides_hashes: "held = {}\nfor n in range(10 ** 5): held[n * (2 ** 31 - 1)] = n" => OutOfFuel;
    it_hashes_with_a_method_that_never_ends: "class Key:\n    def __hash__(self):\n        while True: pass\n{Key()}" => OutOfFuel;
    it_copies_memory_without_end: "a = bytearray(1 << 24)\nwhile True: a[:] = a" => OutOfFuel;
    it_fills_memory_without_end: "while True: bytes(1 << 24)" => OutOfFuel;
    it_stretches_keys: "import hashlib\nkey = b'a'\nwhile True: key = hashlib.sha512(key * 1000).digest()" => OutOfFuel;
    it_compresses_without_end: "import zlib\nwhile True: zlib.compress(b'a' * 10 ** 6, 9)" => OutOfFuel;
    it_multiplies_decimals: "import decimal\ndecimal.getcontext().prec = 10 ** 6\ndecimal.Decimal(7).ln()" => OutOfFuel;
    it_permutes: "import itertools\nfor _ in itertools.permutations(range(20)): pass" => OutOfFuel;
    it_never_leaves_a_finally: "while True:\n    try: raise SystemExit\n    except BaseException: continue" => OutOfFuel;
    it_traces_itself_forever: "import sys\ndef trace(*given):\n    while True: pass\nsys.settrace(trace)\n(lambda: 0)()" => OutOfFuel;
    it_formats_with_huge_widths: "'{:>99999999999999999999}'.format(1)" => Raised;
}
