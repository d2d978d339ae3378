//! PostgreSQL and Redis for the length of the tour: private, reached by Unix sockets only, gone at the end.

use std::ffi::OsStr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::UnixStream;

use super::super::stage::Folder;
use crate::failure::Failure;

/// How long a server may take to answer: a first start writes 40 MB.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How often it is asked.
const POLL: Duration = Duration::from_millis(20);
/// `nobody`: PostgreSQL does not run as root.
const NOBODY: u32 = 65_534;
/// Where distributions put the programs of PostgreSQL that are not in the path.
const POSTGRES_FOLDERS: &str = "/usr/lib/postgresql";

/// The socket of PostgreSQL, in the folder of the servers.
pub(super) const POSTGRES_SOCKET: &str = ".s.PGSQL.5432";
/// The socket of Redis, beside it.
pub(super) const REDIS_SOCKET: &str = "redis.sock";

/// Both servers.
pub(super) struct Servers {
    /// Kept for what they end: the servers, what ends their group, then the folder.
    _processes: Vec<Process>,
    leash: Leash,
    folder: Folder,
}

/// Ends its whole process group when we are gone, however we went: who is killed with -9 drops nothing.
///
/// A shell that reads from a pipe of ours, because a signal at the death of a parent is asked for between fork and exec, which needs
/// unsafe code, and is forgotten where the child changes its user.
struct Leash {
    holder: Child,
}

/// The process group of all children.
#[derive(Clone, Copy)]
pub(super) struct Group(i32);

impl Leash {
    fn new() -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", "read -r _; kill -9 0"]).process_group(0).stdin(Stdio::piped());
        Ok(Self { holder: quiet(&mut command).spawn().context("cannot run sh")? })
    }

    fn group(&self) -> anyhow::Result<Group> {
        Ok(Group(i32::try_from(self.holder.id())?))
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

/// A child that does not outlive us.
pub(super) struct Process {
    child: Child,
}

impl Process {
    /// Starts `command` in the group, silent.
    pub(super) fn start(command: &mut Command, group: Group) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .process_group(group.0)
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        Ok(Self { child })
    }

    /// The process itself.
    pub(super) const fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// kill -9, and waits until it is gone.
    pub(super) fn kill(&mut self) {
        // A child that ended by itself is gone as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Servers {
    /// Starts both, and waits until they answer.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let (initdb, postgres) = (program(&["initdb"]), program(&["postgres"]));
        let redis = program(&["redis-server", "valkey-server"]);
        let (Some(initdb), Some(postgres), Some(redis)) = (initdb, postgres, redis) else {
            return Err(Failure::environment(
                "three nodes share a PostgreSQL and a Redis or Valkey, and this machine does not have both: apt install postgresql redis-server",
            ));
        };
        let folder = Folder::make()?;
        let owner = rustix::process::geteuid().is_root().then_some(NOBODY);
        let (data, socket) = (folder.path().join("postgres"), folder.path().join(REDIS_SOCKET));
        std::fs::create_dir(&data)?;
        if let Some(owner) = owner {
            chown(folder.path(), Some(owner), Some(owner))?;
            chown(&data, Some(owner), Some(owner))?;
        }
        make_database(&initdb, &data, owner)?;
        let leash = Leash::new()?;
        let group = leash.group()?;
        let sockets = folder.path();
        let processes = vec![
            Process::start(
                as_owner(
                    quiet(Command::new(postgres).arg("-D").arg(&data).arg("-k").arg(sockets).args(["-h", "", "-c", "max_connections=60"])),
                    owner,
                ),
                group,
            )?,
            Process::start(
                as_owner(
                    quiet(
                        Command::new(redis)
                            .args(["--port", "0", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--unixsocket"])
                            .arg(&socket),
                    ),
                    owner,
                ),
                group,
            )?,
        ];
        answers(&sockets.join(POSTGRES_SOCKET), "PostgreSQL").await?;
        answers(&socket, "Redis").await?;
        Ok(Self { _processes: processes, leash, folder })
    }

    /// Where whatever uses them is started, to end with us.
    pub(super) fn group(&self) -> anyhow::Result<Group> {
        self.leash.group()
    }

    /// Where their sockets are.
    pub(super) fn sockets(&self) -> &Path {
        self.folder.path()
    }
}

/// A fresh cluster of databases. It need not survive a power failure.
fn make_database(initdb: &Path, data: &Path, owner: Option<u32>) -> anyhow::Result<()> {
    let mut command = Command::new(initdb);
    command.arg("-D").arg(data).args(["--username=countersign", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    let status = as_owner(quiet(&mut command), owner).status()?;
    if status.success() { Ok(()) } else { Err(Failure::environment(format!("initdb failed: {status}"))) }
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/")
}

fn as_owner(command: &mut Command, owner: Option<u32>) -> &mut Command {
    match owner {
        Some(owner) => command.uid(owner).gid(owner),
        None => command,
    }
}

/// Waits until somebody takes connections there.
async fn answers(socket: &Path, what: &str) -> anyhow::Result<()> {
    let connected = async {
        while UnixStream::connect(socket).await.is_err() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(START_DEADLINE, connected).await.with_context(|| format!("{what} did not start"))
}

/// The first of `names` that is installed.
fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(versions(Path::new(POSTGRES_FOLDERS)));
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|candidate| candidate.is_file()))
}

/// `…/VERSION/bin`, the newest first.
fn versions(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).collect();
    let number = |path: &PathBuf| path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse::<u32>().ok());
    found.sort_by_key(|path| std::cmp::Reverse(number(path)));
    found.into_iter().map(|path| path.join("bin")).collect()
}
