//! A PostgreSQL server of a test's own, on a socket in a folder of its own.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use countersign_store::DatabaseAddress;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use tempfile::TempDir;

/// The server refuses to run as root; this is whom it runs as then ("nobody" of Debian).
const NOBODY: u32 = 65_534;

/// A disk in memory, where a flush costs nothing; used if it is large enough for the tests that run side by side.
const MEMORY: &str = "/dev/shm";
const MEMORY_BYTES_MIN: u64 = 1 << 30;

pub struct PostgresServer {
    folder: TempDir,
    child: Child,
}

impl PostgresServer {
    pub fn start() -> Self {
        let folder = if in_memory() { tempfile::tempdir_in(MEMORY) } else { tempfile::tempdir() }.unwrap();
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = program("initdb", folder.path())
            .args(["-D", "data", "-U", "countersign", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let child = spawn(folder.path());
        Self { folder, child }
    }

    /// Makes a database; where it is.
    pub async fn database(&self, name: &str) -> DatabaseAddress {
        self.edit("postgres", format!("CREATE DATABASE \"{name}\"")).await.unwrap();
        self.address(name)
    }

    /// The folder of its socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn address(&self, name: &str) -> DatabaseAddress {
        let folder = self.folder.path().display();
        DatabaseAddress::parse(&format!("postgresql://countersign@localhost/{name}?host={folder}")).unwrap()
    }

    pub async fn raw(&self, name: &str) -> PgConnection {
        let options = PgConnectOptions::new().socket(self.folder.path()).username("countersign").database(name);
        options.connect().await.unwrap()
    }

    pub async fn edit(&self, name: &str, sql: String) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.raw(name).await).await.map(|_| ())
    }

    /// As a crash does it.
    pub fn stop(&mut self) {
        // Immediate shutdown: no goodbye to clients, nothing is written, but its shared memory is given back.
        Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = spawn(self.folder.path());
    }

    /// Starts again as one that only follows.
    pub fn start_as_standby(&mut self) {
        std::fs::write(self.folder.path().join("data/standby.signal"), "").unwrap();
        self.start_again();
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(folder: &Path) -> Child {
    let settings = ["listen_addresses=", "max_connections=40", "shared_buffers=8MB", "jit=off", "autovacuum=off"];
    let mut command = program("postgres", folder);
    command.args(["-D", "data", "-k"]).arg(folder);
    command.args(settings.iter().flat_map(|setting| ["-c", setting]));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let ready = |line: &std::io::Result<String>| {
        let line = line.as_ref().unwrap();
        line.contains("ready to accept connections") || line.contains("ready to accept read-only connections")
    };
    lines.find(ready).expect("the server says that it is ready").unwrap();
    // It goes on writing into a pipe that nobody reads, and does not mind.
    child
}

/// A program of the server, as a user that it accepts.
fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(installed().join(name));
    command.current_dir(folder).env("LC_ALL", "C");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn in_memory() -> bool {
    rustix::fs::statvfs(MEMORY).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= MEMORY_BYTES_MIN)
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Where Debian puts the newest version.
fn installed() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let newest = versions.max_by_key(|entry| entry.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    newest
        .map(|entry| entry.path().join("bin"))
        .expect("these tests need PostgreSQL: apt-get install postgresql (`cargo xtask test` does it)")
}
