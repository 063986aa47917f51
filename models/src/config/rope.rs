//! Rotary position embeddings (RoPE): frequencies, and their scaling for longer contexts.

use std::f64::consts::PI;

use serde_json::{Map, Value, json};

use super::{
    Family,
    fields::{Fields, invalid, missing},
};
use crate::refusal::Refusal;

/// Rotary position embedding (RoPE).
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Leading dimensions of a head that are rotated; even.
    pub dimensions: usize,
    /// Dimensions over which the series of wavelengths runs once from 1 to `theta`: those that are rotated, before an odd
    /// number of them is rounded up, or the whole head.
    pub period: usize,
    /// The base of the geometric series of wavelengths.
    pub theta: f64,
    /// Scaling of the frequencies for longer contexts.
    pub scaling: RopeScaling,
}

/// Scaling of the frequencies for longer contexts.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All by one factor.
    Linear {
        /// The stretch.
        factor: f64,
    },
    /// Llama 3: low frequencies by a factor, high ones not at all, in between a blend.
    Llama3 {
        /// The stretch of low frequencies.
        factor: f64,
        /// Wavelengths above `original / low` are stretched in full.
        low: f64,
        /// Wavelengths below `original / high` are left alone.
        high: f64,
        /// The length the model was first trained for.
        original: f64,
    },
    /// YaRN (Peng et al. 2023): a blend by dimension, and scores sharpened.
    Yarn {
        /// The stretch.
        factor: f64,
        /// Rotations within the original length above which nothing is stretched.
        fast: f64,
        /// Rotations below which everything is.
        slow: f64,
        /// The length the model was first trained for.
        original: f64,
        /// True if the blend begins and ends at whole dimensions.
        truncate: bool,
        /// Factor of cosines and sines (attention factor).
        magnitude: f64,
    },
    /// Only the fastest frequencies of the whole head turn.
    Proportional {
        /// The stretch.
        factor: f64,
        /// Frequencies above zero.
        turning: usize,
    },
    /// LongRoPE (Ding et al. 2024; Phi-3): each frequency divided by its own factor.
    Divided {
        /// One divisor a frequency, for texts up to the original length.
        short: Vec<f64>,
        /// One divisor a frequency, for every position of a longer text.
        long: Vec<f64>,
        /// The length the model was first trained for, in tokens.
        original: f64,
        /// Factor of cosines and sines (attention factor).
        magnitude: f64,
    },
}

/// Keys of `rope_parameters` or `rope_scaling` that are used, or that change nothing where a text has one axis.
const KEYS: [&str; 19] = [
    "rope_type",
    "type",
    "rope_theta",
    "partial_rotary_factor",
    "factor",
    "original_max_position_embeddings",
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "truncate",
    "short_factor",
    "long_factor",
    "low_freq_factor",
    "high_freq_factor",
    "mrope_section",
    "mrope_interleaved",
    "finetuned",
];
/// The two kinds of layers of Gemma 3, which rotate differently; the first index of [`parse`]'s result is the first of them.
const GEMMA_KINDS: [&str; 2] = ["full_attention", "sliding_attention"];
/// Name of the rotated dimensions of a head in a configuration made from a GGUF file, which says so for every family.
const DIMENSIONS: &str = "rope_dimension_count";

