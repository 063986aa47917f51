//! Recognizes a model that was published before, by what it adds to everything published earlier.
//!
//! Most models of a subnet are tunings of one public base and of its champions, so that likeness says nothing by itself. An
//! entry is a copy if nothing, or nothing but noise, is left of it once the earlier models are taken away: the nearest
//! earlier model decides, so that an earlier entry can take nothing from a later one that has added something to a model
//! of a third. Equal files, tensors or outputs need no further reason. Where the tensors are not those of any earlier
//! model, outputs show a rewriting of one. The earlier commitment is the original, the later one the copy.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::difference::{Names, Vectors, dot, length, shares, without};
use super::print::{EntryPrint, ModelPrint, OutputsPrint};
use super::{Finding, FindingKind, Yardstick, outputs};

/// The limits up to which an entry counts as a copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CopySettings {
    /// Addition to the tensors of earlier entries, relative to the smaller task vector, that counts as nothing.
    pub near_to_task_vector: f64,
    /// The same relative to the tensors, where no base is given.
    pub near_without_base: f64,
    /// Concentration, in [0, 1], up to which an addition is noise: a tuning of low rank has one over its rank, noise of
    /// any distribution has 0.
    pub structure_of_noise: f64,
    /// Noise up to this share of the tensors leaves a model that is the same; more is damage.
    pub most_noise: f64,
    /// Change of the outputs for each change of the tensors, both relative, above which a change was learned. White noise has 5 or 6
    /// on a model of 30 layers, a tuning 40.
    pub learned: f64,
    /// Distance of the outputs, relative to the original's change of the base's, up to which rewritten tensors are the
    /// same model.
    pub outputs_to_task_vector: f64,
    /// The same relative to the outputs, where no base is given.
    pub outputs_without_base: f64,
    /// Change of the outputs for each change of the tensors, both relative to the original's change of the base's, up to
    /// which the tensors were rewritten rather than tuned.
    pub rewritten: f64,
}

impl Default for CopySettings {
    fn default() -> Self {
        Self {
            near_to_task_vector: 0.01,
            near_without_base: 0.0001,
            structure_of_noise: 0.03,
            most_noise: 0.15,
            learned: 12.0,
            outputs_to_task_vector: 0.2,
            outputs_without_base: 0.03,
            rewritten: 0.2,
        }
    }
}

/// Distance, relative to the tensors, from which a model was not made of another one by tuning it.
pub(super) const FAR: f64 = 0.25;
/// Share of the original's task vector from which an entry holds it.
const HELD: f64 = 0.35;
/// Remainder of a mixture, relative to its share of the original's task vector.
const MOST_LEFT: f64 = 0.75;
/// Change of the outputs for each change of the tensors, both relative, up to which tensors were rewritten, where no base
/// is given.
const REWRITTEN_WITHOUT_BASE: f64 = 0.05;
/// Share of positions at which two models that are one have the same likeliest token.
const LEAST_AGREEMENT: f64 = 0.8;
/// Share of an entry's tuning up to which what two earlier models do not explain is nothing.
const UNMIXED: f64 = 0.02;

/// Finds the entries that repeat an earlier one; at most one finding per entry, ascending by entry.
///
/// Of several originals the most certain kind counts, then the earliest. An entry that is a copy itself is an original
/// to those after it, so that no chain of small steps leads away from the first, except to the owner whose work it
/// repeats: whoever improves a model is no copy of those who copied it.
#[must_use]
pub fn copies(entries: &[EntryPrint], base: Option<&ModelPrint>, settings: &CopySettings) -> Vec<Finding> {
    screened(entries, base, settings).findings
}

/// Findings, and what they rest on.
#[derive(Clone, Debug, PartialEq)]
pub struct Screened {
    /// The findings, ascending by entry.
    pub findings: Vec<Finding>,
    /// Entries and models without which some entry would have been judged otherwise, besides itself: with these alone the
    /// findings are the same.
    pub decisive: BTreeSet<usize>,
}

