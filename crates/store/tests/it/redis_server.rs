//! A Redis server of a test's own, on a socket in a folder of its own; or the server that `COUNTERSIGN_REDIS_SERVER` names, which is Valkey
//! in a level of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub struct RedisServer {
    folder: TempDir,
    child: Child,
}

impl RedisServer {
    pub fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(&folder, arguments);
        Self { folder, child }
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("socket").display())
    }

    pub fn command(&self, words: &[&str]) {
        let client = redis::Client::open(self.url()).unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query::<redis::Value>(&mut client.get_connection().unwrap()).unwrap();
    }

    /// A question whose answer is a number.
    pub fn number(&self, words: &[&str]) -> i64 {
        let client = redis::Client::open(self.url()).unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut client.get_connection().unwrap()).unwrap()
    }

    /// All keys and values, one behind the other.
    pub fn dump(&self) -> Vec<u8> {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        let names: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        let value = |name: &Vec<u8>| redis::cmd("DUMP").arg(name).query::<Vec<u8>>(&mut connection).unwrap();
        let values = names.iter().map(value).collect::<Vec<_>>().concat();
        [names.concat(), values].concat()
    }

    /// Where a thing of the shelf is.
    pub fn key_of(&self, name: &[u8; 16]) -> String {
        use aws_lc_rs::digest::{SHA256, digest};
        format!("{{countersign}}:shelf:{}", hex::encode(digest(&SHA256, name)))
    }

    /// As a crash does it.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = spawn(&self.folder, &[]);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(folder: &TempDir, arguments: &[&str]) -> Child {
    let program = std::env::var_os("COUNTERSIGN_REDIS_SERVER").unwrap_or_else(|| "redis-server".into());
    let mut command = Command::new(program);
    command.current_dir(folder.path()).args(["--port", "0", "--unixsocket", "socket", "--save", "", "--appendonly", "no"]).args(arguments);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("these tests need redis-server: apt-get install redis-server (`cargo xtask test` does it)");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains("eady to accept connections")).expect("redis-server says that it is ready").unwrap();
    // It goes on writing into a pipe that nobody reads, which it is told and does not mind.
    child
}