/// Reads the embeddings that layers refer to: one, or of Gemma 3 that of full layers and that of sliding ones.
///
/// `rope_scaling` goes before `rope_parameters`, and what stands in either before the keys beside it.
pub(super) fn parse(family: Family, fields: Fields<'_>, head_size: usize) -> Result<Vec<Rope>, Refusal> {
    let of = |scaling: Map<String, Value>, theta: &str| {
        Rope::parse(family, fields, Fields::new(&Value::Object(scaling)), theta, head_size)
    };
    let object = |name: &str| match fields.get(name) {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(other) => Err(invalid(name, other, "an object")),
    };
    let (scaling, parameters) = (object("rope_scaling")?, object("rope_parameters")?);
    if family != Family::Gemma3 {
        let used = scaling.filter(|scaling| !scaling.is_empty()).or(parameters);
        return Ok(vec![of(used.cloned().unwrap_or_default(), "rope_theta")?]);
    }
    // The class passes over whatever stands flat beside the two kinds.
    let [mut full, sliding] = GEMMA_KINDS.map(|kind| {
        let nested = parameters.and_then(|all| all.get(kind)).and_then(Value::as_object);
        nested.cloned().unwrap_or_else(|| Map::from_iter([("rope_type".to_owned(), json!("default"))]))
    });
    // The older layout scales the full layers only, and what it calls `type` changes nothing beside a `rope_type`.
    full.extend(scaling.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    Ok(vec![of(full, "rope_theta")?, of(sliding, "rope_local_base_freq")?])
}

impl Rope {
    fn parse(
        family: Family,
        fields: Fields<'_>,
        scaling: Fields<'_>,
        theta: &str,
        head_size: usize,
    ) -> Result<Self, Refusal> {
        if let Some(key) = scaling.keys().find(|key| !KEYS.contains(key)) {
            let value = scaling.get(key).cloned().unwrap_or_default();
            return Err(invalid(&format!("rope_parameters.{key}"), &value, "left out: nothing here computes with it"));
        }
        let theta = match scaling.positive("rope_theta")? {
            Some(theta) => theta,
            None => fields.positive(theta)?.ok_or_else(|| missing(theta))?,
        };
        let kind = kind(family, scaling)?;
        let (dimensions, period) = rotated(family, fields, scaling, kind, head_size)?;
        let scaling = RopeScaling::parse(kind, family, scaling, fields, period)?;
        Ok(Self { dimensions, period, theta, scaling })
    }

    /// Longest text in tokens whose positions turn by [`frequencies`](Self::frequencies); every position of a longer one
    /// turns by [`long_frequencies`](Self::long_frequencies). `None` where all texts turn alike.
    pub(super) fn reach(&self) -> Option<usize> {
        match self.scaling {
            RopeScaling::Divided { original, .. } => Some(original as usize),
            _ => None,
        }
    }

    /// Angles by which a head's dimension pairs rotate from one position to the next, `dimensions / 2` of them; single
    /// precision, whatever the tensors are stored as.
    #[must_use]
    pub fn frequencies(&self) -> Vec<f32> {
        self.exact_frequencies(false).into_iter().map(|frequency| frequency as f32).collect()
    }

    /// The same for texts longer than [`ModelConfig::long_from`](super::ModelConfig::long_from).
    #[must_use]
    pub fn long_frequencies(&self) -> Vec<f32> {
        self.exact_frequencies(true).into_iter().map(|frequency| frequency as f32).collect()
    }

    fn exact_frequencies(&self, longer: bool) -> Vec<f64> {
        let half = self.dimensions / 2;
        let plain = (0..half).map(|i| libm::pow(self.theta, -2.0 * i as f64 / self.period as f64));
        match &self.scaling {
            RopeScaling::None => plain.collect(),
            RopeScaling::Linear { factor } => plain.map(|f| f / factor).collect(),
            RopeScaling::Proportional { factor, turning } => {
                plain.enumerate().map(|(i, f)| if i < *turning { f / factor } else { 0.0 }).collect()
            }
            RopeScaling::Divided { short, long, .. } => {
                plain.zip(if longer { long } else { short }).map(|(f, factor)| f / factor).collect()
            }
            RopeScaling::Llama3 { factor, low, high, original } => {
                plain.map(|f| llama3(f, *factor, *low, *high, *original)).collect()
            }
            RopeScaling::Yarn { factor, fast, slow, original, truncate, .. } => {
                let turn = |rotations: f64| {
                    self.period as f64 * libm::log(original / (rotations * 2.0 * PI)) / (2.0 * libm::log(self.theta))
                };
                let (low, high) = (turn(*fast), turn(*slow));
                let (low, high) = if *truncate { (low.floor(), high.ceil()) } else { (low, high) };
                let (low, high) = (low.max(0.0), high.min(self.period as f64 - 1.0));
                let width = if low == high { 0.001 } else { high - low };
                let blend = |i: usize| ((i as f64 - low) / width).clamp(0.0, 1.0);
                plain.enumerate().map(|(i, f)| f / factor * blend(i) + f * (1.0 - blend(i))).collect()
            }
        }
    }

    /// Factor of cosines and sines (attention factor).
    #[must_use]
    pub fn magnitude(&self) -> f64 {
        match self.scaling {
            RopeScaling::Yarn { magnitude, .. } | RopeScaling::Divided { magnitude, .. } => magnitude,
            _ => 1.0,
        }
    }
}

impl RopeScaling {
    fn parse(
        kind: &str,
        family: Family,
        scaling: Fields<'_>,
        model: Fields<'_>,
        period: usize,
    ) -> Result<Self, Refusal> {
        let phi3 = family == Family::Phi3;
        let required = |name: &str| scaling.positive(name)?.ok_or_else(|| missing(&format!("rope_parameters.{name}")));
        let longest = || model.size("max_position_embeddings").map(|size| size as f64);
        let original = || {
            const NAME: &str = "original_max_position_embeddings";
            let (inside, beside) = (scaling.positive(NAME)?, model.positive(NAME)?);
            // Phi-3's class has the key itself, and so another default.
            match if phi3 { beside.or(inside) } else { inside.or(beside) } {
                Some(original) => Ok(original),
                None => longest(),
            }
        };
        match kind {
            // Three axes for images and video; on text all three are the position. Dynamic NTK leaves texts within
            // `max_position_embeddings` as they are, and there are no longer ones.
            "default" | "mrope" => Ok(Self::None),
            "dynamic" => required("factor").map(|_| Self::None),
            "linear" => Ok(Self::Linear { factor: required("factor")? }),
            "llama3" => Ok(Self::Llama3 {
                factor: required("factor")?,
                low: required("low_freq_factor")?,
                high: required("high_freq_factor")?,
                original: original()?,
            }),
            "yarn" => Self::yarn(scaling, original()?, longest()?),
            "longrope" | "su" => Self::longrope(scaling, period.div_ceil(2), original()?, longest()?),
            "proportional" => Ok(Self::Proportional {
                factor: scaling.positive("factor")?.unwrap_or(1.0),
                turning: ((partial(scaling, model)? * period as f64 / 2.0) as usize).min(period / 2),
            }),
            other => Err(invalid(
                "rope_type",
                &other.into(),
                "default, linear, dynamic, llama3, yarn, longrope or proportional",
            )),
        }
    }

    fn yarn(scaling: Fields<'_>, original: f64, longest: f64) -> Result<Self, Refusal> {
        let factor = scaling.positive("factor")?.unwrap_or(longest / original);
        // Zero counts as absent, as it does in the reference.
        let optional = |name: &str| Ok::<_, Refusal>(scaling.number(name)?.filter(|number| *number != 0.0));
        let mscale = |mscale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * mscale * libm::log(factor) + 1.0 };
        let magnitude = match (scaling.positive("attention_factor")?, optional("mscale")?, optional("mscale_all_dim")?)
        {
            (Some(magnitude), ..) => magnitude,
            (None, Some(some), Some(all)) => mscale(some) / mscale(all),
            (None, ..) => mscale(1.0),
        };
        if !magnitude.is_finite() || magnitude <= 0.0 {
            let value = scaling.get("mscale").cloned().unwrap_or_default();
            return Err(invalid("rope_parameters.mscale", &value, "such that the attention factor is above 0"));
        }
        let (fast, slow) = (optional("beta_fast")?.unwrap_or(32.0), optional("beta_slow")?.unwrap_or(1.0));
        if fast <= 0.0 || slow <= 0.0 {
            return Err(invalid("rope_parameters.beta_slow", &slow.into(), "above 0, as beta_fast"));
        }
        let truncate = scaling.flag("truncate", true)?;
        Ok(Self::Yarn { factor, fast, slow, original, truncate, magnitude })
    }

    /// LongRoPE has two sets of factors and picks by the length of the whole text.
    fn longrope(scaling: Fields<'_>, count: usize, original: f64, longest: f64) -> Result<Self, Refusal> {
        let [short, long] = ["short_factor", "long_factor"].map(|name| {
            let Some(list) = scaling.get(name) else { return Err(missing(&format!("rope_parameters.{name}"))) };
            let factors = list.as_array().map(|items| items.iter().map(Value::as_f64).collect::<Option<Vec<_>>>());
            let factors = factors.flatten().filter(|f| f.len() == count && f.iter().all(|x| *x > 0.0));
            factors.ok_or_else(|| invalid(name, list, "one positive number for each rotary frequency"))
        });
        if original < 1.0 || original.fract() != 0.0 {
            let key = "original_max_position_embeddings";
            return Err(invalid(key, &original.into(), "a whole number of tokens"));
        }
        let stretch = scaling.positive("factor")?.unwrap_or(longest / original);
        let magnitude = match scaling.positive("attention_factor")? {
            Some(magnitude) => magnitude,
            None if stretch <= 1.0 => 1.0,
            None => (1.0 + libm::log(stretch) / libm::log(original)).sqrt(),
        };
        Ok(Self::Divided { short: short?, long: long?, original, magnitude })
    }
}

