//! Replies that a check plays.

use crate::{Seed, seed::Draws};

/// Name of a decoration, and the function that applies it to a reply.
type Decoration = (&'static str, fn(&str) -> String);

/// Ways in which models decorate a right answer; each must still score 1.
pub(super) const DECORATIONS: &[Decoration] = &[
    ("plain", str::to_owned),
    ("padded", |reply| format!("\n\n  {reply}  \n\n")),
    (
        "fenced",
        |reply| if reply.contains("```") { format!("Here it is:\n\n{reply}\n") } else { format!("```\n{reply}\n```") },
    ),
    ("explained", |reply| format!("I worked it out step by step.\n\n{reply}")),
    ("thought-out", |reply| format!("<think>\nMaybe 0? No.\n</think>\n{reply}")),
];

/// Replies that a policy would try without reading the task.
pub(super) const CONSTANTS: &[&str] = &[
    "",
    "Answer: 0",
    "Answer: 1",
    "Answer: 5",
    "Answer: 10",
    "Answer: True",
    "Answer: a",
    "Answer: cat",
    "Answer: 1 2 3",
    "Answer: x1=1 x2=1 x3=1",
    "Answer: a=1 b=1 c=1 d=1",
    "Answer: a=0 b=0 c=0 d=0",
    "1",
    "True",
    "yes",
    "```python\nprint(input())\n```",
    "```python\nprint(1)\n```",
];

/// Programs that a policy would send without reading the task.
pub(super) const SHORT_PROGRAMS: &[&str] = &[
    "print(input())",
    "print(input()[::-1])",
    "print(*input().split()[::-1])",
    "print(*sorted(input().split()))",
    "print(*sorted(map(int, input().split())))",
    "print(input().upper())",
    "x = input()\nprint(x + x)",
    "print(input()[0])",
    "print(input()[-1])",
    "print(input()[1:])",
    "print(len(input()))",
    "print(len(input().split()))",
    "print(max(map(int, input().split())))",
    "print(min(map(int, input().split())))",
    "print(sum(map(int, input().split())))",
    "print(input().split()[0])",
    "print(input().split()[1])",
    "print(input().split()[-1])",
    "print(input().replace(' ', ''))",
    "x = input().split()\nprint(*x[1:], x[0])",
];

/// A program that reads the task's English and does what it says, by a list of phrases; the task's text is put in for `QUESTION`.
pub(super) const CONSTANT_COMPILER: &str = include_str!("constant_compiler.py");

/// Random text of 1 to 200 characters: those below U+0100 (some of two bytes in UTF-8), with additional `é`.
pub(super) fn random_text(seed: Seed) -> String {
    let mut draws = Draws::new("check random", seed, 0);
    let length = draws.between(1, 200);
    (0..length)
        .map(|_| {
            let byte = u8::try_from(draws.below(256)).expect("invariant: below 256");
            if draws.one_in(20) { 'é' } else { char::from(byte) }
        })
        .collect()
}

/// Nonsensical replies: empty, unbalanced, odd numbers, odd scripts, very long.
pub(super) fn junk() -> Vec<String> {
    let mut replies: Vec<String> = [
        "",
        " ",
        "\n",
        "\0",
        "\u{feff}",
        "\u{202e}answer",
        "Answer:",
        "Answer: \n",
        "Answer: Answer: Answer:",
        "answer",
        ":",
        "=",
        "```",
        "``````",
        "```\n```",
        "```\n```\n```",
        "<think>",
        "</think>",
        "<think></think>",
        "None",
        "null",
        "NaN",
        "Answer: nan",
        "Answer: inf",
        "Answer: -inf",
        "Answer: -0.0",
        "Answer: 1e999",
        "Answer: 0x10",
        "Answer: 1_000",
        "Answer: ٣",
        "Answer: ½",
        "Answer: ²",
        "Answer: []",
        "Answer: {}",
        "Answer: {\"a\": 1}",
        "Answer: '",
        "Answer: \"",
        "Answer: \\",
        "Answer: %s %d %n",
        "Answer: {0.__class__}",
        "Answer: {private}",
        "Answer: $(id)",
        "Answer: ; --",
        "🎉🎉🎉",
        "Answer: 🎉",
        "a=b=c",
        "Answer: = = =",
        "Answer: a=1 a=1 a=1",
        "\r\n\r\n",
        "\t\t\t",
        "Answer:\u{a0}1",
    ]
    .iter()
    .map(|&reply| reply.to_owned())
    .collect();
    replies.extend([
        "9".repeat(20_000),
        format!("Answer: {}", "9".repeat(5_000)),
        format!("Answer: -{}", "9".repeat(100)),
        "Answer: 1\n".repeat(5_000),
        "[".repeat(20_000),
        format!("Answer: {}", "(".repeat(150)),
        "```\n".repeat(5_001),
        "<think>".repeat(1_000),
        "x ".repeat(20_000),
        "é".repeat(20_000),
        format!("Answer: {}", "a=1 ".repeat(30)),
    ]);
    replies
}

/// Replies that score, or use up a limit, only if the verifier evaluates them; some are made from a right reply.
pub(super) fn hostile(right: Option<&str>) -> Vec<String> {
    let mut expressions: Vec<String> = [
        "9**9**9",
        "10**(10**8)",
        "sum(range(10**12))",
        "'a'*10**10",
        "[0]*10**10",
        "__import__('os')._exit(0)",
        "__import__('os').system('id')",
        "__import__('sys').exit(0)",
        "exit()",
        "exec('while True: pass')",
        "(lambda f: f(f))(lambda f: f(f))",
        "(a+)+$",
        "type('E',(),{'__eq__':lambda s,o:True})()",
        "__builtins__",
        "globals()",
        "task['private']",
        "print(1)",
        "raise SystemExit",
    ]
    .iter()
    .map(|&expression| expression.to_owned())
    .collect();
    if let Some(value) = right.and_then(crate::extract::answer) {
        let letters: Vec<String> = value.chars().map(|letter| format!("chr({})", u32::from(letter))).collect();
        expressions.extend([
            format!("(lambda: {value:?})()"),
            format!("eval({value:?})"),
            format!("str({value:?})"),
            format!("[{value:?}][0]"),
            letters.join("+"),
            format!("{value} if True else 0"),
            format!("{value} # right"),
            format!("{value} or 1"),
        ]);
        if let Ok(number) = value.parse::<i64>() {
            expressions.extend([
                format!("{}+1", number.wrapping_sub(1)),
                format!("--{number}"),
                format!("int('{number}')"),
            ]);
        }
    }
    let mut replies: Vec<String> = expressions.iter().map(|expression| format!("Answer: {expression}")).collect();
    replies.extend(expressions.iter().take(3).map(|expression| format!("```python\n{expression}\n```")));
    replies
}
