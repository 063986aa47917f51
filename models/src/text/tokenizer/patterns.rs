//! The patterns by which text is cut before pairs are merged: facts about published tokenizers.
//!
//! An unknown pattern is refused rather than run: the time that a miner's pattern takes has no bound.

/// GPT-2.
pub(super) const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
/// Llama 3, and SmolLM3.
pub(super) const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Qwen2, Qwen2.5 and Qwen3.
pub(super) const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Qwen3.5 and Qwen3.6, which keep combining marks with their letters.
pub(super) const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Mistral's Tekken.
pub(super) const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// GPT-4o, and Phi-4-mini.
pub(super) const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// GPT-4 as tiktoken has it, and Phi-4: no quantifier gives back what it took.
const CL100K: &str =
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
/// Bailing: the same with single digits.
pub(super) const BAILING: &str =
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
/// Seed Coder.
pub(super) const SEED_CODER: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+";
/// EXAONE with experts.
pub(super) const EXAONE_MOE: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+";
/// MiniCPM 5, after its digits were cut in threes.
pub(super) const MINICPM5: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Qwen2's without contractions.
pub(super) const UNCONTRACTED: &str =
    r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// BLOOM, Poro and Viking: words up to a sign of punctuation.
pub(super) const BLOOM: &str = r" ?[^(\s|.,!?…。，、।۔،)]+";
/// DeepSeek: one line feed, or a word of letters, or of signs.
pub(super) const LINE_END: &str = r"[\r\n]";
pub(super) const SPACED_LETTERS: &str = r"\s?\p{L}+";
pub(super) const SPACED_PUNCTUATION: &str = r"\s?\p{P}+";
/// DeepSeek Coder and LLM: Chinese and Korean.
pub(super) const HAN_AND_HANGUL: &str = r"[一-龥ࠀ-一가-퟿]+";
/// DeepSeek V3: Chinese and Japanese.
pub(super) const HAN_AND_KANA: &str = r"[一-龥぀-ゟ゠-ヿ]+";
/// DeepSeek V3, after digits and Chinese were cut out.
pub(super) const DEEPSEEK3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;
/// DeepSeek LLM: letters of alphabets with two cases, signs, and spaces at the end.
pub(super) const CASED_LETTERS: &str = r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
pub(super) const SPACED_SIGNS: &str = r"\s?[!-/:-~！-／：-～‘-‟　-。]+";
pub(super) const SPACES_AT_END: &str = r"\s+$";
/// Falcon: signs first, and digits in threes last; files of no named kind, the same without the back quote.
pub(super) const FALCON_SIGNS: &str = r"[\p{P}\$\+<=>\^~\|`]+";
pub(super) const SIGNS: &str = r"[\p{P}\$\+<=>\^~\|]+";
pub(super) const THREE_DIGITS: &str = "[0-9][0-9][0-9]";
/// Cuts digits in threes, one by one, or off from what is none.
pub(super) const UP_TO_THREE_DIGITS: &str = r"\p{N}{1,3}";
pub(super) const ONE_DIGIT: &str = r"\p{N}";
pub(super) const DIGITS: &str = r"\p{N}+";

const KNOWN: [&str; 29] = [
    GPT2,
    LLAMA3,
    QWEN2,
    QWEN35,
    TEKKEN,
    O200K,
    CL100K,
    BAILING,
    SEED_CODER,
    EXAONE_MOE,
    MINICPM5,
    UNCONTRACTED,
    BLOOM,
    LINE_END,
    SPACED_LETTERS,
    SPACED_PUNCTUATION,
    HAN_AND_HANGUL,
    HAN_AND_KANA,
    DEEPSEEK3,
    CASED_LETTERS,
    SPACED_SIGNS,
    SPACES_AT_END,
    FALCON_SIGNS,
    SIGNS,
    THREE_DIGITS,
    UP_TO_THREE_DIGITS,
    ONE_DIGIT,
    DIGITS,
    // Falcon's digits as its own file has them.
    r"\d{1,3}",
];

