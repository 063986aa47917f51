//! Settings from files, flags and variables: what is read, what is shown, and what is refused in which words.

use std::path::{Path, PathBuf};

use models::decoder::Arithmetic;
use models::hub::HubKind;

use super::*;

/// The settings of a file with this text, and of flags.
fn read(text: &str, flags: &[&str]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dethrone.toml");
    std::fs::write(&file, text).unwrap();
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let settings = Sources::new(&Settings::default(), Some(&file), &flags).and_then(|sources| sources.settings());
    settings.map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "FOLDER"))
}

#[track_caller]
fn refuses(text: &str, flags: &[&str], expected: &str) {
    assert_eq!(read(text, flags).map(|_| ()), Err(expected.to_owned()), "{text:?} {flags:?}");
}

#[test]
fn a_file_without_settings_leaves_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read("", &[]).unwrap(), Settings::default());
    let none = Sources::new(&Settings::default(), None, &[]).unwrap().settings().unwrap();
    assert_eq!(none, Settings::default());
    let missing = Sources::new(&Settings::default(), Some(&folder.path().join("missing.toml")), &[]).unwrap_err();
    assert!(missing.to_string().starts_with("cannot read the settings file"), "{missing}");
}

#[test]
fn every_table_of_the_file_reaches_the_setting_of_its_name() {
    let text = r#"
        round = 4
        alpha = 0.05
        environments = [{ name = "sat" }, { name = "deduction", tier = 2 }]
        [hub]
        kind = "folder"
        folder = "/models"
        [duel]
        tolerance = 0.1
        better = "strict"
        [screens.copy]
        near_without_base = 0.5
        [weights]
        burn = 0.25
        [sampling]
        temperature = 0.7
        top_k = 40
        [admission]
        files = 7
        [engine]
        mode = "eight_bit"
        threads = 3
        [remote]
        interface = "completions"
        served = [{ model = "a/b@0000000000000000000000000000000000000000", by = "openai:m@http://127.0.0.1:8000/v1" }]
        [sandbox]
        slots = 2
        deadline_seconds = 9
    "#;
    let settings = read(text, &["engine.threads=5", "duel.budget=64"]).unwrap();
    let Settings { deciding, engine, hub, remote, sandbox, .. } = &settings;
    assert_eq!((deciding.round, deciding.alpha, deciding.duel.tolerance), (4, 0.05, 0.1));
    assert_eq!((deciding.duel.better, deciding.duel.budget), (pareto::Better::Strict, 64));
    assert_eq!((deciding.screens.copy.near_without_base, deciding.weights.burn), (0.5, 0.25));
    assert_eq!((deciding.sampling.temperature, deciding.sampling.top_k), (0.7, Some(40)));
    assert_eq!((deciding.admission.files, engine.mode, engine.threads), (7, Arithmetic::EightBit, 5));
    assert_eq!((hub.kind, hub.folder.as_deref()), (HubKind::Folder, Some(Path::new("/models"))));
    assert_eq!((remote.served.len(), remote.attempts, sandbox.slots, sandbox.deadline_seconds), (1, 6, 2, 9));
    let tiers: Vec<(&str, u8)> = settings.environments.iter().map(|it| (it.name.as_str(), it.tier)).collect();
    assert_eq!(tiers, [("sat", 0), ("deduction", 2)]);
}