/// Finds copies as [`copies`] does, and tells which earlier models decided.
#[must_use]
pub fn screened(entries: &[EntryPrint], base: Option<&ModelPrint>, settings: &CopySettings) -> Screened {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|entry| (entries[*entry].committed, entries[*entry].position, *entry));
    let names = Names::of(entries.iter().map(|entry| &entry.model).chain(base));
    let base =
        base.and_then(|base| Some(Base { vectors: Vectors::new(base, &names)?, outputs: base.outputs.as_ref() }));
    let prepared: Vec<Prepared> =
        entries.iter().map(|entry| Prepared::new(&entry.model, &names, base.as_ref())).collect();
    let screen = Screen { prepared: &prepared, base: base.as_ref(), settings };
    let (mut findings, mut decisive) = (Vec::new(), BTreeSet::new());
    let mut origins: Vec<usize> = entries.iter().map(|entry| entry.origin.unwrap_or(entry.owner)).collect();
    for (rank, later) in order.iter().enumerate().filter(|(_, later)| entries[**later].origin.is_none()) {
        let owner = entries[*later].owner;
        let earlier: Vec<Earlier> = order[..rank]
            .iter()
            .map(|model| Earlier { model: *model, own: entries[*model].owner == owner || origins[*model] == owner })
            .collect();
        let found = screen.judge(&earlier, *later, &mut decisive);
        if let Some(original) = found.as_ref().and_then(|finding| finding.of) {
            decisive.insert(original);
            origins[*later] = origins[original];
        }
        findings.extend(found);
    }
    findings.sort_by_key(|finding| finding.entry);
    Screened { findings, decisive }
}

/// An earlier model.
#[derive(Clone, Copy)]
struct Earlier {
    model: usize,
    /// The work of the entry's own owner, which takes nothing from it.
    own: bool,
}

/// The public base.
struct Base<'a> {
    vectors: Vectors,
    outputs: Option<&'a OutputsPrint>,
}

/// A model as it is compared.
struct Prepared<'a> {
    model: &'a ModelPrint,
    digests: Vec<[u8; 32]>,
    vectors: Option<Vectors>,
    /// The difference from the base, where it has the base's matrices.
    added: Option<Vec<f32>>,
}

impl<'a> Prepared<'a> {
    fn new(model: &'a ModelPrint, names: &Names, base: Option<&Base<'_>>) -> Self {
        let mut digests: Vec<[u8; 32]> = model.tensors.iter().map(|tensor| tensor.digest).collect();
        digests.sort_unstable();
        let vectors = Vectors::new(model, names);
        let added = vectors.as_ref().zip(base).and_then(|(vectors, base)| vectors.less(&base.vectors));
        Self { model, digests, vectors, added }
    }
}

/// Remainder of a later model once an earlier one is taken away.
struct Left {
    /// The rest.
    rest: Vec<f32>,
    /// Its length.
    length: f64,
    /// Share of the earlier model's task vector that was taken away; 1 without a base.
    share: f64,
    /// Length that tells how much is little, and the yardstick that it is.
    yard: f64,
    yardstick: Yardstick,
    /// Length of the earlier model's task vector, where there is a base.
    original: Option<f64>,
}

struct Screen<'a> {
    prepared: &'a [Prepared<'a>],
    base: Option<&'a Base<'a>>,
    settings: &'a CopySettings,
}

