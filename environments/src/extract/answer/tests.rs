use super::*;

#[test]
fn one_reply_holds_one_answer_or_none() {
    let cases: &[(&str, Option<&str>)] = &[
        ("7", Some("7")),
        ("  7\n\n", Some("7")),
        ("Answer: 7", Some("7")),
        ("answer:7", Some("7")),
        ("**Answer:** 7", Some("7")),
        ("**Answer: dog cat**", Some("dog cat")),
        ("`Answer: 7`", Some("7")),
        ("Final answer: `x`", Some("x")),
        ("First I add.\nAnswer: 7\n", Some("7")),
        ("Answer: 6\nNo, wait.\nAnswer: 7\nDone.", Some("7")),
        ("Answer:\n\n7", Some("7")),
        ("Answer:\n```\n7\n```", Some("7")),
        ("```\nAnswer: 7\n```", Some("7")),
        ("```text\n7\n```", Some("7")),
        ("```\n1\n```\ntext\n```\n2\n```", Some("2")),
        ("<think>Answer: 1</think>Answer: 2", Some("2")),
        ("<think>Answer: 1", None),
        ("two\nlines", None),
        ("```\n7", Some("7")),
        ("```\n7\n8\n```", None),
        ("Answer:", None),
        ("Answer: **", None),
        ("The answer is 7.\nI think", None),
        ("Answers: 7\nor 8", None),
        ("", None),
        (" \n\t", None),
        // Decoration as chat models write it.
        ("### Answer: 7", Some("7")),
        ("> Answer: 7", Some("7")),
        ("__Answer__: 7", Some("7")),
        ("**Final Answer**: 7", Some("7")),
        ("**Answer:**\n\n**7**", Some("7")),
        ("ANSWER: 7", Some("7")),
        ("Answer : 7", Some("7")),
        ("Answer:\t7\r\n", Some("7")),
        ("Answer: `dog cat`.", Some("dog cat")),
        ("Answer: 7\n\nLet me know if you need more!", Some("7")),
        ("Sure!\n\n```\nAnswer: a=1 b=0\n```\n\nHope that helps.", Some("a=1 b=0")),
        ("- Answer: 7\n- done", Some("7")),
        ("1. Answer: 7\nAnswer: 8", Some("8")),
        ("Answer: 7\nAnswer:", None),
        ("Answer: Answer: 7", Some("Answer: 7")),
        ("Answer: 7 Answer: 8", Some("7 Answer: 8")),
        ("The final answer: 7", Some("7")),
        ("\\boxed{7}", Some("7")),
        ("So it is 7.\n\\boxed{7}", Some("7")),
        ("$7$", Some("7")),
        ("\"7\"", Some("\"7\"")),
        // Thinking.
        ("<think>\nAnswer: 1\n</think>\n\n7", Some("7")),
        ("Answer: 1\n</think>\nAnswer: 7", Some("7")),
        ("</think>7", Some("7")),
        ("<think></think>", None),
        ("<think>a</think>Answer: 7<think>b", None),
        ("<think>a</think>8<think>b</think>\nAnswer: 7", Some("7")),
        ("<thinking>1</thinking>\nAnswer: 7", Some("7")),
        // Fences.
        ("```\n\n7\n\n```", Some("7")),
        ("~~~\n7\n~~~", Some("7")),
        ("````\n7\n````", Some("7")),
        ("```7```", Some("7")),
        ("text ``` more\nand more", None),
        ("  ```\n  7\n  ```", Some("7")),
        ("```\n1\n```\n```\n2", Some("2")),
        ("```\n```", None),
        // Two marks, headings, tildes, info strings.
        ("**Answer:** **5 7 42 23**", Some("5 7 42 23")),
        ("__Answer:__ 7", Some("7")),
        ("Answer: __a_b__", Some("__a_b__")),
        ("### Answer\n5 7", Some("5 7")),
        ("**Answer**\n\n`7`", Some("7")),
        ("## Final Answer\n\n7\n\nDone.", Some("7")),
        ("Answer\n7", None),
        ("Answer:\n~~~\n5 7\n~~~", Some("5 7")),
        ("Answer:\n```text\n7\n```", Some("7")),
        ("Answer: ```text\n7\n```", Some("7")),
        ("Answer: ```7```", Some("7")),
        ("```answer\n7\n```", Some("7")),
        ("* **Answer:** 7", Some("7")),
        ("The answer is: 7", Some("7")),
        ("The final answer is: $\\boxed{7}$", Some("7")),
        ("**The final answer is:** $\\boxed{\\text{dog cat}}$.", Some("dog cat")),
        ("Answer: \\(7\\)", Some("7")),
        ("Answer:\n$$\n\\boxed{7}\n$$", Some("7")),
        ("So $x = \\boxed{{7}}$ it is.\nDone.", Some("{7}")),
        ("\\boxed{7", Some("\\boxed{7")),
        ("Answer: $7", Some("$7")),
        ("Answer\u{ff1a}7", Some("7")),
        ("[THINK]Answer: 1[/THINK]Answer: 7", Some("7")),
        ("### Answer\n7\n\nAnswer: 8", Some("8")),
        ("> **Answer:** 7", Some("7")),
    ];
    for (reply, expected) in cases {
        assert_eq!(answer(reply), *expected, "{reply:?}");
    }
}

#[test]
fn an_answer_is_one_line_that_stands_in_its_reply() {
    let pieces = ["Answer", ":", " ", "\n", "```", "*", "`", "7", "é", "<think>", "</think>", "final ", "#", "\u{a0}"];
    for seed in 0..2_000 {
        let mut draws = crate::seed::Draws::new("extract", crate::Seed(seed), 0);
        let count = draws.between(0, 14);
        let reply: String = (0..count).map(|_| *draws.choose(&pieces)).collect();
        if let Some(found) = answer(&reply) {
            assert!(reply.contains(found) && !found.is_empty() && !found.contains('\n'), "{reply:?}: {found:?}");
        }
    }
}

#[test]
fn multi_byte_text_is_never_cut_in_the_middle() {
    for reply in ["ansẃer: 7", "ﬁnal answer: 7", "Ａnswer: 7", "é", "答え: 7"] {
        assert_eq!(answer(reply), Some(reply), "one line without a label is the answer itself");
    }
}

#[test]
fn the_place_of_an_answer_is_told() {
    for (reply, place) in [
        ("Answer: 7", Extraction::Label),
        ("# Answer\n7", Extraction::Heading),
        ("So \\boxed{7}", Extraction::Boxed),
        ("So:\n```\n7\n```", Extraction::Block),
        ("7", Extraction::WholeReply),
    ] {
        assert_eq!(found(reply), Some(("7", place)), "{reply:?}");
    }
}
