//! Folders of evaluations.

use std::fs;

use super::*;

#[test]
fn evaluations_of_other_models_files_opponents_seeds_and_limits_are_kept_apart() {
    let place = tempfile::tempdir().unwrap();
    let source = |name: &str| -> ModelSource { place.path().join(name).to_str().unwrap().parse().unwrap() };
    fs::create_dir(place.path().join("tuned")).unwrap();
    fs::write(place.path().join("a.gguf"), "one").unwrap();
    let (folder_model, file_model) = (source("tuned"), source("a.gguf"));
    let hub: ModelSource = format!("o/a.gguf@{}", "0".repeat(40)).parse().unwrap();
    let settings = Settings::default();
    let name = |model: &ModelSource, against: Option<&ModelSource>, seed| folder(&settings, model, against, seed);
    let before = name(&folder_model, None, 0);
    assert_eq!(before, name(&folder_model, None, 0));
    assert!(before.starts_with("tuned-") && before.ends_with("-seed0"), "{before}");

    let mut names = vec![before];
    fs::write(place.path().join("tuned/config.json"), "{}").unwrap();
    names.push(name(&folder_model, None, 0));
    fs::write(place.path().join("tuned/config.json"), "{ }").unwrap();
    names.push(name(&folder_model, None, 0));
    names.push(name(&file_model, None, 0));
    fs::write(place.path().join("a.gguf"), "other").unwrap();
    names.extend([None, Some(&hub), Some(&folder_model)].map(|against| name(&file_model, against, 0)));
    names.push(name(&hub, None, 0));
    names.push(name(&hub, None, 1));
    let mut strict = settings.clone();
    strict.deciding.admission.bytes = 1;
    names.push(folder(&strict, &hub, None, 0));
    let count = names.len();
    assert!(names.iter().all(|name| !name.contains('/') && name.is_ascii()), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}

#[test]
fn a_folder_that_is_named_for_one_evaluation_holds_it_and_no_other() {
    let root = tempfile::tempdir().unwrap();
    let named = root.path().join("out");
    let at = |is_shared: bool, name: &str| place(&named, is_shared, name.to_owned()).unwrap();
    assert_eq!(at(true, "a-seed0"), named.join("a-seed0"));
    assert_eq!(at(false, "a-seed0"), named, "nothing lies there");
    assert_eq!(at(false, "a-seed0"), named, "the same lies there");
    assert_eq!(at(false, "b-seed0"), named.join("b-seed0"));
    assert_eq!(at(true, "a-seed0"), named.join("a-seed0"));
    let other = root.path().join("validated");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("dethrone.sqlite"), "a validator's").unwrap();
    assert_eq!(place(&other, false, "a-seed0".to_owned()).unwrap(), other.join("a-seed0"));
    fs::write(root.path().join("file"), "no folder").unwrap();
    assert!(place(&root.path().join("file"), false, "a".to_owned()).is_err());
}
