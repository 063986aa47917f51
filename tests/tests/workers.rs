//! Workers on a Postgres database: a window that they play ends as one that the validator plays alone, whoever is killed.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tests::postgres::{Database, Server};
use tests::{Subnet, said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dethrone-under-test");

const SETTINGS: [&str; 6] = [
    "workers.enabled=true",
    "workers.block=8",
    "workers.ahead=2",
    "workers.compared=30",
    "workers.heartbeat_seconds=1",
    "workers.idle_seconds=300",
];

/// A process that is killed at the end of the test.
struct Process(Child);

impl Process {
    fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts"))
    }

    fn kill(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it was started");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A subnet whose rollouts workers make through this database.
fn subnet(database: &Database) -> Subnet {
    let subnet = Subnet::of_four(PROGRAM).same_validator();
    subnet.settings(&format!("database = '{}'", database.url()));
    subnet
}

fn flags() -> Vec<&'static str> {
    SETTINGS.iter().flat_map(|setting| ["--set", setting]).collect()
}

fn worker(subnet: &Subnet) -> Process {
    let arguments = [["work", "--config", "dethrone.toml"].as_slice(), &flags()].concat();
    Process::start(subnet.command(&arguments))
}

/// The evidence of the same window played by the validator alone.
fn alone() -> String {
    let subnet = Subnet::of_four(PROGRAM).same_validator();
    let output = tests::run(subnet.validate(&[]));
    assert!(output.status.success(), "{}", said(&output));
    subnet.result("evidence.jsonl").expect("the window ended")
}

/// Waits until so many rollouts of workers are stored.
fn wait_for(database: &Database, rollouts: i64) {
    for _ in 0..6_000 {
        if database.count("SELECT count(*) FROM worker_rollouts").is_some_and(|count| count >= rollouts) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{rollouts} rollouts did not come");
}

#[test]
fn a_window_that_two_workers_play_and_one_is_killed_ends_as_one_that_is_played_alone() {
    let Some(database) = Database::make() else { return };
    let subnet = subnet(&database);
    let validate = Process::start(subnet.validate(&flags()));
    // A worker waits for nothing: where the validator has not made the tables yet, it is started again.
    wait_for(&database, 0);
    let (mut first, _second) = (worker(&subnet), worker(&subnet));
    wait_for(&database, 10);
    first.kill();
    let output = finished(validate);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(subnet.result("evidence.jsonl").unwrap(), alone());
    assert_eq!(database.count("SELECT count(*) FROM dismissed_workers"), Some(0));
    let taken = "SELECT count(*) FROM rollouts WHERE NOT EXISTS (SELECT 1 FROM worker_rollouts AS made \
                 WHERE made.entry = rollouts.entry AND made.task = rollouts.task \
                 AND made.environment = rollouts.environment)";
    assert_eq!(database.count(taken), Some(0), "the validator made none itself");
}

#[test]
fn a_server_that_is_restarted_twice_under_load_loses_and_doubles_nothing() {
    let Some(server) = Server::start() else { return };
    let database = server.database();
    let subnet = subnet(&database);
    let validate = Process::start(subnet.validate(&flags()));
    wait_for(&database, 0);
    let _workers = [worker(&subnet), worker(&subnet)];
    for rollouts in [5, 40] {
        wait_for(&database, rollouts);
        server.restart();
    }
    let output = finished(validate);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(subnet.result("evidence.jsonl").unwrap(), alone());
}

#[test]
fn a_worker_without_a_server_is_told_what_it_needs() {
    let subnet = Subnet::of_four(PROGRAM);
    for (database, words) in [
        ("file.sqlite", "through a Postgres database"),
        ("postgres://ada:secret@nowhere/x", "PGPASSWORD"),
        ("postgres:///x?host=/nowhere", "see that the server runs"),
    ] {
        let output = tests::run(subnet.command(&["work", "--database", database]));
        assert!(!output.status.success() && said(&output).contains(words), "{}", said(&output));
    }
}

fn finished(mut process: Process) -> std::process::Output {
    let child = std::mem::replace(&mut process.0, Command::new("true").spawn().expect("there is such a command"));
    child.wait_with_output().expect("it was started")
}