/// Name of the scaling.
fn kind<'a>(family: Family, scaling: Fields<'a>) -> Result<&'a str, Refusal> {
    let kind = match scaling.text("rope_type")? {
        Some(kind) => kind,
        None => scaling.text("type")?.unwrap_or("default"),
    };
    // Phi-3's class calls everything longrope that was once called otherwise, and knows nothing else.
    match (family, kind) {
        (Family::Phi3, "su" | "yarn") => Ok("longrope"),
        (Family::Phi3, "default" | "longrope") => Ok(kind),
        (Family::Phi3, _) => Err(invalid("rope_type", &kind.into(), "default or longrope")),
        _ => Ok(kind),
    }
}

/// Share of a head that is rotated, at most 1.
fn partial(scaling: Fields<'_>, fields: Fields<'_>) -> Result<f64, Refusal> {
    let found = match scaling.positive("partial_rotary_factor")? {
        Some(partial) => Some(partial),
        None => fields.positive("partial_rotary_factor")?,
    };
    Ok(found.unwrap_or(1.0).min(1.0))
}

/// Rotated dimensions of a head, an even number, and the dimensions that the series of wavelengths runs over.
fn rotated(
    family: Family,
    fields: Fields<'_>,
    scaling: Fields<'_>,
    kind: &str,
    head_size: usize,
) -> Result<(usize, usize), Refusal> {
    const KEY: &str = "partial_rotary_factor";
    if let Some(count) = fields.optional_size(DIMENSIONS)? {
        let count = count.min(head_size);
        return match count.is_multiple_of(2) {
            true => Ok((count, count)),
            false => Err(invalid(DIMENSIONS, &count.into(), "an even number of dimensions")),
        };
    }
    let partial = partial(scaling, fields)?;
    let plain = matches!(kind, "default" | "mrope");
    // Families that rotate whole heads have no use for the share, and with scaling it gives no angles of a head's size.
    if kind == "proportional" || (plain && !family.rotates_partly()) {
        return Ok((head_size, head_size));
    }
    let dimensions = (head_size as f64 * partial) as usize;
    if dimensions < head_size && !family.rotates_partly() {
        let expected = format!("1 beside a rope_type of {kind}: this family rotates whole heads");
        return Err(invalid(KEY, &partial.into(), &expected));
    }
    if dimensions == 0 {
        return Err(invalid(KEY, &partial.into(), "a share of the head that is one dimension or more"));
    }
    if kind == "yarn" && !dimensions.is_multiple_of(2) {
        return Err(invalid(KEY, &partial.into(), "a share of the head that is an even number of dimensions"));
    }
    Ok((dimensions.next_multiple_of(2), dimensions))
}

fn llama3(frequency: f64, factor: f64, low: f64, high: f64, original: f64) -> f64 {
    let wavelength = 2.0 * PI / frequency;
    if wavelength < original / high {
        frequency
    } else if wavelength > original / low {
        frequency / factor
    } else {
        let blend = (original / wavelength - low) / (high - low);
        (1.0 - blend) * frequency / factor + blend * frequency
    }
}
