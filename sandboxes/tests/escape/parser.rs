//! Programs that break parsers and compilers before they run.

use crate::attempt::attempts;

attempts! {
    it_nests_parentheses: "(".repeat(100_000) + &")".repeat(100_000) => OutputTooLong;
    it_nests_lists: "[".repeat(100_000) => OutputTooLong;
    it_nests_unary_operators: "-".repeat(100_000) + "1" => Raised;
    it_nests_not: "not ".repeat(100_000) + "1" => Raised;
    it_nests_lambdas: "lambda: ".repeat(50_000) + "1" => Raised;
    it_nests_attributes: "a".to_owned() + &".a".repeat(100_000) => Raised;
    it_nests_calls: "f".to_owned() + &"()".repeat(100_000) => OutOfFuel;
    it_nests_additions: "x = 1".to_owned() + &" + 1".repeat(100_000) => Raised;
    it_nests_comparisons: "x = 1".to_owned() + &" < 2".repeat(20_000) => Finished;
    it_nests_blocks: (0..200).map(|depth| " ".repeat(depth) + "if 1:\n").collect::<String>() + &" ".repeat(200) + "pass" => Raised;
    it_nests_loops: (0..30).map(|depth| " ".repeat(depth) + "for a in b:\n").collect::<String>() + &" ".repeat(30) + "pass" => Raised;
    it_nests_f_strings: "f\"{".repeat(1000) + "1" + &"}\"".repeat(1000) => Raised;
    it_is_ten_megabytes_of_comments: "#".repeat(10 << 20) => Finished;
    it_is_ten_megabytes_of_statements: "a=1\n".repeat((10 << 20) / 4) => OutOfMemory;
    it_is_longer_than_what_is_read: " ".repeat((16 << 20) + 1) => Raised, "";
    it_holds_a_giant_integer: "x = ".to_owned() + &"9".repeat(1_000_000) => OutputTooLong;
    it_holds_a_giant_hexadecimal_integer: "x = 0x".to_owned() + &"f".repeat(1_000_000) => Finished;
    it_holds_a_giant_string: "x = '".to_owned() + &"x".repeat(5_000_000) + "'" => Finished;
    it_folds_constants: "x = (1 << 100) ** 100 ** 2; y = 'a' * 4096 * 4096" => Finished;
    it_has_a_thousand_arguments: format!("def f({}): pass", (0..10_000).map(|n| format!("a{n}, ")).collect::<String>()) => Finished;
    it_holds_a_zero_byte: "print(1)\0print(2)" => Raised, "";
    it_declares_another_encoding: "# coding: utf-16\nprint('read')" => Finished;
    it_declares_an_encoding_that_does_not_exist: "# coding: nonsense\nprint('read')" => Finished;
    it_uses_look_alike_names: "ﬁle = 1\nprint(file)" => Finished, "1\n";
    it_ends_in_the_middle_of_a_string: "x = '''never ends" => Raised;
    it_is_not_python: "\u{feff}\u{202e}\u{0}\u{ffff}" => Raised;
    it_parses_a_deep_expression_itself: "import ast\nast.parse('(' * 10 ** 5)" => OutputTooLong;
    it_evaluates_a_deep_literal: "import ast\nast.literal_eval('-' * 10 ** 5 + '1')" => Raised;
    it_compiles_a_deep_pattern: "import re\nre.compile('(' * 10 ** 5 + ')' * 10 ** 5)" => OutOfFuel;
}
