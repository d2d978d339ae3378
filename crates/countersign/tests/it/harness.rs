//! Runs the binary: to its end, or as a server until it is stopped by its process id.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A configuration or an argument is wrong.
pub(crate) const USAGE: i32 = 2;
/// The surroundings do not allow it.
pub(crate) const ENVIRONMENT: i32 = 3;

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// The standard output of a command that succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The standard error of a command that failed with this code and in one go: no panic, something said.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        assert!(!self.stderr.trim().is_empty() && !self.stderr.contains("panicked"), "{}", self.stderr);
        self.stderr
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COUNTERSIGN_")) {
        command.env_remove(name);
    }
    // No colours, no terminal width of whoever runs the tests, no proxy log levels.
    command.args(arguments).env("NO_COLOR", "1").env_remove("COLUMNS").env_remove("RUST_LOG");
    command
}

/// Runs a command to its end with nothing on standard input.
pub(crate) fn run(arguments: &[&str]) -> Done {
    run_with(arguments, "")
}

/// Runs a command to its end with this on standard input.
pub(crate) fn run_with(arguments: &[&str], input: &str) -> Done {
    let mut child = command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read closes the pipe, which is its right.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    Done {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A long-running command with its ready line read.
pub(crate) struct Running {
    child: Child,
    /// What follows `ready: `.
    pub(crate) ready: String,
}

impl Running {
    /// Starts a command and waits for its ready line.
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.find_map(|line| line.unwrap().strip_prefix("ready: ").map(str::to_owned));
        let Some(ready) = ready else {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it ended with {} before it was ready: {said}", child.wait().unwrap());
        };
        // Nobody reads the rest; it must not fill the pipe and stop the server.
        let mut errors = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        std::thread::spawn(move || lines.count());
        Self { child, ready }
    }

    /// Asks it to end; the exit code.
    pub(crate) fn stop(mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `stop` it is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A state folder in a temporary folder.
pub(crate) struct State {
    folder: TempDir,
}

impl State {
    /// A folder that does not exist yet.
    pub(crate) fn absent() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// A folder as a gateway left it that ran once.
    pub(crate) fn made() -> Self {
        let state = Self::absent();
        assert_eq!(state.serve().stop(), 0);
        state
    }

    /// A gateway on free ports.
    #[track_caller]
    pub(crate) fn serve(&self) -> Running {
        Running::start(&["serve", "--state", &self.path(), "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--workers", "1"])
    }

    pub(crate) fn path(&self) -> String {
        self.file("state")
    }

    /// A path beside the state folder.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// A file of the state folder.
    pub(crate) fn inside(&self, name: &str) -> PathBuf {
        Path::new(&self.path()).join(name)
    }

    /// A path of the state folder as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.inside(name).to_str().unwrap().to_owned()
    }

    /// Runs a command on this state.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        let path = self.path();
        let mut all = arguments.to_vec();
        all.extend(["--state", &path]);
        run(&all)
    }

    /// A command's JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(arguments).succeeded()).unwrap()
    }
}
