//! `connect`: a client of the gateway for people at a prompt and for programs in a pipe.
//!
//! ```text
//!   credential file ─▶ TLS ─▶ hello ─▶ welcome verified ─▶ contract shown ─▶ lines in ─▶ messages out
//! ```
//!
//! Nothing is retried with weaker settings: when a check fails its name is the error, and the steps before it are shown.

mod advice;
mod over_http;
mod over_session;
mod prompt;
pub(super) mod show;
mod stdin;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use countersign_client::{Carriage, Endpoint, Ladder, Options};
use countersign_core::Scopes;
use countersign_handshake::CredentialFile;
use countersign_handshake::contract::{Choice, Quantity};
use countersign_store::files::read_private;

use super::{output, run_async, trust};
use crate::cli::{self, ConnectArgs};
use crate::failure::Failure;
use crate::state;

/// Largest credential file read: a few keys and CA certificates.
const CREDENTIAL_FILE_BYTES_MAX: usize = 256 * 1024;
/// How long after the end of piped input outstanding answers are waited for.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// Connects and runs until the input ends.
pub(super) fn run(args: &ConnectArgs) -> anyhow::Result<ExitCode> {
    let options = options(args)?;
    run_async(async {
        let mut ladder = Ladder::default();
        let outcome = match args.carriage {
            cli::Carriage::Http => over_http::run(&options, args.json, &mut ladder).await,
            cli::Carriage::Raw | cli::Carriage::Websocket => over_session::run(&options, args.json, &mut ladder).await,
        };
        outcome.map(|()| ExitCode::SUCCESS).map_err(|error| advice::of_connecting(error, &options))
    })
}

/// The credential file, and what the flags say differently.
fn options(args: &ConnectArgs) -> anyhow::Result<Options> {
    let file = args.credential.display();
    if !state::is_there(&args.credential)? {
        return Err(Failure::usage(format!(
            "there is no file {file}; `countersign key new --out {file}` makes one, and the first `serve` some in its state folder, under demo/"
        )));
    }
    let text = read_private(&args.credential, CREDENTIAL_FILE_BYTES_MAX)?;
    let text = std::str::from_utf8(&text).with_context(|| format!("{file} is not text"))?;
    let mut credential =
        CredentialFile::parse(text).map_err(|error| Failure::usage(format!("{file}: {}", advice::of_credential(&error, text))))?;
    if let Some(url) = &args.url {
        credential.url.clone_from(url);
    }
    Endpoint::parse(&credential.url).map_err(|error| Failure::usage(error.to_string()))?;
    let mut options = Options::new(credential)?;
    let also = args.also.iter().map(|url| Endpoint::parse(url).map_err(|error| Failure::usage(error.to_string())));
    options.also = also.collect::<Result<_, _>>()?;
    options.carriage = match args.carriage {
        cli::Carriage::Http => Carriage::Http,
        cli::Carriage::Raw => Carriage::Raw,
        cli::Carriage::Websocket => Carriage::WebSocket,
    };
    options.offer.bind = args.bind.into();
    let want = &mut options.offer.want;
    want.quantities.insert(Quantity::ResumeS, args.resume);
    want.quantities.insert(Quantity::CodGraceMs, args.cod_grace_ms);
    want.quantities.extend(args.life.map(|life| (Quantity::LifeS, life)));
    want.choices.insert(Choice::Cod, vec![args.cod.word().to_owned()]);
    if args.cod != cli::CodArg::None {
        // Whoever asks that orders are cancelled means it: a gateway that does not do it is refused.
        options.offer.need.choices.insert(Choice::Cod, [args.cod.word().to_owned()].into());
        want.choices.insert(Choice::CodClass, vec![args.cod_class.word().to_owned()]);
        options.offer.need.choices.insert(Choice::CodClass, [args.cod_class.word().to_owned()].into());
    }
    if let Some(path) = &args.ca {
        options.trust = trust::of_file(path)?;
    } else if options.trust.is_empty() {
        options.trust = trust::of_system();
    }
    if let Some(scopes) = &args.want {
        options.offer.want.scopes = Scopes::parse(scopes).map_err(|error| Failure::usage(format!("--want: {error}")))?;
    }
    Ok(options)
}

/// Shows what went well before an error, so that the step that failed is plain.
fn show_broken(ladder: &Ladder, as_json: bool) {
    if !as_json {
        output::note(show::ladder(ladder));
    }
}
