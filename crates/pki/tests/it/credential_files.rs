//! Certificates and keys from files: each mistake is named, with the file it is in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_pki::{
    CertificateIdentities, ClientCertificate, ClientCertificateRequest, ClientTls, ListenerPolicy, PkiError, PrivateAuthority,
    RevocationLists, ServerCertificate, ServerCertificateRequest, ServerTls, SniPolicy, TrustBundle,
};
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls::time_provider::TimeProvider;
use rustls_pki_types::CertificateDer;

use crate::harness::{DAY, START, World, at};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

/// A folder with `server.pem`, `server-key.pem`, `client.pem`, `client-key.pem` and `ca.pem`.
fn issued() -> (Folder, PrivateAuthority) {
    let folder = Folder::new();
    let authority = PrivateAuthority::create(at(START)).unwrap();
    let server = authority.issue_server(&ServerCertificateRequest::default(), at(START)).unwrap();
    folder.write("server.pem", server.certificate_pem());
    folder.write("server-key.pem", server.key_pem());
    let request = ClientCertificateRequest::new("alice", "countersign:operator:alice");
    let client = authority.issue_client(&request, at(START)).unwrap();
    folder.write("client.pem", client.certificate_pem());
    folder.write("client-key.pem", client.key_pem());
    folder.write("ca.pem", authority.certificate_pem());
    (folder, authority)
}

fn load(chain: &Path, key: &Path) -> Result<ServerCertificate, PkiError> {
    ServerCertificate::load(chain, key, at(START))
}

#[test]
fn loads_a_pair_of_files() {
    let (folder, _) = issued();
    let server = load(&folder.path("server.pem"), &folder.path("server-key.pem")).unwrap();
    assert!(server.is_valid_for("localhost") && server.is_valid_for("::1") && !server.is_valid_for("example.com"));
    ClientCertificate::load(&folder.path("client.pem"), &folder.path("client-key.pem"), at(START)).unwrap();
}

#[test]
fn each_mistake_is_named_with_its_file() {
    let (folder, _) = issued();
    let (server, server_key) = (folder.path("server.pem"), folder.path("server-key.pem"));
    let client_key = folder.path("client-key.pem");
    let absent = folder.path("absent.pem");
    let junk = folder.write("junk.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let cut = folder.write("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB");
    for (chain, key, parts) in [
        (&absent, &server_key, ["absent.pem", "cannot read"]),
        (&server, &absent, ["absent.pem", "cannot read"]),
        (&server_key, &server_key, ["server-key.pem", "no certificate"]),
        (&cut, &server_key, ["cut.pem", "not valid PEM"]),
        (&server, &junk, ["junk.pem", "cannot be used"]),
        (&server, &client_key, ["client-key.pem", "does not belong to the certificate in"]),
        (&folder.path("ca.pem"), &server_key, ["ca.pem", "a CA certificate"]),
        (&folder.path("client.pem"), &client_key, ["client.pem", "not made for serverAuth"]),
    ] {
        let text = load(chain, key).unwrap_err().to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    let keyless = folder.write("keyless.pem", &fs::read_to_string(&server).unwrap());
    assert!(load(&server, &keyless).unwrap_err().to_string().contains("no private key"));
    let swapped = ClientCertificate::load(&server, &server_key, at(START));
    assert!(matches!(swapped, Err(PkiError::WrongPurpose { purpose: "clientAuth", .. })));
}

#[test]
fn dates_are_told_as_dates() {
    let (folder, _) = issued();
    let paths = (folder.path("server.pem"), folder.path("server-key.pem"));
    let late = ServerCertificate::load(&paths.0, &paths.1, at(START + 81 * DAY)).unwrap_err();
    assert!(late.to_string().ends_with("expired on 2027-04-05T08:00:00Z"), "{late}");
    let early = ServerCertificate::load(&paths.0, &paths.1, at(START - DAY)).unwrap_err();
    assert!(early.to_string().ends_with("not valid before 2027-01-15T07:55:00Z"), "{early}");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let (folder, _) = issued();
    let key = folder.path("server-key.pem");
    for bits in [0o640, 0o604, 0o666] {
        fs::set_permissions(&key, fs::Permissions::from_mode(bits)).unwrap();
        let text = load(&folder.path("server.pem"), &key).unwrap_err().to_string();
        assert!(text.contains("server-key.pem") && text.contains(&format!("{bits:04o}")), "{text}");
    }
}

#[test]
fn a_server_certificate_without_a_host_name_is_refused() {
    let folder = Folder::new();
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, "localhost");
    let chain = folder.write("chain.pem", &parameters.self_signed(&key).unwrap().pem());
    let key = folder.write("key.pem", &key.serialize_pem());
    assert!(matches!(load(&chain, &key), Err(PkiError::NoServerName { .. })), "a common name is not enough");
}

/// Which of these names a listener serves whose one certificate was made elsewhere, for `names` and under a common name.
fn served<'n>(names: &[SanType], asked: &[&'n str]) -> Vec<&'n str> {
    let folder = Folder::new();
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, "old.example");
    parameters.subject_alt_names = names.to_vec();
    let chain = folder.write("chain.pem", &parameters.self_signed(&key).unwrap().pem());
    let key = folder.write("key.pem", &key.serialize_pem());
    let policy = ListenerPolicy { sni: SniPolicy::Known, ..ListenerPolicy::new("public") };
    let world = World::new();
    let clock = Arc::clone(&world.clock) as Arc<dyn TimeProvider>;
    let server = ServerTls::new(policy, vec![load(&chain, &key).unwrap()], Arc::clone(&world.tickets), clock).unwrap();
    let snapshot = server.snapshot();
    assert!(snapshot.serves(None), "a client of an address sends no name");
    asked.iter().copied().filter(|name| snapshot.serves(Some(name))).collect()
}

