//! Outputs of a running model on a secret text: no rewriting of tensors that leaves a model's function alone changes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bits;
use super::sketch::SketchKey;
use crate::{
    engine::{EngineError, TokenScore},
    local::LocalModel,
    splitmix::splitmix,
    text::{SpecialTokens, Tokenizer},
};

/// Tokens of the text that are scored.
const TOKENS: usize = 160;
/// First positions that are left out: with little to go by, all models of a family say nearly the same there.
const SKIPPED: usize = 8;
/// Likeliest tokens that a distribution is measured by.
const TOP: usize = 20;
/// Ranks of the likeliest tokens whose standardized logits are kept.
const RANKS: [usize; 4] = [0, 1, 4, 9];
/// Standardized logits beyond this are no farther away.
const FARTHEST: f64 = 50.0;
/// Words of the text.
const WORDS: &str = "the of and to in is was that for it with as his on be at by had are but from or have an they which one you were \
    all her she there would their we him been has when who will no more if out so up said what its about than into them can \
    only other time new some could these two may first then do any like my now over such our man me even most made after also \
    did many before must well back through years much where your way down should because long each just state those people \
    too how little good world make very year still see own work men day get here old life both between being under three \
    never know same last another while great go come since against right came take used himself few house use place during \
    high without again home around small however found return import class value list number string print answer question";

/// Outputs of a model on the secret text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    /// BLAKE3 of all log-probabilities and of the texts of the tokens that they belong to.
    #[serde(with = "bits::digest")]
    pub digest: [u8; 32],
    /// Five values a position that ignore temperature and any affine change of the logits: the logits of the text's token
    /// and of the first, second, fifth and tenth likeliest, less the mean of the likeliest twenty, over their deviation.
    #[serde(with = "bits::floats")]
    pub features: Vec<f32>,
    /// First 32 bits of BLAKE3 of the likeliest token's text at each position.
    #[serde(with = "bits::integers")]
    pub likeliest: Vec<u32>,
}

impl Outputs {
    /// Runs a model on the text that belongs to a key; none where it has no tokenizer, no room for the text, or outputs that
    /// are no numbers.
    ///
    /// # Errors
    /// If the engine refuses the tokens or has stopped.
    pub async fn take(model: &LocalModel, key: &SketchKey) -> Result<Option<Self>, EngineError> {
        let Some(tokenizer) = &model.prompter.tokenizer else { return Ok(None) };
        let Ok(mut ids) = tokenizer.encode(&text(key), SpecialTokens::Skip) else { return Ok(None) };
        ids.truncate(model.engine.context().min(TOKENS + 1));
        if ids.len() <= SKIPPED + 1 {
            return Ok(None);
        }
        let scores = model.engine.score(&ids[..1], &ids[1..], TOP).await?;
        Ok(Self::of(tokenizer, &scores))
    }

    fn of(tokenizer: &Tokenizer, scores: &[TokenScore]) -> Option<Self> {
        let mut texts: BTreeMap<u32, [u8; 32]> = BTreeMap::new();
        let mut hasher = blake3::Hasher::new();
        let (mut features, mut likeliest) = (Vec::new(), Vec::new());
        for (position, score) in scores.iter().enumerate() {
            if !score.logprob.is_finite() || score.top.iter().any(|(_, logprob)| !logprob.is_finite()) {
                return None;
            }
            hasher.update(&score.logprob.to_le_bytes());
            for (token, logprob) in &score.top {
                let text = texts.entry(*token).or_insert_with(|| {
                    let text = tokenizer.decode(&[*token], SpecialTokens::Keep).unwrap_or_default();
                    *blake3::hash(text.as_bytes()).as_bytes()
                });
                hasher.update(text).update(&logprob.to_le_bytes());
            }
            if position >= SKIPPED {
                features.extend(standardized(score));
                let (words, _) = texts[&score.top.first()?.0].as_chunks::<4>();
                likeliest.push(u32::from_le_bytes(words[0]));
            }
        }
        Some(Self { digest: *hasher.finalize().as_bytes(), features, likeliest })
    }
}

/// The logits of the text's token and of some of the likeliest, less the mean of the likeliest, over their deviation.
fn standardized(score: &TokenScore) -> [f32; 5] {
    let top: Vec<f64> = score.top.iter().map(|(_, logprob)| f64::from(*logprob)).collect();
    let count = top.len() as f64;
    let mean = top.iter().sum::<f64>() / count;
    let deviation = (top.iter().map(|logit| (logit - mean).powi(2)).sum::<f64>() / count).sqrt();
    let standard = |logit: f64| {
        let value = if deviation > 0.0 { (logit - mean) / deviation } else { 0.0 };
        value.clamp(-FARTHEST, FARTHEST) as f32
    };
    let ranks = RANKS.map(|rank| standard(top[rank.min(top.len() - 1)]));
    [standard(f64::from(score.logprob)), ranks[0], ranks[1], ranks[2], ranks[3]]
}

/// Sentences of random words with a little arithmetic between them: text that a model can go on from, and nobody foresees.
fn text(key: &SketchKey) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let seed = key.seed("text");
    let mut draws = 0;
    let mut draw = |below: usize| {
        draws += 1;
        (splitmix(splitmix(seed) ^ draws) % below as u64) as usize
    };
    let mut text = String::new();
    for _ in 0..16 {
        for _ in 0..6 + draw(8) {
            text.push_str(words[draw(words.len())]);
            text.push(' ');
        }
        let (one, two) = (2 + draw(98), 2 + draw(98));
        text.push_str(&format!("{one} + {two} = {}. ", one + two));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(logprob: f32, top: &[f32]) -> TokenScore {
        TokenScore { logprob, rank: 0, top: (0..).zip(top.iter().copied()).collect() }
    }

    #[test]
    fn standardized_logits_ignore_temperature_and_shift() {
        let logits = [-0.5, -1.0, -2.0, -2.5, -4.0, -4.5, -5.0, -6.0, -7.0, -8.0, -9.0];
        let plain = standardized(&score(-3.0, &logits));
        let changed = logits.map(|logit| 1.25 * logit - 0.5);
        let found = standardized(&score(1.25 * -3.0 - 0.5, &changed));
        for (one, two) in plain.iter().zip(found) {
            assert!((one - two).abs() < 1e-5, "{plain:?} {found:?}");
        }
        assert!(plain[1] > plain[2] && plain[2] > plain[3] && plain[3] > plain[4], "{plain:?}");
        assert_eq!(standardized(&score(-1.0, &[-1.0; 20])), [0.0; 5]);
        assert_eq!(standardized(&score(-1e30, &[-1.0, -2.0])), [-50.0, 1.0, -1.0, -1.0, -1.0]);
    }

    #[test]
    fn a_key_has_its_own_text() {
        let [one, two] = ["one", "two"].map(|secret| text(&SketchKey::derive(secret.as_bytes())));
        assert_eq!(one, text(&SketchKey::derive(b"one")));
        assert_ne!(one, two);
        assert!(one.split_whitespace().count() > 150 && one.contains(" + "), "{one}");
    }
}