impl Screen<'_> {
    /// The finding about one entry.
    fn judge(&self, earlier: &[Earlier], later: usize, decisive: &mut BTreeSet<usize>) -> Option<Finding> {
        let others = || earlier.iter().filter(|earlier| !earlier.own);
        let same = others().filter_map(|one| Some((self.same(one.model, later)?, one.model)));
        // Of one kind the first in order is the earliest.
        let mut best: Option<(FindingKind, usize)> = None;
        for (kind, model) in same {
            if best.is_none_or(|(found, _)| kind < found) {
                best = Some((kind, model));
            }
        }
        if let Some((kind, of)) = best {
            return Some(finding(later, of, kind, (0.0, 0.0), Yardstick::Whole));
        }
        let left: Vec<(Earlier, Left)> =
            earlier.iter().filter_map(|one| Some((*one, self.left(one.model, later)?))).collect();
        let vectors = self.prepared[later].vectors.as_ref()?;
        let nearest = left.iter().min_by(|one, two| one.1.length.total_cmp(&two.1.length));
        match nearest.filter(|(_, left)| vectors.relative(&left.rest) <= FAR) {
            Some((nearest, of_nearest)) => {
                decisive.insert(nearest.model);
                if nearest.own {
                    return None;
                }
                let found = self.near(nearest.model, later, of_nearest);
                if found.is_none() {
                    return self.mixture(&left, later, decisive);
                }
                // What is a copy of its nearest is a copy of the first of which it would be one.
                let first = left.iter().filter(|(one, _)| !one.own);
                first.into_iter().find_map(|(one, left)| self.near(one.model, later, left))
            }
            None => others().find_map(|one| self.rewritten(one.model, later)),
        }
    }

    /// Equality that needs no measurement.
    fn same(&self, earlier: usize, later: usize) -> Option<FindingKind> {
        let (one, two) = (&self.prepared[earlier], &self.prepared[later]);
        if one.model.files == two.model.files {
            return Some(FindingKind::SameFiles);
        }
        if !one.digests.is_empty() && one.digests == two.digests {
            return Some(FindingKind::SameTensors);
        }
        let (one, two) = (one.model.outputs.as_ref()?, two.model.outputs.as_ref()?);
        (one.digest == two.digest).then_some(FindingKind::SameOutputs)
    }

    fn left(&self, earlier: usize, later: usize) -> Option<Left> {
        let (one, two) = (&self.prepared[earlier], &self.prepared[later]);
        let (one_vectors, two_vectors) = (one.vectors.as_ref()?, two.vectors.as_ref()?);
        let tuned = one.added.as_ref().map(|original| (original, length(original)));
        // An earlier entry that is the base has no task vector that anybody could hold: the two are compared as they are.
        let tuned = tuned.filter(|(_, size)| *size > self.settings.near_without_base * one_vectors.size);
        if let (Some((original, size)), Some(added)) = (tuned, &two.added) {
            let own = length(added);
            let share = dot(original, added) / (size * size);
            let rest = without(added, &[(share, original)]);
            let length = length(&rest);
            let (yard, yardstick) = (size.min(own), Yardstick::Tuning);
            return Some(Left { rest, length, share, yard, yardstick, original: Some(size) });
        }
        let rest = two_vectors.less(one_vectors)?;
        let (yard, yardstick) = (one_vectors.size.min(two_vectors.size), Yardstick::Whole);
        Some(Left { length: length(&rest), rest, share: 1.0, yard, yardstick, original: None })
    }

    /// The finding about an entry whose nearest earlier model this is, or could be.
    fn near(&self, earlier: usize, later: usize, left: &Left) -> Option<Finding> {
        let settings = self.settings;
        let vectors = self.prepared[earlier].vectors.as_ref()?;
        // A mixture's outputs are neither's, which says nothing of what was learned; but what is left of it is little.
        let mixed = (left.share - 1.0).abs() > 0.1
            && left.original.is_some_and(|original| left.length <= MOST_LEFT * left.share * original);
        let kind = if mixed { FindingKind::Mixture } else { FindingKind::NearTensors };
        let outputs = self.outputs(earlier, later);
        let relative = vectors.relative(&left.rest);
        // Noise and rewriting move the outputs less than learning does. A task vector that was made longer or shorter moves them
        // too, to first order by as much of their distance from the base's; twice that leaves room for the second order.
        let scaling = |outputs: &Outputs| 2.0 * (left.share - 1.0).abs() * outputs.changed.unwrap_or(0.0);
        let moves = |outputs: &Outputs| outputs.apart > settings.learned * relative * outputs.size + scaling(outputs);
        let learned = !mixed && outputs.as_ref().is_some_and(moves);
        let nothing = match left.yardstick {
            Yardstick::Whole => settings.near_without_base,
            _ => settings.near_to_task_vector,
        };
        let added = match left.yardstick {
            Yardstick::Whole => relative,
            _ => left.length / left.yard,
        };
        let holds = left.share >= 0.1 && left.yard > 0.0;
        // Where next to nothing is left, outputs moved because the original's task vector was scaled.
        let scaled = added <= 0.1 * nothing;
        if holds && added <= nothing && (scaled || !learned) {
            return Some(finding(later, earlier, kind, (added, nothing), left.yardstick));
        }
        let structure = vectors.structure(&left.rest);
        let noise = structure.is_some_and(|structure| structure <= settings.structure_of_noise);
        if left.share >= HELD && left.yard > 0.0 && relative <= settings.most_noise && noise && !learned {
            return Some(finding(later, earlier, kind, (relative, settings.most_noise), Yardstick::Whole));
        }
        let outputs = outputs?;
        let moved = left.original.map(|original| left.length / original);
        let (apart, limit, rewritten) = match (outputs.changed, moved) {
            (Some(changed), Some(moved)) => {
                let apart = outputs.apart / changed;
                (apart, settings.outputs_to_task_vector, apart <= settings.rewritten * moved)
            }
            _ => {
                let apart = outputs.apart / outputs.size;
                (apart, settings.outputs_without_base, apart <= REWRITTEN_WITHOUT_BASE * relative)
            }
        };
        let is_twin = rewritten && apart <= limit && outputs.agreement >= LEAST_AGREEMENT;
        is_twin.then(|| finding(later, earlier, FindingKind::Twin, (apart, limit), Yardstick::Outputs))
    }

    /// The finding about an entry whose tensors are far from those of all earlier ones.
    fn rewritten(&self, earlier: usize, later: usize) -> Option<Finding> {
        let outputs = self.outputs(earlier, later)?;
        let (apart, limit) = match outputs.changed {
            Some(changed) => (outputs.apart / changed, self.settings.outputs_to_task_vector),
            None => (outputs.apart / outputs.size, self.settings.outputs_without_base),
        };
        (apart <= limit && outputs.agreement >= LEAST_AGREEMENT)
            .then(|| finding(later, earlier, FindingKind::Twin, (apart, limit), Yardstick::Outputs))
    }

    /// The finding about a merge of two earlier models: the nearest and another one explain it.
    fn mixture(&self, left: &[(Earlier, Left)], later: usize, decisive: &mut BTreeSet<usize>) -> Option<Finding> {
        let added = self.prepared[later].added.as_ref()?;
        let own = length(added);
        let mut order: Vec<&(Earlier, Left)> = left.iter().filter(|(one, _)| !one.own).collect();
        let (first, _) = *order.iter().min_by(|one, two| one.1.length.total_cmp(&two.1.length))?;
        order.retain(|(one, _)| one.model != first.model);
        let first_added = self.prepared[first.model].added.as_ref()?;
        for (second, _) in order {
            let Some(second_added) = self.prepared[second.model].added.as_ref() else { continue };
            let Some(parts) = shares(added, first_added, second_added) else { continue };
            if parts.iter().any(|share| *share < 0.1) {
                continue;
            }
            let measure = length(&without(added, &[(parts[0], first_added), (parts[1], second_added)])) / own;
            if measure <= UNMIXED {
                decisive.extend([first.model, second.model]);
                let of = if parts[0] >= parts[1] { first.model } else { second.model };
                return Some(finding(later, of, FindingKind::Mixture, (measure, UNMIXED), Yardstick::Tuning));
            }
        }
        None
    }

    fn outputs(&self, earlier: usize, later: usize) -> Option<Outputs> {
        let print = |model: usize| self.prepared[model].model.outputs.as_ref();
        let (one, two) = (print(earlier)?, print(later)?);
        let size = outputs::variation(one)?;
        let base = self.base.and_then(|base| base.outputs);
        let changed = base.and_then(|base| outputs::distance(one, base)).filter(|changed| *changed > 1e-3 * size);
        let agreement = outputs::agreement(one, two);
        Some(Outputs { apart: outputs::distance(one, two)?, size, changed, agreement })
    }
}

/// Comparison of an entry's outputs with an earlier model's.
struct Outputs {
    /// Distance of the two.
    apart: f64,
    /// Variation of the earlier model's from position to position.
    size: f64,
    /// Distance of the earlier model's from the base's, where there is one.
    changed: Option<f64>,
    /// Share of positions with the same likeliest token.
    agreement: f64,
}

fn finding(
    entry: usize,
    of: usize,
    kind: FindingKind,
    (measure, threshold): (f64, f64),
    yardstick: Yardstick,
) -> Finding {
    Finding { entry, kind, of: Some(of), measure, threshold, yardstick }
}
