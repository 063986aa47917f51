//! Soak: three validators as processes over one simulated subnet, with faults, kills, copies and dethronements.
//!
//! The parent moves the head on, kills and pauses validators, and checks every row that the chain has taken. A validator is
//! this test's own program with the service and its database, models, engine and evidence, as `dethrone validate` runs
//! them; only the chain is simulated. `DETHRONE_SOAK_WINDOWS` says how many windows; a few without it.

mod process;
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use process::Process;
use world::{LENGTH, Submitted, TEMPO, VALIDATORS, World};

/// The parent's view of a soak.
struct Soak {
    world: World,
    processes: Vec<Process>,
    windows: u64,
    kills_a_window: u64,
    kills: u64,
    /// For every validator and submission, the latest window that it had decided when the block began.
    decided: Vec<BTreeMap<u64, Option<u64>>>,
    /// Resident pages and file handles of the validator that is never killed, by window.
    sizes: Vec<(u64, usize, usize)>,
}

impl Soak {
    fn new(windows: u64, kills_a_window: u64) -> Self {
        let world = World::lay_out(tempfile::tempdir().unwrap().keep(), windows);
        world.set_head(LENGTH);
        let processes = (0..VALIDATORS).map(|validator| Process::start(&world.folder, validator)).collect();
        let decided = vec![BTreeMap::new(); VALIDATORS];
        Self { world, processes, windows, kills_a_window, kills: 0, decided, sizes: Vec::new() }
    }

    fn log(&self, validator: usize, window: u64) -> PathBuf {
        let folder = world::output(&self.world.folder, validator).join(format!("window-{}", window * LENGTH));
        folder.join("evidence.jsonl")
    }

    /// The latest window that a validator has verified and stored; its evidence is written before.
    fn latest(&self, validator: usize, before: u64) -> Option<u64> {
        (1..before).rev().find(|window| self.log(validator, *window).exists())
    }

    /// Moves the head on by one block. A machine that is busy elsewhere gives the first validator more time before its
    /// weights get too old: the soak finds those that are never set, and measures no speed.
    fn block(&mut self, head: u64) {
        for validator in 0..VALIDATORS {
            let latest = self.latest(validator, head / LENGTH);
            self.decided[validator].insert(head, latest);
        }
        self.world.set_head(head);
        let last = world::submissions(&self.world.folder, 0).last().map_or(head, |row| row.block);
        let is_old = head - last > TEMPO * 6 / 5;
        std::thread::sleep(Duration::from_millis(if is_old { 500 } else { 15 }));
    }

