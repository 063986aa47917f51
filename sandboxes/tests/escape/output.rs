//! Programs that flood, break or forge what they print.

use crate::attempt::attempts;

attempts! {
    it_floods_the_output: "while True: print('x' * 1000)" => OutputTooLong;
    it_floods_the_errors: "import sys\nwhile True: print('x' * 1000, file=sys.stderr)" => OutputTooLong;
    it_floods_both_by_turns: "import sys\nwhile True:\n    print('x', flush=True)\n    print('y', file=sys.stderr)" => OutputTooLong;
    it_floods_by_descriptor: "import os\nwhile True: os.write(1, b'x' * 4096)" => OutputTooLong;
    it_writes_one_huge_line: "print('x' * 10 ** 7)" => OutputTooLong;
    it_raises_with_a_huge_text: "raise ValueError('x' * 10 ** 7)" => OutputTooLong;
    it_exits_with_a_huge_text: "import sys\nsys.exit('x' * 10 ** 7)" => OutputTooLong;
    it_warns_without_end: "import warnings\nwarnings.simplefilter('always')\nwhile True: warnings.warn('x' * 1000)" => OutputTooLong;
    it_closes_its_errors_and_raises: "import sys\nsys.stderr.close()\n1 / 0" => Raised, "";
    it_closes_its_input_and_reads: "import sys\nsys.stdin.close()\ninput()" => Raised, "";
    it_closes_its_output: "import sys\nsys.stdout.close()\nprint('x')" => Raised, "";
    it_closes_every_descriptor: "import os\nfor number in range(10):\n    try: os.close(number)\n    except OSError: pass\nprint('x')" => Finished;
    it_replaces_its_output: "import io, sys\nsys.stdout = io.StringIO()\nprint('lost')" => Finished, "";
    it_replaces_its_output_by_nonsense: "import sys\nsys.stdout = sys.stderr = sys.stdin = 7\nprint('x')" => Raised;
    it_removes_its_output: "import sys\ndel sys.stdout, sys.stderr, sys.stdin\nprint('x')" => Trapped;
    it_flushes_with_an_error: "import sys\nclass Stream:\n    def write(self, text): pass\n    def flush(self): raise SystemExit(7)\nsys.stdout = Stream()\nprint('x')" => Finished, "";
    it_flushes_without_end: "import sys\nclass Stream:\n    def write(self, text): pass\n    def flush(self):\n        while True: pass\nsys.stdout = Stream()" => OutOfFuel;
    it_prints_surrogates: "print('\\ud800')" => Raised, "";
    it_prints_zero_bytes: "print('a\\0b')" => Finished, "a\0b\n";
    it_writes_bytes_that_are_no_text: "import sys\nsys.stdout.buffer.write(b'\\xff\\xfe\\n')" => Finished, "\u{fffd}\u{fffd}\n";
    it_raises_an_exception_that_cannot_be_shown: "class E(Exception):\n    def __str__(self): raise self\nraise E" => Raised;
    it_raises_an_exception_whose_name_is_hostile: "raise type('E\\ud800\\0', (Exception,), {})" => Raised;
    it_raises_with_a_surrogate: "raise ValueError('\\udcff')" => Raised;
    it_replaces_the_exception_hook: "import sys\nsys.excepthook = lambda *given: print('forged')\nraise ValueError" => Raised, "forged\n";
    it_raises_in_the_exception_hook: "import sys\ndef hook(*given): raise SystemExit(0)\nsys.excepthook = hook\nraise ValueError" => Finished;
    it_reads_its_input_twice: "import sys\nprint(repr(sys.stdin.read()), repr(sys.stdin.read()))" => Finished, "'secret\\n' ''\n";
    it_reads_beyond_its_input: "input()\ninput()" => Raised;
    it_seeks_in_its_output: "import sys\nsys.stdout.seek(0)" => Raised;
    it_truncates_its_output: "import os\nprint('kept', flush=True)\nos.ftruncate(1, 0)" => Raised, "kept\n";
    it_duplicates_its_output: "import os\nos.dup2(1, 2)\nprint('x')" => Raised;
}
