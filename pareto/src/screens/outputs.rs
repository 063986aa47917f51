//! Comparison of two models' outputs on the same text, which no function-preserving rewriting of tensors changes.

use super::print::{FEATURES, OutputsPrint};

/// Positions below which outputs say too little.
const LEAST_POSITIONS: usize = 16;
/// Root mean square, over positions, of what differs between them: below it a model says the same everywhere.
const LEAST_VARIATION: f64 = 0.05;

/// Euclidean distance of two models' features; `None` where their texts were cut into different numbers of tokens.
pub(super) fn distance(one: &OutputsPrint, two: &OutputsPrint) -> Option<f64> {
    let comparable = one.features.len() == two.features.len() && one.likeliest.len() == two.likeliest.len();
    let squares = one.features.iter().zip(&two.features).map(|(one, two)| (f64::from(*one) - f64::from(*two)).powi(2));
    (comparable && one.likeliest.len() >= LEAST_POSITIONS).then(|| squares.sum::<f64>().sqrt())
}

/// Share of positions at which the likeliest token has the same text in both.
pub(super) fn agreement(one: &OutputsPrint, two: &OutputsPrint) -> f64 {
    let same = one.likeliest.iter().zip(&two.likeliest).filter(|(one, two)| one == two).count();
    same as f64 / one.likeliest.len().max(two.likeliest.len()).max(1) as f64
}

/// Size of what varies from position to position; `None` of a model whose outputs are the same wherever one looks, of
/// which likeness says nothing.
pub(super) fn variation(outputs: &OutputsPrint) -> Option<f64> {
    let positions = outputs.features.len() / FEATURES;
    let mean = |feature: usize| {
        let all = outputs.features.iter().skip(feature).step_by(FEATURES);
        all.map(|value| f64::from(*value)).sum::<f64>() / positions.max(1) as f64
    };
    let means: Vec<f64> = (0..FEATURES).map(mean).collect();
    let squares = outputs.features.iter().enumerate().map(|(place, value)| f64::from(*value) - means[place % FEATURES]);
    let size = squares.map(|value| value * value).sum::<f64>().sqrt();
    (size >= LEAST_VARIATION * (outputs.features.len() as f64).sqrt() && positions >= LEAST_POSITIONS).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(features: Vec<f32>) -> OutputsPrint {
        let likeliest = (0..(features.len() / FEATURES) as u32).collect();
        OutputsPrint { digest: [0; 32], features, likeliest }
    }

    #[test]
    fn distances_are_euclidean_and_need_the_same_positions() {
        let one = outputs(vec![0.0; 100]);
        let mut far = vec![0.0; 100];
        (far[3], far[50]) = (3.0, -4.0);
        assert_eq!(distance(&one, &outputs(far)), Some(5.0));
        assert_eq!(distance(&one, &outputs(vec![0.0; 95])), None);
        assert_eq!(distance(&outputs(vec![0.0; 75]), &outputs(vec![0.0; 75])), None, "fifteen positions are too few");
    }

    #[test]
    fn agreement_is_a_share_of_positions() {
        let (one, mut two) = (outputs(vec![0.0; 100]), outputs(vec![0.0; 100]));
        assert_eq!(agreement(&one, &two), 1.0);
        two.likeliest[3] = 99;
        assert_eq!(agreement(&one, &two), 0.95);
        two.likeliest.truncate(10);
        assert!(agreement(&one, &two) < 0.5);
    }

    #[test]
    fn what_is_the_same_everywhere_has_no_variation() {
        let constant: Vec<f32> = (0..100).map(|place| (place % FEATURES) as f32).collect();
        assert_eq!(variation(&outputs(constant.clone())), None);
        let varied: Vec<f32> = (0..100).map(|place| (place % 7) as f32).collect();
        assert!(variation(&outputs(varied)).is_some_and(|size| (10.0..30.0).contains(&size)));
    }
}
