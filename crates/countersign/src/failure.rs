//! How a command ends when it cannot do what was asked: one sentence on standard error and an exit code.

use std::io::Write as _;
use std::process::ExitCode;

use countersign_gateway::clock;
use countersign_gateway::identity::KeyFileError;
use countersign_pki::PkiError;
use countersign_store::StoreError;

/// The operating system or the state folder does not allow it: port taken, folder not writable, database damaged.
pub(crate) const ENVIRONMENT: u8 = 3;
/// The configuration or an argument is wrong.
pub(crate) const USAGE: u8 = 2;
/// It was tried and did not succeed: a refused login, a failed check.
pub(crate) const FAILED: u8 = 1;

/// A failure with its exit code; the sentence is the source's.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    sentence: String,
}

impl Failure {
    /// The configuration or an argument is wrong.
    pub(crate) fn usage(sentence: impl Into<String>) -> anyhow::Error {
        Self { code: USAGE, sentence: sentence.into() }.into()
    }

    /// The surroundings do not allow it.
    pub(crate) fn environment(sentence: impl Into<String>) -> anyhow::Error {
        Self { code: ENVIRONMENT, sentence: sentence.into() }.into()
    }

    /// A signal came before the end.
    pub(crate) fn interrupted(code: u8) -> anyhow::Error {
        Self { code, sentence: "interrupted; what was begun is taken away again".to_owned() }.into()
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Failure {}

/// Writes the sentence. When standard error is gone there is nobody to tell.
pub(crate) fn report(error: &anyhow::Error) {
    drop(writeln!(std::io::stderr(), "countersign: {}", sentence(error)));
}

/// The same as a line of a log of JSON, with the members that its other lines have. The log itself may not have begun.
pub(crate) fn report_as_log_line(error: &anyhow::Error) {
    let now = i64::try_from(clock::wall().as_micros()).ok().and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    let line = serde_json::json!({
        "timestamp": now.map(|now| now.to_string()), "level": "ERROR", "fields": { "message": sentence(error) },
    });
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// The failure and its causes, each once: some errors name their cause in their own words.
fn sentence(error: &anyhow::Error) -> String {
    error
        .chain()
        .skip(1)
        .map(ToString::to_string)
        .fold(error.to_string(), |said, cause| if said.ends_with(&cause) { said } else { format!("{said}: {cause}") })
}

/// The exit code of a failure: what it says itself, [`ENVIRONMENT`] for files and the database, else [`FAILED`].
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let surroundings =
        error.is::<KeyFileError>() || error.is::<PkiError>() || error.downcast_ref::<StoreError>().is_some_and(is_of_surroundings);
    if matches!(error.downcast_ref::<StoreError>(), Some(StoreError::AddressRefused { .. })) {
        return ExitCode::from(USAGE);
    }
    let code = error.downcast_ref::<Failure>().map_or(if surroundings { ENVIRONMENT } else { FAILED }, |failure| failure.code);
    ExitCode::from(code)
}

/// Whether the store could not do it, rather than what was asked of it being refused.
const fn is_of_surroundings(error: &StoreError) -> bool {
    !matches!(
        error,
        StoreError::AccountExists(_)
            | StoreError::AccountUnknown(_)
            | StoreError::AddressRefused { .. }
            | StoreError::CredentialUnknown(_)
            | StoreError::Field { .. }
            | StoreError::Key(_)
            | StoreError::KeyTaken { .. }
            | StoreError::MaterialRefused { .. }
            | StoreError::NameTaken { .. }
            | StoreError::NotActive(_)
            | StoreError::NotExplained { .. }
            | StoreError::PurposeRefuses { .. }
            | StoreError::Revoked(_)
            | StoreError::SecretIsPublicKey
            | StoreError::SessionUnknown(_)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use anyhow::{Context as _, anyhow};

    #[test]
    fn a_cause_that_is_named_already_is_not_named_again() {
        let error = anyhow!("no such file").context("cannot read a.json: no such file");
        assert_eq!(super::sentence(&error), "cannot read a.json: no such file");
    }

    #[test]
    fn a_cause_that_was_not_named_is() {
        let error = Err::<(), _>(anyhow!("not UTF-8")).context("a.pem is not a PEM file").unwrap_err();
        assert_eq!(super::sentence(&error), "a.pem is not a PEM file: not UTF-8");
    }
}
