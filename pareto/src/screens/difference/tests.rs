//! Structure, shares and layouts on sketches that are the matrices themselves.

use super::*;
use crate::lab::Random;
use crate::screens::TensorPrint;

fn normal(random: &mut Random) -> f32 {
    (0..12).map(|_| random.uniform()).sum::<f64>() as f32 - 6.0
}

fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut random = Random::new(seed, &[5]);
    (0..count).map(|_| normal(&mut random)).collect()
}

fn model(sketches: &[Vec<f32>]) -> ModelPrint {
    let tensor = |(place, sketch): (usize, &Vec<f32>)| TensorPrint {
        name: format!("m{place}"),
        shape: if sketch.len() == CELLS { vec![64, 64] } else { vec![64] },
        digest: [place as u8; 32],
        sketch: sketch.clone(),
    };
    ModelPrint { files: [0; 32], tensors: sketches.iter().enumerate().map(tensor).collect(), outputs: None }
}

fn vectors(model: &ModelPrint) -> Vectors {
    Vectors::new(model, &Names::of(std::iter::once(model))).expect("it has matrices")
}

/// A difference of this rank in each of so many matrices.
fn of_rank(rank: usize, matrices: u64) -> Vec<f32> {
    let one = |seed: u64| {
        let (left, right) = (noise(seed, SIDE * rank), noise(seed + 1_000, SIDE * rank));
        (0..CELLS).map(move |cell| {
            let (row, column) = (cell / SIDE, cell % SIDE);
            (0..rank).map(|part| left[row * rank + part] * right[column * rank + part]).sum::<f32>()
        })
    };
    (0..matrices).flat_map(one).collect()
}

#[test]
fn noise_has_no_structure_and_a_tuning_has_one_over_its_rank() {
    let whole = vectors(&model(&(0..40).map(|seed| noise(seed, CELLS)).collect::<Vec<_>>()));
    let of = |difference: &[f32]| whole.structure(difference).expect("there is a difference");
    let found = of(&(100..140).flat_map(|seed| noise(seed, CELLS)).collect::<Vec<_>>());
    assert!(found < 0.01, "{found}");
    for (rank, range) in [(1, 0.99..1.01), (3, 0.25..0.55), (8, 0.09..0.2), (16, 0.04..0.12)] {
        let found = of(&of_rank(rank, 40));
        assert!(range.contains(&found), "rank {rank}: {found}");
    }
    assert_eq!(whole.structure(&vec![0.0; 40 * CELLS]), None);
}

#[test]
fn noise_in_most_matrices_does_not_hide_what_was_learned_in_few() {
    let whole = vectors(&model(&(0..40).map(|seed| noise(seed, CELLS)).collect::<Vec<_>>()));
    let mut difference: Vec<f32> = (100..140).flat_map(|seed| noise(seed, CELLS)).map(|value| 0.01 * value).collect();
    assert!(whole.structure(&difference).is_some_and(|found| found < 0.01));
    for (value, learned) in difference.iter_mut().zip(of_rank(2, 4)) {
        *value += 0.1 * learned;
    }
    assert!(whole.structure(&difference).is_some_and(|found| found > 0.2));
}

#[test]
fn a_large_matrix_that_two_models_share_does_not_hide_that_all_others_differ() {
    let mut large = noise(1, CELLS);
    large.iter_mut().for_each(|value| *value *= 1e4);
    let with = |seed: u64| {
        let small = (1..10).map(|place| noise(seed + place, CELLS));
        vectors(&model(&std::iter::once(large.clone()).chain(small).collect::<Vec<_>>()))
    };
    let (one, two) = (with(100), with(200));
    let apart = two.less(&one).expect("the same matrices");
    assert!(length(&apart) < 1e-3 * one.size);
    assert!((0.9..1.0).contains(&one.relative(&apart)), "{}", one.relative(&apart));
    assert_eq!(one.relative(&vec![0.0; apart.len()]), 0.0);
}

#[test]
fn models_with_other_matrices_cannot_be_subtracted_and_absent_vectors_are_zero() {
    let (one, two) = (model(&[noise(1, CELLS), noise(2, SIDE)]), model(&[noise(3, CELLS)]));
    let names = Names::of([&one, &two].into_iter());
    let of = |model: &ModelPrint| Vectors::new(model, &names).expect("it has matrices");
    let apart = of(&one).less(&of(&two)).expect("the same matrices");
    assert_eq!(apart.len(), CELLS + SIDE);
    assert_eq!(&apart[CELLS..], &noise(2, SIDE)[..]);
    let longer = model(&[noise(1, CELLS), noise(2, CELLS)]);
    assert!(of(&longer).less(&of(&two)).is_none());
    let renamed =
        ModelPrint { tensors: vec![TensorPrint { name: "n".to_owned(), ..one.tensors[0].clone() }], ..one.clone() };
    assert!(of(&renamed).less(&of(&two)).is_none());
    for broken in [vec![], vec![TensorPrint { sketch: vec![1.0], ..one.tensors[0].clone() }]] {
        assert!(Vectors::new(&ModelPrint { tensors: broken, ..one.clone() }, &names).is_none());
    }
}

#[test]
fn shares_are_those_that_a_mixture_was_made_of() {
    let (one, two) = (noise(1, 500), noise(2, 500));
    let mixed: Vec<f32> = one.iter().zip(&two).map(|(one, two)| 0.3 * one + 0.6 * two).collect();
    let [first, second] = shares(&mixed, &one, &two).expect("two directions");
    assert!((first - 0.3).abs() < 1e-5 && (second - 0.6).abs() < 1e-5, "{first} {second}");
    assert!(length(&without(&mixed, &[(first, &one), (second, &two)])) < 1e-3);
    assert_eq!(shares(&mixed, &one, &one), None);
}
