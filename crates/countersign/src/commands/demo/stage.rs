//! Gateway and venue for the tour: ports of their own, a state folder that goes away with it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use countersign_client::{Carriage, Endpoint, Ladder, Options, Session};
use countersign_core::{Algorithm, Binding};
use countersign_gateway::config::{Override, Sources};
use countersign_handshake::CredentialFile;
use countersign_store::files::read_private;
use countersign_venue::Arrivals;
use serde_json::Value;

use super::tour::Tour;
use crate::commands::serve::{self, Running};
use crate::failure::Failure;
use crate::logging::{self, Log};

/// How long any one answer may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
/// Largest demo file.
pub(super) const FILE_BYTES_MAX: usize = 64 * 1024;

/// What the tour plays on.
pub(super) struct Stage {
    running: Running,
    folder: Folder,
    /// Where clients connect, as they name it.
    pub(super) authority: String,
    /// The demo account's native key.
    pub(super) credential: CredentialFile,
    /// The demo account's Binance key and secret.
    pub(super) api_key: String,
    pub(super) secret: String,
    _log: Log,
}

impl Stage {
    /// Starts everything.
    pub(super) async fn open(tour: &mut Tour) -> anyhow::Result<Self> {
        let folder = Folder::make()?;
        let sources = sources(&folder.path);
        let settings = serve::load(&sources)?;
        let log = logging::start(&settings.log);
        tour.section("A gateway and a paper venue, in this process")?;
        let starting = async {
            let running = Running::start(settings, sources, None).await?;
            let said = format!("https://{}, venue behind it, demo account with a key of each kind", running.address());
            Ok((running, said))
        };
        let running = tour.step("start", starting).await?.ok_or_else(|| Failure::environment("the demo's gateway did not start"))?;
        let authority = running.address().to_string();
        let credential = read_private(&running.state().demo.native(Algorithm::Ed25519), FILE_BYTES_MAX)?;
        let credential = CredentialFile::parse(std::str::from_utf8(&credential)?)?;
        let binance = read_private(&running.state().demo.binance(Algorithm::HmacSha256), FILE_BYTES_MAX)?;
        let binance: Value = serde_json::from_slice(&binance)?;
        let text = |member: &str| binance[member].as_str().map(str::to_owned).with_context(|| format!("the demo key file has no {member}"));
        let (api_key, secret) = (text("api_key")?, text("secret")?);
        Ok(Self { running, folder, authority, credential, api_key, secret, _log: log })
    }

    /// Stops everything. Blocks.
    pub(super) fn close(self, runtime: &tokio::runtime::Runtime) {
        self.running.stop(runtime);
        drop(self.folder);
    }

    /// What has arrived at the venue so far.
    pub(super) fn arrivals(&self) -> Arrivals {
        self.running.venue().map(countersign_venue::VenueHandle::arrivals).unwrap_or_default()
    }

    /// A client of the demo account.
    pub(super) fn options(&self, carriage: Carriage, bind: Binding) -> anyhow::Result<Options> {
        let mut options = Options::new(self.credential.clone())?;
        options.endpoint = Endpoint::parse(&self.authority)?;
        options.carriage = carriage;
        options.offer.bind = bind;
        options.deadline = DEADLINE;
        Ok(options)
    }

    /// An open session of the demo account on raw TLS.
    pub(super) async fn session(&self, options: &Options) -> anyhow::Result<(Session, Ladder)> {
        let mut ladder = Ladder::default();
        let session = Session::connect(options, &mut ladder).await?;
        Ok((session, ladder))
    }

    /// That nothing arrived at the venue since `before`.
    pub(super) fn nothing_arrived_since(&self, before: Arrivals) -> anyhow::Result<()> {
        let after = self.arrivals();
        ensure!(after == before, "something reached the venue: {before:?} before, {after:?} after");
        Ok(())
    }
}

/// Everything built in, but on free ports and quiet.
fn sources(folder: &std::path::Path) -> Sources {
    let set = |key: &str, value: String| Override { flag: "demo".to_owned(), key: key.to_owned(), value };
    let overrides = vec![
        set("state_dir", folder.display().to_string()),
        set("workers", "1".to_owned()),
        set("listen.address", "127.0.0.1:0".to_owned()),
        set("operator.address", "127.0.0.1:0".to_owned()),
        set("log.level", "error".to_owned()),
    ];
    // The environment is left out on purpose: the tour shows the built-in values.
    Sources { file: None, environment: Vec::new(), overrides }
}

/// A folder that is removed at the end, however the tour ends.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes one.
    pub(super) fn make() -> anyhow::Result<Self> {
        let temporary = std::env::temp_dir();
        if !temporary.is_dir() {
            return Err(Failure::environment(format!(
                "there is no folder {} for what is temporary; TMPDIR names another",
                temporary.display()
            )));
        }
        let path = temporary.join(format!("countersign-demo-{}", uuid::Uuid::new_v4().simple()));
        countersign_store::files::create_private_folder(&path)?;
        Ok(Self { path })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.path));
    }
}
