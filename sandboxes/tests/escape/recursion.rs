//! Programs that nest calls until a stack ends, in Python and through C.

use crate::attempt::attempts;

/// The recursion limit lifted, then the program.
fn lifted(source: &str) -> String {
    format!("import sys\nsys.setrecursionlimit(2**31 - 1)\n{source}")
}

attempts! {
    it_recurses: "def f(n): return f(n + 1)\nf(0)" => Raised;
    it_recurses_without_a_limit: lifted("def f(n): return f(n + 1)\nf(0)") => OutOfMemory;
    it_recurses_through_max: lifted("def f(n): return max([n], key=f)\nf(0)") => OutOfFuel;
    it_recurses_through_sorted: lifted("def f(n): return sorted([n, n], key=f)\nf(0)") => OutOfFuel;
    it_recurses_through_reduce: lifted("import functools\ndef f(a, b): return functools.reduce(f, [a, b])\nf(1, 2)") => OutOfFuel;
    it_recurses_through_map: lifted("def f(n): return list(map(f, [n]))\nf(0)") => OutOfFuel;
    it_recurses_through_a_substitution: lifted("import re\ndef f(found): return re.sub('a', f, 'a')\nf(0)") => OutOfFuel;
    it_recurses_through_repr: lifted("class A:\n    def __repr__(self): return repr(self)\nrepr(A())") => OutOfFuel;
    it_recurses_through_str: lifted("class A:\n    def __str__(self): return str(self)\nstr(A())") => OutOfFuel;
    it_recurses_through_a_format: lifted("class A:\n    def __format__(self, spec): return format(self, spec)\nformat(A())") => OutOfFuel;
    it_recurses_through_equality: lifted("class A:\n    def __eq__(self, other): return [self] == [other]\n    __hash__ = None\nA() == A()") => OutOfFuel;
    it_recurses_through_a_hash: lifted("class A:\n    def __hash__(self): return hash((self,))\nhash(A())") => OutOfFuel;
    it_recurses_through_attributes: lifted("class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nA().y") => OutOfMemory;
    it_recurses_through_a_property: lifted("class A:\n    @property\n    def y(self): return self.y\nA().y") => OutOfMemory;
    it_recurses_through_truth: lifted("class A:\n    def __bool__(self): return not self\nbool(A())") => OutOfFuel;
    it_recurses_through_a_constructor: lifted("class A:\n    def __init__(self): A()\nA()") => OutOfMemory;
    it_recurses_through_a_metaclass: lifted("class M(type):\n    def __call__(self): return self()\nclass A(metaclass=M): pass\nA()") => OutOfFuel;
    it_recurses_through_an_instance_check: lifted("class M(type):\n    def __instancecheck__(self, one): return isinstance(one, self)\nclass A(metaclass=M): pass\nisinstance(1, A)") => OutOfFuel;
    it_recurses_through_exec: lifted("source = 'exec(source)'\nexec(source)") => OutOfMemory;
    it_recurses_through_imports: lifted("class F:\n    @staticmethod\n    def find_spec(name, *rest): __import__(name + 'x')\nsys.meta_path[:] = [F]\nimport nothing") => OutOfFuel;
    it_reads_deeply_nested_json: lifted("import json\njson.loads('[' * 10 ** 6)") => Raised;
    it_writes_deeply_nested_json: lifted("import json\nheld = []\nfor _ in range(10 ** 5): held = [held]\njson.dumps(held)") => Finished;
    it_shows_a_deeply_nested_list: lifted("held = []\nfor _ in range(10 ** 5): held = [held]\nrepr(held)") => OutOfFuel;
    it_compares_deeply_nested_lists: lifted("a, b = [], []\nfor _ in range(10 ** 5): a, b = [a], [b]\na == b") => Finished;
    it_drops_a_deeply_nested_tuple: lifted("held = ()\nfor _ in range(10 ** 5): held = (held,)\ndel held\nprint('dropped')") => Finished, "dropped\n";
    it_drops_a_long_chain_of_objects: lifted("class A: pass\nheld = None\nfor _ in range(10 ** 5):\n    new = A()\n    new.next = held\n    held = new\ndel held, new\nprint('dropped')") => Finished, "dropped\n";
    it_copies_a_deeply_nested_list: lifted("import copy\nheld = []\nfor _ in range(10 ** 4): held = [held]\ncopy.deepcopy(held)") => Finished;
    it_pickles_a_deeply_nested_list: lifted("import pickle\nheld = []\nfor _ in range(10 ** 5): held = [held]\npickle.dumps(held)") => OutputTooLong;
    it_unpickles_a_deep_program: lifted("import pickle\npickle.loads(b'(' * 10 ** 5 + b't' * 10 ** 5 + b'.')") => Finished;
    it_chains_generators: lifted("def g(n):\n    yield from g(n + 1)\nlist(g(0))") => OutOfMemory;
    it_chains_map_objects: lifted("held = [1]\nfor _ in range(10 ** 5): held = map(abs, held)\nlist(held)") => Finished;
    it_chains_filters_and_lets_them_go: lifted("held = iter([1])\nfor _ in range(10 ** 5): held = filter(None, held)\ndel held\nprint('dropped')") => Finished, "dropped\n";
    it_iterates_a_chain_of_filters: lifted("held = iter([1])\nfor _ in range(10 ** 5): held = filter(None, held)\nprint(list(held))") => Finished, "[1]\n";
    it_iterates_a_longer_chain_of_filters: lifted("import gc\ngc.disable()\nheld = iter([1])\nfor _ in range(400_000): held = filter(None, held)\nprint(list(held))") => Finished, "[1]\n";
    it_iterates_a_chain_of_slices: lifted("import itertools\nheld = iter([1])\nfor _ in range(10 ** 5): held = itertools.islice(held, 1)\nprint(list(held))") => Finished, "[1]\n";
    it_iterates_a_chain_of_chains: lifted("import itertools\nheld = iter([1])\nfor _ in range(10 ** 5): held = itertools.chain(held)\nprint(list(held))") => Finished, "[1]\n";
    it_chains_filters_without_end: lifted("import gc\ngc.disable()\nheld = iter([1])\nwhile True: held = filter(None, held)") => OutOfFuel;
    it_compiles_a_deep_tree: lifted("import ast\nheld = ast.Constant(1)\nfor _ in range(10 ** 5): held = ast.UnaryOp(ast.USub(), held)\nast.fix_missing_locations\ncompile(ast.Expression(held), 'x', 'eval')") => OutOfFuel;
    it_chains_exceptions: lifted("held = None\nfor _ in range(10 ** 5):\n    new = ValueError()\n    new.__cause__ = held\n    held = new\nraise held") => OutOfFuel;
    it_recurses_in_async_code: lifted("async def f(n): return await f(n + 1)\nf(0).send(None)") => OutOfMemory;
}