#[test]
fn the_names_that_are_served_are_those_for_which_a_client_would_accept_the_certificate() {
    let named = ["*.trade.example", "api.example"].map(|name| SanType::DnsName(name.try_into().unwrap()));
    let good = ["api.example", "API.Example", "api.example.", "a.trade.example"];
    let bad = ["a.b.trade.example", "trade.example", "*.trade.example", "xapi.example", "api.example.evil.example", "old.example", ".", ""];
    assert_eq!(served(&named, &[&good[..], &bad[..]].concat()), good);
    // Clients of old times look at the common name where there is no DNS name.
    let address = [SanType::IpAddress("192.0.2.1".parse().unwrap())];
    assert_eq!(served(&address, &["old.example", "api.example"]), ["old.example"]);
}

#[test]
fn a_chain_above_the_bound_is_refused() {
    let (folder, authority) = issued();
    let server = fs::read_to_string(folder.path("server.pem")).unwrap();
    let chain = folder.write("long.pem", &(server + &authority.certificate_pem().repeat(4)));
    assert!(matches!(load(&chain, &folder.path("server-key.pem")), Err(PkiError::LimitExceeded { .. })));
}

#[test]
fn trust_takes_ca_certificates_only_and_its_hash_names_the_set() {
    let (folder, first) = issued();
    let second = PrivateAuthority::create(at(START)).unwrap();
    let second_path = folder.write("second.pem", second.certificate_pem());
    let leaf = TrustBundle::from_files(&[folder.path("server.pem")]);
    assert!(matches!(leaf, Err(PkiError::WrongKind { .. })));
    let one_way = TrustBundle::from_files(&[folder.path("ca.pem"), second_path]).unwrap();
    let both = format!("{}{}", second.certificate_pem(), first.certificate_pem());
    let other_way = TrustBundle::from_pem(both.as_bytes()).unwrap();
    assert_eq!((one_way.len(), one_way.hash()), (2, other_way.hash()));
    assert_ne!(first.trust().unwrap().hash(), one_way.hash());
    assert_ne!(first.trust().unwrap().hash(), TrustBundle::empty().hash());
}

#[test]
fn a_client_that_trusts_nobody_is_not_built() {
    assert!(ClientTls::new(TrustBundle::empty()).build().is_err());
}

#[test]
fn revocation_lists_are_read_or_named() {
    let (folder, authority) = issued();
    let list = folder.path("ca.crl");
    authority.save_revocation_list(&list, &[], 1, at(START)).unwrap();
    assert_eq!(RevocationLists::from_files(&[&list]).unwrap().len(), 1);
    let wrong = RevocationLists::from_files(&[folder.path("ca.pem")]).unwrap_err();
    assert!(matches!(wrong, PkiError::MalformedRevocationList { .. }) && wrong.to_string().contains("ca.pem"));
}

fn identities(parameters: &CertificateParams) -> Result<CertificateIdentities, PkiError> {
    let key = KeyPair::generate().unwrap();
    CertificateIdentities::from_der(parameters.self_signed(&key).unwrap().der())
}

#[test]
fn every_kind_of_name_is_read() {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, "alice");
    parameters.subject_alt_names = vec![
        SanType::DnsName("a.example".try_into().unwrap()),
        SanType::URI("countersign:account:7".try_into().unwrap()),
        SanType::Rfc822Name("alice@example.com".try_into().unwrap()),
        SanType::IpAddress("192.0.2.1".parse().unwrap()),
    ];
    let read = identities(&parameters).unwrap();
    assert_eq!(read.common_name.as_deref(), Some("alice"));
    assert_eq!(read.dns_names, ["a.example"]);
    assert_eq!(read.uris, ["countersign:account:7"]);
    assert_eq!(read.emails, ["alice@example.com"]);
    assert_eq!(read.ip_addresses, ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(read.spki_sha256.len(), 43);
    assert_eq!(read.certificate_sha256.len(), 43);
}

#[test]
fn names_with_control_characters_and_too_many_names_are_refused() {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, "alice\0.evil.example");
    assert!(matches!(identities(&parameters), Err(PkiError::MalformedCertificate { .. })));

    let mut parameters = CertificateParams::default();
    parameters.subject_alt_names = vec![SanType::DnsName("a.example\0.evil".try_into().unwrap())];
    assert!(matches!(identities(&parameters), Err(PkiError::MalformedCertificate { .. })));

    let mut parameters = CertificateParams::default();
    parameters.subject_alt_names = (0..129).map(|number| SanType::DnsName(format!("h{number}.example").try_into().unwrap())).collect();
    assert!(matches!(identities(&parameters), Err(PkiError::LimitExceeded { .. })));
}

#[test]
fn bytes_after_a_certificate_and_damaged_certificates_never_panic() {
    let (_, authority) = issued();
    let whole = authority.certificate().to_vec();
    let mut longer = whole.clone();
    longer.push(0);
    assert!(CertificateIdentities::from_der(&CertificateDer::from(longer)).is_err());
    for length in 0..whole.len() {
        assert!(CertificateIdentities::from_der(&CertificateDer::from(whole[..length].to_vec())).is_err());
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let _ = CertificateIdentities::from_der(&CertificateDer::from(damaged));
    }
}
