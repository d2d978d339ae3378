//! `halt`, `lift`, `drill`, `operator`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use countersign_halt::{Action, HaltScope, Reason};

use super::StateArgs;

/// Stop trading, at once.
#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub(crate) struct HaltArgs {
    #[command(subcommand)]
    pub(crate) command: Option<HaltCommand>,
    /// Whom: venue, dialect:NAME, instrument:NAME, account:NAME, key:ID, session:ID or node:NAME.
    #[arg(long, default_value = "venue", value_parser = HaltScope::parse)]
    pub(crate) scope: HaltScope,
    /// What still passes: cancel-only (cancels and reductions), deny-new (cancels), freeze (reads), disconnect (nothing).
    #[arg(long, default_value = "cancel-only", value_parser = actions(&Action::ALL))]
    pub(crate) action: Action,
    /// Why, as a code that clients see.
    #[arg(long, value_name = "CODE", required = true, value_parser = reasons())]
    pub(crate) reason: Option<Reason>,
    /// Why, in words that only operators see.
    #[arg(long, default_value = "")]
    pub(crate) text: String,
    /// When somebody must look again (2h, 2027-01-01T00:00:00Z); the halt does not end then.
    #[arg(long, value_name = "TIME")]
    pub(crate) review: Option<String>,
    /// Ask the venues to cancel the resting orders of whoever is halted, too; `halt status` tells what they confirm.
    #[arg(long, conflicts_with = "local")]
    pub(crate) cancel: bool,
    /// Break the glass: stop the node of this state folder by the file HALT, without asking it: all of it, cancel-only.
    #[arg(long, conflicts_with_all = ["scope", "action", "review"])]
    pub(crate) local: bool,
    /// One JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HaltCommand {
    /// What is halted, and whether it is confirmed.
    Status {
        /// Show it again whenever it changes, until interrupted.
        #[arg(long)]
        watch: bool,
        /// One JSON object, one per line with --watch.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LiftCommand {
    /// Propose to lift halts, wholly or down to a weaker action; prints the proposal's name and its check words.
    Propose {
        /// Names of halts, as `halt status` shows them.
        #[arg(required = true)]
        halts: Vec<String>,
        /// What is to be left: deny-new or cancel-only, for a restart in stages; without it nothing.
        #[arg(long, value_name = "ACTION", value_parser = actions(STAGES))]
        stage: Option<Action>,
        /// Why.
        #[arg(long)]
        reason: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Show a proposal: what it lifts, who signed, what is in its way.
    Show {
        /// Its name.
        proposal: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Sign a proposal with an operator's key.
    Sign {
        /// Its name.
        proposal: String,
        /// The operator's name in the configuration.
        #[arg(long)]
        operator: String,
        /// The operator's private key, as `operator new` wrote it.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The check words that the proposer read out; another proposal is not signed.
        #[arg(long, value_name = "WORDS")]
        check: Option<String>,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Apply a proposal that has its signatures.
    Apply {
        /// Its name.
        proposal: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DrillCommand {
    /// Halt in rehearsal: the whole path, measured; what it would stop is counted, not stopped.
    Run(DrillRunArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DrillRunArgs {
    /// Whom, as for `halt`.
    #[arg(long, default_value = "venue", value_parser = HaltScope::parse, conflicts_with = "real")]
    pub(crate) scope: HaltScope,
    /// With which action.
    #[arg(long, default_value = "cancel-only", value_parser = actions(&Action::ALL))]
    pub(crate) action: Action,
    /// How often.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) count: u32,
    /// Raise and lift halts in earnest, each of a session that nobody has; stays in the store and the audit log.
    #[arg(long, requires_all = ["operator", "key"])]
    pub(crate) real: bool,
    /// With --real: who lifts, by the name in the configuration.
    #[arg(long, requires = "real")]
    pub(crate) operator: Option<String>,
    /// With --real: the operator's private key.
    #[arg(long, value_name = "FILE", requires = "real")]
    pub(crate) key: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Issue a client certificate for the operator port; it may do everything there, so each program and person gets one of its own.
    Certificate {
        /// Who or what it is for, as the audit log will name them: letters, digits, `.`, `_`, `-`.
        name: String,
        /// Where certificate and private key are written, together; must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// How long it is good: a duration up to `80d`; one certificate cannot be revoked by itself.
        #[arg(long, value_name = "DURATION", default_value = "80d")]
        expires: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Make an operator's key; prints the line for `halt.operators`.
    New {
        /// The operator's name: letters, digits, `.`, `_`, `-`.
        name: String,
        /// Where the private key is written; must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Why a halt is raised. Rehearsals have a command of their own, and this one stops people.
fn reasons() -> impl TypedValueParser<Value = Reason> {
    let shown = |reason: &Reason| PossibleValue::new(reason.name()).help(reason.doc()).hide(*reason == Reason::Drill);
    let names = PossibleValuesParser::new(Reason::ALL.iter().map(shown));
    names.map(|name| Reason::parse(&name).expect("only codes of reasons are possible"))
}

/// What a lift may leave: the weaker actions.
const STAGES: &[Action] = &[Action::CancelOnly, Action::DenyNew, Action::Freeze];

fn actions(possible: &'static [Action]) -> impl TypedValueParser<Value = Action> {
    let names = PossibleValuesParser::new(possible.iter().map(|action| action.name()));
    names.map(|name| Action::parse(&name).expect("only names of actions are possible"))
}
