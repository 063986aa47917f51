//! `dethrone version`: the versions of everything that two validators have to have alike.

use serde::Serialize;

use crate::printer::Printer;
use crate::problem::Problem;
use crate::record::EVIDENCE_VERSION;

/// Versions of the program and its parts; two programs that differ in one may come to other results.
#[derive(Debug, Serialize)]
struct Version {
    version: &'static str,
    target: String,
    evidence: u32,
    guest: &'static str,
    environments: Vec<&'static str>,
}

/// Prints the versions.
pub(super) fn run(printer: &Printer) -> Result<(), Problem> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        evidence: EVIDENCE_VERSION,
        guest: sandbox_builder::COMPONENT_BLAKE3,
        environments: environments::catalog::names().collect(),
    };
    printer.data(&version, |version| {
        format!(
            "dethrone {}\ntarget         {}\nevidence       version {}\nsandbox guest  BLAKE3 {}\nenvironments   {}",
            version.version,
            version.target,
            version.evidence,
            version.guest,
            version.environments.join(", ")
        )
    })
}