/// Ways to write the same contractions; the first is that of the patterns above.
const CONTRACTIONS: [&str; 2] =
    ["(?i:'s|'t|'re|'ve|'m|'ll|'d)", "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"];

/// True for a pattern that published tokenizers use, in any of the ways in which they write it.
///
/// Only the way to write is undone: ends of lines as they are or escaped, contractions in both cases.
pub(super) fn is_known(pattern: &str) -> bool {
    let plain = pattern.replace('\r', r"\r").replace('\n', r"\n");
    let [usual, spelled] = CONTRACTIONS;
    KNOWN.contains(&plain.replace(spelled, usual).as_str())
}

#[cfg(test)]
mod tests {
    use tokenizers::{
        OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
        pre_tokenizers::split::{Split, SplitPattern},
        tokenizer::normalizer::SplitDelimiterBehavior,
    };

    use super::*;

    fn cut(pattern: &str, text: &str) -> Vec<String> {
        let pattern = SplitPattern::Regex(pattern.to_owned());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).unwrap();
        let mut cut = PreTokenizedString::from(text);
        split.pre_tokenize(&mut cut).unwrap();
        let parts = cut.get_splits(OffsetReferential::Original, OffsetType::Byte);
        parts.into_iter().map(|(part, ..)| part.to_owned()).collect()
    }

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: &[&str]) {
        assert_eq!(cut(pattern, text), expected);
    }

    #[test]
    fn digits_stay_together_as_each_family_has_it() {
        check(GPT2, "in 12345", &["in", " 12345"]);
        check(LLAMA3, "in 12345", &["in", " ", "123", "45"]);
        check(QWEN2, "in 123", &["in", " ", "1", "2", "3"]);
        check(QWEN35, "in 123", &["in", " ", "1", "2", "3"]);
        check(TEKKEN, "in 123", &["in", " ", "1", "2", "3"]);
        check(O200K, "in 12345", &["in", " ", "123", "45"]);
    }

    #[test]
    fn ways_to_write_a_pattern_are_one_pattern() {
        for pattern in KNOWN {
            assert!(is_known(pattern), "{pattern}");
            assert!(is_known(&pattern.replace(r"\n", "\n").replace(r"\r", "\r")), "{pattern}");
            let spelled = pattern.replace(CONTRACTIONS[0], CONTRACTIONS[1]);
            assert!(is_known(&spelled), "{spelled}");
            for other in [format!("{pattern}|(a+)+b"), format!("({pattern})+"), pattern.to_lowercase() + "x"] {
                assert!(!is_known(&other), "{other}");
            }
        }
        for (one, other) in [(LLAMA3, "I'LL"), (QWEN2, "we'Re x"), (O200K, "It'S")] {
            let spelled = one.replace(CONTRACTIONS[0], CONTRACTIONS[1]);
            let expected = cut(one, other);
            assert_eq!(cut(&spelled, other), expected);
        }
    }

    #[test]
    fn contractions_are_cut_off_in_either_case() {
        for pattern in [LLAMA3, QWEN2, QWEN35] {
            check(pattern, "I'll WE'RE it's", &["I", "'ll", " WE", "'RE", " it", "'s"]);
        }
        check(GPT2, "I'll WE'RE", &["I", "'ll", " WE", "'", "RE"]);
    }

    #[test]
    fn spaces_and_lines_go_to_what_follows_or_stand_alone() {
        for pattern in [LLAMA3, QWEN2] {
            check(pattern, "a  b\n\n c!\n", &["a", " ", " b", "\n\n", " c", "!\n"]);
            check(pattern, "(x) \u{4F60}\u{597D}   ", &["(x", ")", " \u{4F60}\u{597D}", "   "]);
        }
        // A combining mark belongs to its letter only where the pattern says so.
        check(QWEN2, "e\u{301}t", &["e", "\u{301}t"]);
        check(QWEN35, "e\u{301}t", &["e\u{301}t"]);
    }
}
