//! Programs that want all memory there is.

use crate::attempt::attempts;

attempts! {
    it_grows_a_list: "held = [0]\nwhile True: held += held" => OutOfMemory;
    it_multiplies_a_list: "[0] * 10 ** 9" => OutOfMemory;
    it_multiplies_bytes: "b'x' * (10 ** 9)" => OutOfMemory;
    it_asks_for_more_bytes_than_an_address_can_reach: "bytearray(1 << 40)" => Raised;
    it_doubles_a_string: "held = 'x'\nwhile True: held += held" => OutOfMemory;
    it_grows_a_number: "1 << (8 * 10 ** 8)" => OutOfMemory;
    it_grows_a_dictionary: "held = {}\nn = 0\nwhile True:\n    n += 1\n    held[n] = str(n) * 100" => OutOfMemory;
    it_grows_a_set: "held = set()\nn = 0\nwhile True:\n    n += 1\n    held.add((n, 'x' * 200 + str(n)))" => OutOfMemory;
    it_formats_a_wide_field: "'%1000000000d' % 1" => OutOfMemory;
    it_formats_a_wide_field_in_an_f_string: "width = 10 ** 9\nf'{1:{width}}'" => OutOfMemory;
    it_repeats_a_replacement: "('x' * 10 ** 5).replace('x', 'y' * 10 ** 5)" => Raised;
    it_joins_many: "('x' * 10 ** 6).join(['y' * 10 ** 6] * 1000)" => OutOfMemory;
    it_catches_the_lack_of_memory: "held = []\nwhile True:\n    try: held.append(bytearray(1 << 20))\n    except MemoryError: print('caught')" => OutOfMemory, "";
    it_decompresses_a_bomb: "import zlib\npacked = zlib.compress(bytes(1 << 24))\nheld = [zlib.decompress(packed) for _ in range(10)]" => OutOfFuel;
    it_holds_tracebacks: "held = []\nwhile True:\n    try: raise ValueError('x' * 10 ** 5)\n    except ValueError as error: held.append(error)" => OutOfMemory;
    it_builds_a_cycle_that_is_never_collected: "import gc\ngc.disable()\nwhile True:\n    a = [bytes(10 ** 5)]\n    a.append(a)" => OutOfMemory;
    it_chains_iterators: "import itertools\nheld = iter([1])\nfor _ in range(10 ** 7): held = itertools.chain(held, bytes(100))" => OutOfFuel;
    it_makes_a_product: "import itertools\nlist(itertools.product(range(100), repeat=6))" => OutOfMemory;
    it_stores_its_own_frames: "import sys\nheld = []\ndef f():\n    held.append((sys._getframe(), bytes(10 ** 4)))\nwhile True: f()" => OutOfMemory;
    it_interns_strings: "import sys\nn = 0\nwhile True:\n    n += 1\n    sys.intern('x' * 10 ** 4 + str(n))\n    globals()['n%d' % n] = 'y' * 10 ** 4" => OutOfMemory;
    it_buffers_what_it_never_flushes: "import io\nheld = io.StringIO()\nwhile True: held.write('x' * 10 ** 5)" => OutOfMemory;
    it_reserves_a_wide_array: "import array\narray.array('d', [0]) * 10 ** 9" => OutOfMemory;
    it_nests_bytes_in_a_deque: "import collections\nheld = collections.deque()\nwhile True: held.appendleft(bytes(10 ** 5))" => OutOfMemory;
}
