//! Rotary position embeddings (RoPE): frequencies, and their scaling for longer contexts.

use std::f64::consts::PI;

use super::fields::{Fields, invalid, missing};
use crate::refusal::Refusal;

/// Rotary position embedding (RoPE).
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Leading dimensions of a head that are rotated; even.
    pub dimensions: usize,
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
        /// Factor of cosines and sines (attention factor).
        magnitude: f64,
    },
    /// LongRoPE (Phi-3): each frequency divided by its own factor.
    Divided {
        /// One divisor a frequency.
        factors: Vec<f64>,
        /// Factor of cosines and sines (attention factor).
        magnitude: f64,
    },
}

impl Rope {
    /// Reads `rope_parameters`, or the older `rope_theta` with `rope_scaling`; `kind` names a layer type where each has its own.
    pub(super) fn parse(
        fields: Fields<'_>,
        kind: Option<&str>,
        head_size: usize,
        default_theta: f64,
    ) -> Result<Self, Refusal> {
        let parameters = fields.child("rope_parameters");
        let nested = kind.and_then(|kind| parameters.and_then(|all| all.child(kind)));
        let scaling = nested.or(parameters).or(fields.child("rope_scaling"));
        let theta = match scaling.map(|s| s.positive("rope_theta")).transpose()?.flatten() {
            Some(theta) => theta,
            None => fields.positive("rope_theta")?.unwrap_or(default_theta),
        };
        let partial = match scaling.map(|s| s.positive("partial_rotary_factor")).transpose()?.flatten() {
            Some(partial) => partial,
            None => fields.positive("partial_rotary_factor")?.unwrap_or(1.0),
        };
        let dimensions = (head_size as f64 * partial.min(1.0)) as usize;
        if dimensions == 0 || !dimensions.is_multiple_of(2) {
            let expected = "a share of the head that is an even number of dimensions";
            return Err(invalid("partial_rotary_factor", &partial.into(), expected));
        }
        let scaling = match scaling {
            Some(scaling) => RopeScaling::parse(scaling, fields, dimensions)?,
            None => RopeScaling::None,
        };
        Ok(Self { dimensions, theta, scaling })
    }

    /// Angles by which a head's dimension pairs rotate from one position to the next, `dimensions / 2` of them; single
    /// precision, whatever the tensors are stored as.
    #[must_use]
    pub fn frequencies(&self) -> Vec<f32> {
        self.exact_frequencies().into_iter().map(|frequency| frequency as f32).collect()
    }

    fn exact_frequencies(&self) -> Vec<f64> {
        let half = self.dimensions / 2;
        let plain = (0..half).map(|i| libm::pow(self.theta, -2.0 * i as f64 / self.dimensions as f64));
        match &self.scaling {
            RopeScaling::None => plain.collect(),
            RopeScaling::Linear { factor } => plain.map(|f| f / factor).collect(),
            RopeScaling::Divided { factors, .. } => plain.zip(factors).map(|(f, factor)| f / factor).collect(),
            RopeScaling::Llama3 { factor, low, high, original } => {
                plain.map(|f| llama3(f, *factor, *low, *high, *original)).collect()
            }
            RopeScaling::Yarn { factor, fast, slow, original, .. } => {
                let turn = |rotations: f64| {
                    self.dimensions as f64 * libm::log(original / (rotations * 2.0 * PI))
                        / (2.0 * libm::log(self.theta))
                };
                let low = turn(*fast).floor().max(0.0);
                let high = turn(*slow).ceil().min(self.dimensions as f64 - 1.0);
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
    fn parse(scaling: Fields<'_>, model: Fields<'_>, dimensions: usize) -> Result<Self, Refusal> {
        let kind = match scaling.text("rope_type")? {
            Some(kind) => kind,
            None => scaling.text("type")?.unwrap_or("default"),
        };
        let required = |name: &str| scaling.positive(name)?.ok_or_else(|| missing(&format!("rope_parameters.{name}")));
        let original = || match scaling.positive("original_max_position_embeddings")? {
            Some(original) => Ok(original),
            None => match model.positive("original_max_position_embeddings")? {
                Some(original) => Ok(original),
                None => model.size("max_position_embeddings").map(|size| size as f64),
            },
        };
        match kind {
            // Three axes for images and video; on text all three are the position.
            "default" | "mrope" => Ok(Self::None),
            "linear" => Ok(Self::Linear { factor: required("factor")? }),
            "llama3" => Ok(Self::Llama3 {
                factor: required("factor")?,
                low: required("low_freq_factor")?,
                high: required("high_freq_factor")?,
                original: original()?,
            }),
            "yarn" => {
                let factor = required("factor")?;
                let magnitude = match scaling.positive("attention_factor")? {
                    Some(magnitude) => magnitude,
                    None => 0.1 * libm::log(factor.max(1.0)) + 1.0,
                };
                Ok(Self::Yarn {
                    factor,
                    fast: scaling.positive("beta_fast")?.unwrap_or(32.0),
                    slow: scaling.positive("beta_slow")?.unwrap_or(1.0),
                    original: original()?,
                    magnitude,
                })
            }
            "longrope" | "su" => Self::longrope(scaling, model, dimensions, original()?),
            other => Err(invalid("rope_type", &other.into(), "default, linear, llama3, yarn or longrope")),
        }
    }

    /// LongRoPE has two sets of factors and picks by the length of the text; a text must not change its past when it
    /// grows, so the short set is used and texts end at the original length.
    fn longrope(scaling: Fields<'_>, model: Fields<'_>, dimensions: usize, original: f64) -> Result<Self, Refusal> {
        let Some(list) = scaling.get("short_factor") else {
            return Err(missing("rope_parameters.short_factor"));
        };
        let factors =
            list.as_array().map(|items| items.iter().map(serde_json::Value::as_f64).collect::<Option<Vec<_>>>());
        let factors = factors.flatten().filter(|f| f.len() == dimensions / 2 && f.iter().all(|x| *x > 0.0));
        let Some(factors) = factors else {
            return Err(invalid("short_factor", list, "one positive number for each rotary frequency"));
        };
        let stretch = model.size("max_position_embeddings")? as f64 / original;
        let magnitude = match scaling.positive("attention_factor")? {
            Some(magnitude) => magnitude,
            None if stretch <= 1.0 => 1.0,
            None => (1.0 + libm::log(stretch) / libm::log(original)).sqrt(),
        };
        Ok(Self::Divided { factors, magnitude })
    }
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
