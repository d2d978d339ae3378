//! Where the tasks run: the root of the tree, the folder for what is installed, and how a program is started and logged.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::limits;

/// The tree, the folder beside it, and how often faults are played.
pub(crate) struct Machine {
    root: PathBuf,
    fault_rounds: u32,
}

/// What a program said and how it ended.
pub(crate) struct Finished {
    /// Standard output and standard error, in the order written.
    pub(crate) text: String,
    /// Whether its exit code was 0.
    pub(crate) success: bool,
}

impl Machine {
    /// The tree this task was built from.
    pub(crate) fn here() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies one folder below the root")?;
        ensure!(root.join("Cargo.toml").is_file(), "no Cargo.toml in {}: was the tree moved after xtask was built?", root.display());
        Ok(Self { root: root.to_path_buf(), fault_rounds: limits::FAULT_ROUNDS })
    }

    /// The same, where faults are played so often.
    pub(crate) fn with_fault_rounds(self, fault_rounds: u32) -> Self {
        Self { fault_rounds, ..self }
    }

    /// How often each fault is played.
    pub(crate) fn fault_rounds(&self) -> u32 {
        self.fault_rounds
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    /// A path below the folder of installed things.
    pub(crate) fn env_path(&self, below: &str) -> PathBuf {
        self.root.join(".test-env").join(below)
    }

    /// The cargo that runs this task, without what it told this task about itself.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).env("CARGO_TERM_COLOR", "never");
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Any other program, started in the root.
    pub(crate) fn program(&self, name: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root);
        command
    }

    /// Runs a program with its output going to `.test-env/logs/<log>.log`; ends it, and what it started, after `limit`.
    ///
    /// # Errors
    /// When it cannot be started or does not end in time. A program that ends with an error is an answer, not an error.
    pub(crate) fn run(&self, log: &str, command: &Command, limit: Duration) -> Result<Finished> {
        let path = self.env_path("logs").join(format!("{log}.log"));
        fs::create_dir_all(self.env_path("logs"))?;
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let status = with_limit(command, limit)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .status()
            .with_context(|| format!("{} could not be started", command.get_program().display()))?;
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        if status.code() == Some(TIMED_OUT) {
            bail!("not finished after {} s, ended; log: {}\n{}", limit.as_secs(), path.display(), tail(&text));
        }
        Ok(Finished { text, success: status.success() })
    }

    /// As [`Machine::run`], for programs that must succeed.
    pub(crate) fn must(&self, log: &str, command: &Command, limit: Duration) -> Result<String> {
        let finished = self.run(log, command, limit)?;
        ensure!(finished.success, "{}\n{}", describe(command), tail(&finished.text));
        Ok(finished.text)
    }
}

/// What `timeout` of the core utilities answers when the time is up.
const TIMED_OUT: i32 = 124;

/// The same command under `timeout`, which also ends grandchildren; the standard library alone cannot.
fn with_limit(command: &Command, limit: Duration) -> Command {
    let mut limited = Command::new("timeout");
    limited.arg("--kill-after=10").arg(limit.as_secs().to_string()).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited
}

/// The command as one would type it.
fn describe(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    format!("failed: {line}")
}

/// The last lines of a log.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(crate::limits::LOG_TAIL_LINES)..].join("\n")
}

/// Runs `work` and says how long it took.
#[expect(clippy::disallowed_methods, reason = "the one clock of the tasks: how long a step took")]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

/// Whether a program of this name can be started.
pub(crate) fn has_program(name: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}
