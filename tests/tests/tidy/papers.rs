//! README and docs: every path, command and flag that they name exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tree::{files_below, none, root, shown};

/// The papers: Markdown files at the root and below `docs`.
fn papers() -> Vec<PathBuf> {
    let at_root = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let mut papers: Vec<PathBuf> =
        at_root.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    papers.extend(files_below(&root().join("docs"), "md"));
    papers.sort();
    papers
}

/// Code of a paper: spans in backquotes and lines of fenced blocks marked `sh`.
fn code(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    let mut spans = String::new();
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language) };
        } else if let Some(language) = fence {
            if language == "sh" {
                found.push(line.split(" #").next().unwrap_or_default().trim().to_owned());
            }
        } else {
            spans.push_str(line);
            spans.push('\n');
        }
    }
    found.extend(spans.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " ")));
    found
}

/// Targets of relative links.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let relative = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    relative.map(|target| target.split('#').next().unwrap_or_default()).collect()
}

#[test]
fn links_and_paths_of_the_papers_exist() {
    let root = root();
    let top: Vec<String> = fs::read_dir(&root)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().is_dir())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut complaints = Vec::new();
    for paper in papers() {
        let text = fs::read_to_string(&paper).unwrap();
        for link in links(&text) {
            if !paper.parent().unwrap().join(link).exists() {
                complaints.push(format!("{}: link to {link}", shown(&paper)));
            }
        }
        for span in code(&text) {
            for word in span.split_whitespace() {
                let path = word.trim_matches(|sign: char| "()[],;:\"'".contains(sign));
                let begins = path.split('/').next().is_some_and(|first| top.iter().any(|folder| folder == first));
                let pattern = path.contains(['*', '<', '{', '=', '$']) || !path.contains('/');
                if begins && !pattern && !root.join(path).exists() {
                    complaints.push(format!("{}: path {path}", shown(&paper)));
                }
            }
        }
    }
    none(complaints);
}

/// `--help` of a subcommand, or nothing where there is no such subcommand.
fn help(words: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_dethrone-under-test")).args(words).arg("--help").output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// The complaint about a command line that begins with `dethrone`, if it is wrong.
fn wrong_command(words: &[&str], known: &mut BTreeMap<String, Option<String>>) -> Option<String> {
    let is_name =
        |word: &&&str| word.chars().all(|sign| sign.is_ascii_lowercase() || sign == '-') && !word.starts_with('-');
    let names: Vec<&str> = words.iter().take_while(is_name).copied().take(2).collect();
    // The second word is a subcommand of these, or else an argument.
    let nested = ["cache", "chain", "env", "sandbox", "store", "weights"];
    let depth = names.first().map_or(0, |name| if nested.contains(name) { names.len() } else { 1 });
    let command = &names[..depth.min(names.len())];
    let text = known.entry(command.join(" ")).or_insert_with(|| help(command));
    let Some(text) = text else { return Some(format!("there is no command `{}`", command.join(" "))) };
    let flags = words.iter().filter_map(|word| word.trim_start_matches('[').strip_prefix("--"));
    let name = |flag: &str| flag.split(['=', ']']).next().unwrap_or_default().to_owned();
    flags
        .map(name)
        .find(|flag| !text.contains(&format!("--{flag}")))
        .map(|flag| format!("`dethrone {}` has no flag --{flag}", command.join(" ")))
}

#[test]
fn commands_and_flags_of_the_papers_exist() {
    let justfile = fs::read_to_string(root().join("justfile")).unwrap();
    let mut known = BTreeMap::new();
    let mut complaints = Vec::new();
    for paper in papers() {
        for span in code(&fs::read_to_string(&paper).unwrap()) {
            let line = span.strip_prefix("$ ").unwrap_or(&span);
            let words: Vec<&str> =
                line.split_whitespace().take_while(|word| !["|", ">", "&&"].contains(word)).collect();
            let wrong = match words.as_slice() {
                ["dethrone", rest @ ..] if !rest.is_empty() => wrong_command(rest, &mut known),
                ["cargo", "run", "--release", "--", rest @ ..] if !rest.is_empty() => wrong_command(rest, &mut known),
                ["just", recipe, ..] if !justfile.lines().any(|line| line.starts_with(&format!("{recipe}:"))) => {
                    Some(format!("there is no recipe `{recipe}`"))
                }
                _ => None,
            };
            complaints.extend(wrong.map(|wrong| format!("{}: {wrong}", shown(&paper))));
        }
    }
    none(complaints);
}

#[test]
fn no_paper_has_the_marks_of_an_unfinished_merge() {
    let is_mark = |line: &&str| ["<<<<<<< ", ">>>>>>> "].iter().any(|mark| line.starts_with(mark));
    let marked = |paper: &PathBuf| fs::read_to_string(paper).unwrap().lines().any(|line| is_mark(&line));
    none(papers().iter().filter(|paper| marked(paper)).map(|paper| shown(paper)).collect());
}

#[test]
fn the_changelog_names_the_version_of_the_workspace() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let version = manifest["workspace"]["package"]["version"].as_str().unwrap();
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(changelog.contains(&format!("## {version}")), "CHANGELOG.md has no section on {version}");
}

#[test]
fn code_in_papers_is_found_in_spans_and_shell_blocks() {
    let text = "see `a/b.rs`\n```sh\ndethrone eval M   # a remark\n```\n```text\nnothing\n```\nand `x\ny`.";
    assert_eq!(code(text), ["dethrone eval M", "a/b.rs", "x y"]);
    assert_eq!(links("[a](b/c.md#part) [d](https://e) [f](#g)"), ["b/c.md"]);
    assert!(Path::new(&root()).join("README.md").exists());
}
