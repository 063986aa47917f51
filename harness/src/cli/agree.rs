//! `dethrone agree`: one decision for several validators.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::audit::audit_file;
use crate::evidence::{Agreement, AgreementError, Revealed, agree};
use crate::exit_status::ExitStatus;
use crate::files::write_whole;
use crate::printer::Printer;
use crate::problem::Problem;

/// Version of the stakes' file.
const VERSION: u32 = 1;

/// Arguments of `dethrone agree`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The validators' evidence of one window, each with the commitment that was published before.
    #[arg(required = true)]
    evidence: Vec<PathBuf>,
    /// The validators that count (JSON): `{"version": 1, "validators": [{"validator": KEY, "stake": N, "commitment": HASH}]}`.
    #[arg(long, value_name = "FILE")]
    stakes: PathBuf,
    /// Write the agreed record there; the setting `record` of the next window names it.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stakes {
    version: u32,
    validators: Vec<Staked>,
}

/// A validator that counts, whether it reveals a log or not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Staked {
    /// Its public key, as hexadecimal digits.
    validator: String,
    /// Its stake, in the chain's smallest unit.
    stake: u64,
    /// Hash of its log's last record, as it was published before any log was; none if it published none.
    commitment: Option<String>,
}

/// Checks the logs against commitments and stakes, decides on the median of their scores and writes the record.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let stakes = read_stakes(&arguments.stakes)?;
    let revealed: Vec<Revealed> =
        arguments.evidence.iter().map(|path| reveal(path, &stakes)).collect::<Result<_, _>>()?;
    let speaks = |staked: &&Staked| revealed.iter().any(|one| one.validator == staked.validator);
    let absent = stakes.validators.iter().filter(|staked| !speaks(staked)).map(|staked| staked.stake).sum();
    let agreement = agree(&revealed, absent).map_err(|error| agreement_problem(&error))?;
    write_whole(&arguments.output, agreement.record.text().as_bytes()).map_err(|cause| {
        Problem::new(ExitStatus::Store, format!("cannot write {}: {cause}", arguments.output.display()))
            .hint("--output names the file of the agreed record")
    })?;
    printer.data(&agreement, |agreement| text(agreement, &arguments.output))
}

fn read_stakes(path: &Path) -> Result<Stakes, Problem> {
    let refused = |cause: String| {
        Problem::new(ExitStatus::Source, format!("cannot use the stakes in {}: {cause}", path.display()))
            .hint("`dethrone agree --help` shows the file's form; `dethrone audit` prints a log's key and commitment")
    };
    let bytes = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let stakes: Stakes = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
    if stakes.version != VERSION {
        return Err(refused(format!("they have version {}, and {VERSION} is needed", stakes.version)));
    }
    let mut keys: Vec<&str> = stakes.validators.iter().map(|staked| staked.validator.as_str()).collect();
    keys.sort_unstable();
    if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(refused(format!("the validator {} stands there twice", pair[0])));
    }
    let total = stakes.validators.iter().try_fold(0_u64, |sum, staked| sum.checked_add(staked.stake));
    if total.is_none_or(|total| total == 0) {
        return Err(refused("they sum to nothing, or to more than 64 bits hold".to_owned()));
    }
    Ok(stakes)
}

/// Reads and checks a log, and holds it against its validator's commitment.
fn reveal(path: &Path, stakes: &Stakes) -> Result<Revealed, Problem> {
    let file = File::open(path).map_err(|error| {
        Problem::new(ExitStatus::Source, format!("cannot read the evidence {}: {error}", path.display()))
            .hint("check the path and its permissions")
    })?;
    let (audited, log) = audit_file(file)?;
    let refused = |cause: String| Problem::new(ExitStatus::EvidenceBroken, format!("{}: {cause}", path.display()));
    let staked = stakes.validators.iter().find(|staked| staked.validator == audited.validator);
    let staked = staked.ok_or_else(|| {
        refused(format!("its validator {} has no stake", audited.validator))
            .hint("leave it out, or add it to the stakes")
    })?;
    match &staked.commitment {
        Some(commitment) if *commitment == log.hash => {}
        Some(commitment) => {
            return Err(refused(format!("its hash is {}, and its validator committed to {commitment}", log.hash))
                .hint("leave it out: it was written, or changed, after the commitment"));
        }
        None => {
            return Err(refused("its validator has published no commitment".to_owned())
                .hint("leave it out: its scores may be copied from a log that was revealed before"));
        }
    }
    Ok(Revealed { validator: audited.validator, stake: staked.stake, log })
}

fn agreement_problem(error: &AgreementError) -> Problem {
    Problem::from_error(ExitStatus::Source, error)
        .hint("all logs must be of one window, begun from one record under the same deciding settings")
}

fn text(agreement: &Agreement, output: &Path) -> String {
    let Agreement { champion, dethroned, scores, disputed, bouts, record, .. } = agreement;
    let holder = champion.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    let how = if *dethroned { "dethrones the champion and holds" } else { "holds" };
    format!(
        "{holder} {how} the weight after the window of block {}\n{scores} scores agreed, {disputed} of them disputed; \
         {bouts} bouts decided, {} begun in the reign\nthe record for the next window: {}",
        record.seed_block,
        record.record.bouts,
        output.display()
    )
}
