//! One P-256 CA, one server certificate and one client certificate for all contestants.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Where they are.
#[derive(Clone, Debug)]
pub(super) struct Certificates {
    /// The CA.
    pub(super) ca: PathBuf,
    /// Server certificate.
    pub(super) server: PathBuf,
    /// Its key.
    pub(super) server_key: PathBuf,
    /// Both in one file.
    pub(super) server_both: PathBuf,
    /// Client certificate and key in one file.
    pub(super) client_both: PathBuf,
}

const SERVER_EXTENSIONS: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n\
                                 subjectAltName=DNS:localhost,IP:127.0.0.1\n";
const CLIENT_EXTENSIONS: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n\
                                 subjectAltName=URI:bench:client\n";

impl Certificates {
    /// Makes them in `folder`.
    pub(super) fn make(folder: &Path) -> Result<Self> {
        let at = |name: &str| folder.join(name);
        let (ca, ca_key) = (at("ca.pem"), at("ca-key.pem"));
        key(&ca_key)?;
        openssl(&["req", "-x509", "-new", "-sha256", "-days", "2", "-subj", "/CN=bench CA", "-key", text(&ca_key)?, "-out", text(&ca)?])?;
        let issue = |name: &str, extensions: &str| -> Result<(PathBuf, PathBuf, PathBuf)> {
            let (certificate, private, both) =
                (at(&format!("{name}.pem")), at(&format!("{name}-key.pem")), at(&format!("{name}-both.pem")));
            let (request, extension_file) = (at(&format!("{name}.csr")), at(&format!("{name}.ext")));
            key(&private)?;
            fs::write(&extension_file, extensions)?;
            openssl(&["req", "-new", "-sha256", "-subj", &format!("/CN=bench {name}"), "-key", text(&private)?, "-out", text(&request)?])?;
            let mut sign =
                vec!["x509", "-req", "-sha256", "-days", "2", "-in", text(&request)?, "-CA", text(&ca)?, "-CAkey", text(&ca_key)?];
            sign.extend(["-CAcreateserial", "-extfile", text(&extension_file)?, "-out", text(&certificate)?]);
            openssl(&sign)?;
            fs::write(&both, [fs::read(&certificate)?, fs::read(&private)?].concat())?;
            fs::set_permissions(&both, fs::Permissions::from_mode(0o600))?;
            Ok((certificate, private, both))
        };
        let (server, server_key, server_both) = issue("server", SERVER_EXTENSIONS)?;
        let (_, _, client_both) = issue("client", CLIENT_EXTENSIONS)?;
        Ok(Self { ca, server, server_key, server_both, client_both })
    }
}

fn key(path: &Path) -> Result<()> {
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", text(path)?])?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o600))?)
}

fn openssl(arguments: &[&str]) -> Result<()> {
    let output = Command::new("openssl").args(arguments).output().context("openssl could not be started")?;
    if output.status.success() {
        return Ok(());
    }
    bail!("openssl {}: {}", arguments[0], String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the temporary folder has a strange name")
}