#[test]
fn an_unknown_key_is_refused_with_its_source_and_the_nearest_known_one() {
    let file = "in FOLDER/dethrone.toml";
    for (text, start, end) in [
        ("tolerence = 0.1", format!("unknown setting `tolerence` {file}"), ""),
        ("alhpa = 0.1", format!("unknown setting `alhpa` {file}"), "; did you mean `alpha`?"),
        ("[duell]\nbudget = 1", format!("unknown setting `duell` {file}"), "; did you mean `duel`?"),
        ("[duel]\ntolerence = 0.1", format!("unknown setting `duel.tolerence` {file}"), "; did you mean `tolerance`?"),
        ("[screens.copy]\nnear = 1", format!("unknown setting `screens.copy.near` {file}"), ""),
        ("[engine]\ncontext = 1", format!("unknown setting `engine.context` {file}"), ""),
        ("[engine]\nrow = 1", format!("unknown setting `engine.row` {file}"), "; did you mean `rows`?"),
        ("[sandbox]\nlimits = {}", format!("unknown setting `sandbox.limits` {file}"), ""),
        ("[sandbox]\nslot = 1", format!("unknown setting `sandbox.slot` {file}"), "; did you mean `slots`?"),
        ("[remote]\nkey = \"sk\"", format!("unknown setting `remote.key` {file}"), ""),
        ("[hub]\nfolders = \"x\"", format!("unknown setting `hub.folders` {file}"), "; did you mean `folder`?"),
    ] {
        let error = read(text, &[]).unwrap_err();
        assert!(error.starts_with(&start) && error.ends_with(end), "{text:?}: {error}");
    }
    refuses("", &["rond=3"], "unknown setting `rond` in flag --set rond; did you mean `round`?");
    refuses("", &["engine.rosw=3"], "unknown setting `engine.rosw` in flag --set engine.rosw; did you mean `rows`?");
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_key() {
    for (flag, start) in [
        ("alpha=nan", "setting `alpha` in flag --set alpha: invalid type: "),
        ("round=many", "setting `round` in flag --set round: "),
        ("alpha=[1]", "setting `alpha` in flag --set alpha: "),
        ("duel.budget=-1", "setting `duel.budget` in flag --set duel.budget: "),
        ("duel.better=kind", "setting `duel.better` in flag --set duel.better: "),
        ("engine.mode=float16", "setting `engine.mode` in flag --set engine.mode: "),
        ("engine.prefix_cache=7", "setting `engine.prefix_cache` in flag --set engine.prefix_cache: "),
        ("sandbox.slots=1.5", "setting `sandbox.slots` in flag --set sandbox.slots: "),
        ("screens.base=nobody", "setting `screens.base` in flag --set screens.base: "),
    ] {
        let error = read("", &[flag]).unwrap_err();
        assert!(error.starts_with(start), "{flag}: {error}");
    }
    refuses(
        "",
        &["engine.mode=exakt"],
        "setting `engine.mode` in flag --set engine.mode: `exakt` is none of `exact`, `eight_bit`, `cuda`, `auto`; did you mean `exact`?",
    );
    refuses("", &["round"], "`--set round` is not of the form key=value");
}

#[test]
fn a_value_outside_its_range_is_refused_with_the_range() {
    for (flag, expected) in [
        ("environments=[]", "setting `environments` is empty; it must be a list of at least one environment"),
        ("round=0", "setting `round` is 0; it must be between 1 and 1000000"),
        ("alpha=0.0", "setting `alpha` is 0; it must be between 1e-60 and 0.5"),
        ("alpha=1.0", "setting `alpha` is 1; it must be between 1e-60 and 0.5"),
        ("sampling.temperature=-0.5", "setting `sampling.temperature` is -0.5; it must be 0 or more"),
        ("sampling.top_p=0.0", "setting `sampling.top_p` is 0; it must be above 0 and at most 1"),
        ("sampling.top_p=1.5", "setting `sampling.top_p` is 1.5; it must be above 0 and at most 1"),
        ("sampling.top_k=0", "setting `sampling.top_k` is 0; it must be at least 1"),
        ("sampling.context=0", "setting `sampling.context` is 0; it must be at least 1"),
        ("engine.rows=0", "setting `engine.rows` is 0; it must be at least 1"),
        ("engine.chunk=0", "setting `engine.chunk` is 0; it must be at least 1"),
        ("engine.page_tokens=48", "setting `engine.page_tokens` is 48; it must be a multiple of 32"),
        ("engine.page_tokens=0", "setting `engine.page_tokens` is 0; it must be a multiple of 32"),
        (
            "engine.pages=511",
            "setting `engine.pages` is 511; it must be 0, or enough pages for a text of sampling.context tokens",
        ),
        ("remote.in_flight=0", "setting `remote.in_flight` is 0; it must be at least 1"),
        ("remote.per_minute=0", "setting `remote.per_minute` is 0; it must be at least 1"),
        ("remote.timeout_seconds=0", "setting `remote.timeout_seconds` is 0; it must be at least 1"),
        ("remote.attempts=0", "setting `remote.attempts` is 0; it must be at least 1"),
        ("hub.kind=folder", "setting `hub.folder` is missing; it must be a folder, since hub.kind is \"folder\""),
    ] {
        refuses("", &[flag], expected);
    }
    assert!(read("", &["weights.burn=2.0"]).unwrap_err().starts_with("setting `weights.burn` is 2; it must be"));
    for fine in ["engine.pages=0", "engine.pages=512", "engine.threads=0", "sampling.top_p=1.0", "alpha=0.5"] {
        assert!(read("", &[fine]).is_ok(), "{fine}");
    }
}

#[test]
fn relative_paths_of_a_file_are_taken_from_its_folder_and_those_of_a_flag_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dethrone.toml");
    let text =
        "registry = \"r.json\"\nkey = \"/abs.key\"\nenvironments = [{ name = \"mine.py\" }, { name = \"sat\" }]\n";
    std::fs::write(&file, format!("{text}[hub]\nkind = \"folder\"\nfolder = \"hub\"\n")).unwrap();
    let sources = Sources::new(&Settings::default(), Some(&file), &["output=out".to_owned()]).unwrap();
    let settings = sources.settings().unwrap();
    assert_eq!(settings.registry, folder.path().join("r.json"));
    assert_eq!((settings.output, settings.key), (PathBuf::from("out"), Some(PathBuf::from("/abs.key"))));
    assert_eq!(settings.hub.folder, Some(folder.path().join("hub")));
    assert_eq!(settings.environments[0].name, folder.path().join("mine.py").display().to_string());
    assert_eq!(settings.environments[1].name, "sat");
}

#[test]
fn every_setting_is_shown_with_where_its_value_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dethrone.toml");
    std::fs::write(&file, "round = 3\n[sandbox]\nslots = 2\n").unwrap();
    let flags = ["engine.rows=7".to_owned()];
    let shown = Sources::new(&Settings::default(), Some(&file), &flags).unwrap().show().unwrap();
    let row = |key: &str| {
        let found = shown.iter().find(|setting| setting.key == key).unwrap_or_else(|| panic!("{key} is not shown"));
        (found.value.to_string(), found.source.clone())
    };
    assert_eq!(row("round"), ("3".to_owned(), file.display().to_string()));
    assert_eq!(row("sandbox.slots"), ("2".to_owned(), file.display().to_string()));
    assert_eq!(row("engine.rows"), ("7".to_owned(), "flag --set engine.rows".to_owned()));
    assert_eq!(row("alpha"), ("0.01".to_owned(), "default".to_owned()));
    assert_eq!(row("sandbox.deadline_seconds"), ("30".to_owned(), "default".to_owned()));
    for unlisted in ["engine.context", "sandbox.limits.fuel", "deciding.round"] {
        assert!(shown.iter().all(|setting| setting.key != unlisted), "{unlisted} is no key of the file");
    }
    let keys: Vec<&str> = shown.iter().map(|setting| setting.key.as_str()).collect();
    assert!(keys.is_sorted(), "{keys:?}");
}
