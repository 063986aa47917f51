//! Relation of two models, as it is told to somebody who asks for it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::copy::{CopySettings, FAR, copies};
use super::difference::{Names, Vectors, dot, length, without};
use super::print::{EntryPrint, ModelPrint};
use super::{Finding, FindingKind, outputs};

/// Share of a task vector from which the later model holds the earlier one's.
const HELD: f64 = 0.75;
/// Addition, relative to the earlier model's task vector, up to which a derivative is light.
const LIGHT: f64 = 0.25;

/// Relation of a later model to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RelationKind {
    /// The same files or the same tensors.
    #[serde(rename = "identical")]
    Identical,
    /// The same function from rewritten tensors.
    #[serde(rename = "same up to symmetry")]
    SameUpToSymmetry,
    /// The same tensors with noise.
    #[serde(rename = "copy plus noise")]
    CopyPlusNoise,
    /// A mixture with the base.
    #[serde(rename = "interpolation with base")]
    InterpolationWithBase,
    /// A mixture with another earlier model.
    #[serde(rename = "merge of A and B")]
    Merge,
    /// The earlier model, tuned a little.
    #[serde(rename = "light derivative")]
    LightDerivative,
    /// The earlier model, tuned.
    #[serde(rename = "descendant")]
    Descendant,
    /// Neither was made of the other.
    #[serde(rename = "independent")]
    Independent,
}

/// Relation of two models with the measurements behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// The relation.
    pub relation: RelationKind,
    /// The finding that the screens would make of the later one.
    pub finding: Option<Finding>,
    /// The measurements.
    pub witnesses: Witnesses,
}

/// Measurements of two models.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Witnesses {
    /// Distance of the tensors relative to the earlier model's; none where the layouts differ.
    pub relative_distance: Option<f64>,
    /// Containment: the share of the earlier model's task vector that the later one holds; none without a base.
    pub containment: Option<f64>,
    /// Addition of the later one to that share, relative to the earlier one's task vector.
    pub added: Option<f64>,
    /// Concentration of what is added: 0 of noise, 1 over the number of directions of a tuning.
    pub structure: Option<f64>,
    /// Distance of the outputs, which no symmetry changes, relative to what varies in the earlier model's.
    pub outputs_distance: Option<f64>,
    /// The same relative to the earlier model's change of the base's outputs.
    pub outputs_to_base: Option<f64>,
    /// Share of positions at which both have the same likeliest token.
    pub agreement: Option<f64>,
}

/// Relation of a later model to an earlier one, measured with the limits of the screen for copies.
#[must_use]
pub fn relation(
    earlier: &ModelPrint,
    later: &ModelPrint,
    base: Option<&ModelPrint>,
    settings: &CopySettings,
) -> Relation {
    let entry = |committed: u64, model: &ModelPrint| EntryPrint {
        committed,
        position: 0,
        owner: committed as usize,
        origin: None,
        model: model.clone(),
    };
    let finding = copies(&[entry(0, earlier), entry(1, later)], base, settings).pop();
    let witnesses = witnesses(earlier, later, base);
    let relation = match finding.as_ref().map(|finding| finding.kind) {
        Some(FindingKind::SameFiles | FindingKind::SameTensors) => RelationKind::Identical,
        Some(FindingKind::SameOutputs | FindingKind::Twin) => RelationKind::SameUpToSymmetry,
        Some(FindingKind::NearTensors) => RelationKind::CopyPlusNoise,
        Some(FindingKind::Mixture) => RelationKind::InterpolationWithBase,
        // Models of another origin have no task vector that says anything.
        None if witnesses.relative_distance.is_none_or(|apart| apart > FAR) => RelationKind::Independent,
        None => match (witnesses.containment, witnesses.added) {
            (Some(held), Some(added)) if held >= HELD && added <= LIGHT => RelationKind::LightDerivative,
            (Some(held), _) if held >= HELD => RelationKind::Descendant,
            _ => RelationKind::Independent,
        },
    };
    Relation { relation, finding, witnesses }
}

fn witnesses(earlier: &ModelPrint, later: &ModelPrint, base: Option<&ModelPrint>) -> Witnesses {
    let names = Names::of([earlier, later].into_iter().chain(base));
    let mut found = Witnesses::default();
    if let (Some(one), Some(two)) = (Vectors::new(earlier, &names), Vectors::new(later, &names)) {
        let apart = two.less(&one);
        found.relative_distance = apart.as_ref().map(|apart| one.relative(apart));
        found.structure = apart.as_ref().and_then(|apart| one.structure(apart));
        let base = base.and_then(|base| Vectors::new(base, &names));
        let added = |model: &Vectors| base.as_ref().and_then(|base| model.less(base));
        if let (Some(original), Some(own)) = (added(&one), added(&two)) {
            let size = length(&original);
            if size > 0.0 {
                let share = dot(&original, &own) / (size * size);
                let rest = without(&own, &[(share, &original)]);
                (found.containment, found.added) = (Some(share), Some(length(&rest) / size));
                found.structure = one.structure(&rest);
            }
        }
    }
    if let (Some(one), Some(two)) = (&earlier.outputs, &later.outputs) {
        let apart = outputs::distance(one, two);
        found.outputs_distance = apart.zip(outputs::variation(one)).map(|(apart, size)| apart / size);
        let changed = base.and_then(|base| outputs::distance(one, base.outputs.as_ref()?));
        found.outputs_to_base =
            apart.zip(changed.filter(|changed| *changed > 0.0)).map(|(apart, changed)| apart / changed);
        found.agreement = Some(outputs::agreement(one, two));
    }
    found
}

impl fmt::Display for RelationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Identical => "identical",
            Self::SameUpToSymmetry => "same up to symmetry",
            Self::CopyPlusNoise => "copy plus noise",
            Self::InterpolationWithBase => "interpolation with base",
            Self::Merge => "merge of A and B",
            Self::LightDerivative => "light derivative",
            Self::Descendant => "descendant",
            Self::Independent => "independent",
        })
    }
}