    /// Waits until the validators that are not slow have decided the window before the next one begins.
    fn wait_for(&self, window: u64) {
        for _ in 0..6_000 {
            if (0..VALIDATORS - 1).all(|validator| self.log(validator, window).exists()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("window {window} is not decided; see {}", self.world.folder.display());
    }

    fn run(&mut self) {
        for window in 1..=self.windows {
            for head in window * LENGTH..(window + 1) * LENGTH {
                self.block(head);
                for kill in 0..self.kills_a_window {
                    if head % LENGTH == World::draw(("kill", window, kill)) % LENGTH {
                        // The first validator is left alone, so that its memory can be followed.
                        let victim = 1 + (World::draw(("victim", window, kill)) % (VALIDATORS as u64 - 1)) as usize;
                        self.processes[victim].kill();
                        self.processes[victim] = Process::start(&self.world.folder, victim);
                        self.kills += 1;
                    }
                }
                if head % LENGTH == LENGTH / 2 {
                    self.wait_for(window);
                }
            }
            // The last validator is slow: it is kept from playing in every fifth window, and catches up later.
            self.processes[VALIDATORS - 1].control(if window % 5 == 3 { "pause" } else { "resume" });
            let (pages, handles) = self.processes[0].size();
            self.sizes.push((window, pages, handles));
        }
    }

    /// The champion's uid that a window's weights name, at a block.
    fn champion(&self, validator: usize, window: u64, block: u64) -> Option<u16> {
        let path = self.log(validator, window).with_file_name("weights.json");
        let weights: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).unwrap();
        let lines = weights["weights"].as_array().unwrap();
        let holders: Vec<&Value> = lines.iter().filter(|line| line["weight"].as_f64() != Some(0.0)).collect();
        assert_eq!(holders.len(), 1, "one miner holds all the weight");
        self.world.uid_of(holders[0]["hotkey"].as_str().unwrap(), block)
    }

    /// Checks every row that the chain has taken from a validator.
    fn check_rows(&self, validator: usize) -> usize {
        let rows = world::submissions(&self.world.folder, validator);
        // Blocks that a decision may take from its log to its row: one that is killed plays again what was not stored, and
        // the slow one is never waited for.
        let slack = [LENGTH, 2 * LENGTH, u64::MAX][validator];
        let mut before = 1;
        for Submitted { block, read_at, pairs, .. } in &rows {
            let positive: Vec<u16> = pairs.iter().filter(|pair| pair.1 > 0).map(|pair| pair.0.0).collect();
            assert_eq!(positive.len(), 1, "a row of {positive:?} in block {block} is partial or empty");
            let due = self.decided[validator].get(&read_at.saturating_sub(slack)).copied().flatten().unwrap_or(1);
            // A decision comes into force one window later, and never goes back.
            let (from, to) = (due.max(before), block / LENGTH - 1);
            let named = (from..=to).find(|window| self.champion(validator, *window, *read_at) == Some(positive[0]));
            let Some(named) = named else {
                panic!("validator {validator} gave {positive:?} in block {block}, which windows {from}..={to} do not")
            };
            before = named;
        }
        let ages = rows.windows(2).map(|pair| pair[1].block - pair[0].block);
        let oldest = ages.max().unwrap_or(0);
        assert!(validator != 0 || oldest * 2 <= TEMPO * 3, "weights were {oldest} blocks old");
        rows.len()
    }

    /// Checks that logs of one window are the same bytes; the number of comparisons.
    fn check_agreement(&self) -> usize {
        let mut compared = 0;
        for window in 1..=self.windows {
            let logs: Vec<Vec<u8>> =
                (0..VALIDATORS).filter_map(|validator| fs::read(self.log(validator, window)).ok()).collect();
            assert!(logs.windows(2).all(|pair| pair[0] == pair[1]), "window {window} was decided in several ways");
            compared += logs.len().saturating_sub(1);
        }
        compared
    }

    fn champions(&self) -> Vec<String> {
        let mut champions = Vec::new();
        for window in 1..=self.windows {
            let path = self.log(0, window).with_file_name("record.json");
            let record: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            let model = record["record"]["champion"]["model"].as_str().unwrap().to_owned();
            if champions.last() != Some(&model) {
                champions.push(model);
            }
        }
        champions
    }
}

/// True if a quantity has stayed the same within a share from window 20 on.
fn is_flat(sizes: &[(u64, usize)], share: f64) -> bool {
    let from = sizes.iter().find(|(window, _)| *window >= 20).map(|(_, size)| *size as f64);
    let to = sizes.last().map(|(_, size)| *size as f64);
    from.zip(to).is_none_or(|(from, to)| to <= from * (1.0 + share))
}

#[test]
fn validators_agree_and_never_give_a_wrong_weight_whatever_happens_to_them() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let windows = number("DETHRONE_SOAK_WINDOWS").unwrap_or(8);
    let mut soak = Soak::new(windows, number("DETHRONE_SOAK_KILLS").unwrap_or(1));
    soak.run();
    for process in &mut soak.processes {
        process.end();
    }
    let rows: Vec<usize> = (0..VALIDATORS).map(|validator| soak.check_rows(validator)).collect();
    let compared = soak.check_agreement();
    assert!(compared as u64 >= windows, "{compared} logs were compared");
    assert!(rows.iter().all(|rows| *rows as u64 >= windows), "{rows:?}");
    assert_eq!(soak.champions().len(), 3, "two dethronements: {:?}", soak.champions());
    let column =
        |of: fn(&(u64, usize, usize)) -> usize| soak.sizes.iter().map(|size| (size.0, of(size))).collect::<Vec<_>>();
    let (memory, handles) = (column(|size| size.1), column(|size| size.2));
    let told = |sizes: &[(u64, usize)]| sizes.iter().step_by(20).map(|size| size.1).collect::<Vec<_>>();
    println!(
        "{windows} windows, {} kills, rows {rows:?}, {compared} logs compared, memory {:?} pages, handles {:?}",
        soak.kills,
        told(&memory),
        told(&handles)
    );
    assert!(is_flat(&memory, 0.05), "{memory:?}");
    assert!(is_flat(&handles, 0.05), "{handles:?}");
    fs::remove_dir_all(&soak.world.folder).unwrap();
}

#[test]
#[ignore = "a validator of the soak, started by it"]
fn a_validator_of_the_soak() {
    let (Ok(folder), Ok(validator)) = (std::env::var("DETHRONE_SOAK"), std::env::var("DETHRONE_SOAK_VALIDATOR")) else {
        panic!("the soak starts this with variables of its own");
    };
    process::validate(Path::new(&folder), validator.parse().unwrap());
}
