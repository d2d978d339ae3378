//! The machine: what must be installed, which core does what, and what it was like during the run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

/// Core of the server under test.
const SERVER_CORE: &str = "0";
/// Core of load generator and upstream.
const CLIENT_CORE: &str = "1";
/// Debian packages of the peers.
const PACKAGES: &[(&str, &str)] = &[
    ("/usr/sbin/nginx", "nginx"),
    ("/usr/lib/nginx/modules/ngx_http_lua_module.so", "libnginx-mod-http-lua"),
    ("/usr/sbin/haproxy", "haproxy"),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/sbin/ip", "iproute2"),
];

/// The repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Whether a command exists and succeeds, quietly.
pub(super) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Installs what is missing, from Debian.
pub(super) fn provision() -> Result<()> {
    let missing: Vec<&str> = PACKAGES.iter().filter(|(file, _)| !Path::new(file).exists()).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(", "));
    let mut update = Command::new("apt-get");
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "--yes", "--no-install-recommends"]).args(&missing);
    if !succeeds(update.args(["update"])) || !succeeds(&mut install) {
        bail!("could not install {}: the rig needs Debian and root for that; install them yourself and run it again", missing.join(", "));
    }
    Ok(())
}

/// Builds the binary that is measured, with the profile that this program was built with: they lie side by side.
pub(super) fn build_gateway() -> Result<()> {
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(|folder| folder.file_name()).context("no folder of its own")?;
    let profile = if folder == "debug" { "dev".as_ref() } else { folder };
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(["build", "--quiet", "--package", "countersign", "--profile"]).arg(profile);
    if command.status().context("cargo could not be started")?.success() { Ok(()) } else { bail!("the gateway does not build") }
}

/// What the run had.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    /// Processor model and core count.
    pub(super) processor: String,
    /// Kernel release.
    pub(super) kernel: String,
    /// Whether servers and load ran before other jobs.
    pub(super) first: bool,
    /// Whether the run had a network namespace of its own.
    pub(super) own_network: bool,
    /// Load average over one minute when the run began.
    pub(super) load_average: f64,
    /// Congestion control on loopback.
    pub(super) congestion_control: String,
    /// Versions of the peers.
    pub(super) peers: Vec<String>,
}

impl Machine {
    /// Checks the cores, sets the network up and looks around.
    pub(super) fn prepare() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        if cores < 2 {
            bail!("the rig needs two cores, one for the server and one for the load; this machine has {cores}");
        }
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).context("raising the limit of open files")?;
        let own_network = prepare_network();
        let first = succeeds(Command::new("nice").args([FIRST, "true"]));
        // Sessions compete as groups before their processes do.
        prefer_session("-20");
        if !first {
            println!("warning: a higher priority is not permitted here; other jobs will be in the figures");
        }
        Ok(Self {
            processor: format!("{}, {cores} cores", processor()),
            kernel: read("/proc/sys/kernel/osrelease"),
            first,
            own_network,
            load_average: read("/proc/loadavg").split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN),
            congestion_control: read("/proc/sys/net/ipv4/tcp_congestion_control"),
            peers: vec![first_line("nginx", "-v"), first_line("haproxy", "-v"), first_line("openssl", "version")],
        })
    }

    /// Takes back what was done to the session that the rig runs in.
    pub(super) fn restore(&self) {
        prefer_session("0");
    }

    /// A program on the server core.
    pub(super) fn on_server_core(&self, program: &Path) -> Command {
        self.pinned(SERVER_CORE, program)
    }

    /// A program on the client core.
    pub(super) fn on_client_core(&self, program: &Path) -> Command {
        self.pinned(CLIENT_CORE, program)
    }

    fn pinned(&self, core: &str, program: &Path) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", core]);
        if self.first {
            command.args(["nice", FIRST]);
        }
        command.arg(program);
        command
    }
}

/// Before all ordinary jobs, but with turns among our own threads. Real time would give cleaner figures of a server with one thread;
/// the gateway writes its audit log and its sessions on threads of their own, which on a full core would never run.
const FIRST: &str = "--adjustment=-20";

/// Sets the niceness of the whole session among others, where the kernel groups by session (autogroup).
fn prefer_session(niceness: &str) {
    // Where it is not there or not permitted, the windows' own check of the server's core says what came of it.
    drop(fs::write("/proc/self/autogroup", niceness));
}

/// Loopback up, a congestion control without pacing, many ports. `true` when the namespace is our own.
fn prepare_network() -> bool {
    let own = fs::read_link("/proc/self/ns/net").ok() != fs::read_link("/proc/1/ns/net").ok();
    if own {
        succeeds(Command::new("ip").args(["link", "set", "lo", "up"]));
        // Where the kernel does not allow it, the run goes on with what is there, and says so.
        drop(fs::write("/proc/sys/net/ipv4/tcp_congestion_control", "reno"));
        drop(fs::write("/proc/sys/net/ipv4/ip_local_port_range", "1024 65000"));
    }
    own
}

fn processor() -> String {
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).and_then(|line| line.split_once(':'));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn first_line(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().next().unwrap_or(program).to_owned()
}
