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
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Cuts digits in threes or one by one.
const DIGITS: [&str; 2] = [r"\p{N}{1,3}", r"\p{N}"];

/// True for a pattern that published tokenizers use.
pub(super) fn is_known(pattern: &str) -> bool {
    [GPT2, LLAMA3, QWEN2, QWEN35, TEKKEN, O200K].contains(&pattern) || DIGITS.contains(&pattern)
}

#[cfg(test)]
mod tests {
    use tokenizers::{
        OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
        pre_tokenizers::split::{Split, SplitPattern},
        tokenizer::normalizer::SplitDelimiterBehavior,
    };

    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: &[&str]) {
        let pattern = SplitPattern::Regex(pattern.to_owned());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).unwrap();
        let mut cut = PreTokenizedString::from(text);
        split.pre_tokenize(&mut cut).unwrap();
        let found: Vec<_> =
            cut.get_splits(OffsetReferential::Original, OffsetType::Byte).into_iter().map(|(part, ..)| part).collect();
        assert_eq!(found, expected);
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
