//! The same values as OpenSSL's. Where its command line tool is not installed these tests say so and check nothing.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;

use countersign_pki::{
    ListenerPolicy, PrivateAuthority, RevokedCertificate, ServerCertificate, ServerCertificateRequest, ServerTls, TicketKeyRing, UnixTime,
    exporter_binding,
};
use rustls::time_provider::DefaultTimeProvider;
use rustls::{ServerConnection, StreamOwned};

fn openssl() -> Option<Command> {
    let found = Command::new("openssl").arg("version").output().is_ok();
    if !found {
        #[allow(clippy::print_stderr)]
        {
            eprintln!("skipped: no openssl on this machine");
        }
    }
    found.then(|| Command::new("openssl"))
}

#[test]
fn the_exporter_value_is_the_one_that_openssl_computes() {
    let Some(mut openssl) = openssl() else { return };
    let now = UnixTime::now();
    let authority = PrivateAuthority::create(now).unwrap();
    let issued = authority.issue_server(&ServerCertificateRequest::default(), now).unwrap();
    let tickets = Arc::new(TicketKeyRing::new(Arc::new(DefaultTimeProvider)).unwrap());
    let server = ServerTls::new(
        ListenerPolicy::new("public"),
        vec![ServerCertificate::from_issued(&issued).unwrap()],
        tickets,
        Arc::new(DefaultTimeProvider),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.certificate_pem()).unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ours = std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(server.current()).unwrap(), socket);
        stream.write_all(b"hello\n").unwrap();
        let _ = stream.read(&mut [0; 16]);
        exporter_binding(&stream.conn).unwrap()
    });
    let output = openssl
        .args(["s_client", "-connect", &address, "-servername", "localhost", "-verify_return_error"])
        .args(["-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32", "-CAfile"])
        .arg(&ca)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ours: String = ours.join().unwrap().iter().map(|byte| format!("{byte:02X}")).collect();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
    assert!(text.contains(&format!("Keying material: {ours}")), "{ours} is not in {text}");
}

#[test]
fn openssl_accepts_the_revocation_list() {
    let Some(mut openssl) = openssl() else { return };
    let now = UnixTime::now();
    let authority = PrivateAuthority::create(now).unwrap();
    let entry = RevokedCertificate { serial: "40ab".to_owned(), revoked_at: now };
    let folder = tempfile::tempdir().unwrap();
    let (ca, list) = (folder.path().join("ca.pem"), folder.path().join("ca.crl"));
    std::fs::write(&ca, authority.certificate_pem()).unwrap();
    authority.save_revocation_list(&list, &[entry], 7, now).unwrap();
    let output = openssl.args(["crl", "-noout", "-text", "-in"]).arg(&list).arg("-CAfile").arg(&ca).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let status = String::from_utf8_lossy(&output.stderr);
    assert!(status.contains("verify OK"), "{status}");
    assert!(text.contains("Serial Number: 40AB"), "{text}");
    assert!(text.lines().any(|line| line.trim() == "7"), "{text}");
}
