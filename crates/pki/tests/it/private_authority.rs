//! The private CA: what it issues, and how it survives starts, races and missing files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Barrier};

use countersign_pki::{
    AuthorityOrigin, ClientCertificateRequest, PkiError, PrivateAuthority, Renewal, RevokedCertificate, ServerCertificateRequest, UnixTime,
    ensure_client_certificate, ensure_server_certificate,
};
use x509_parser::prelude::*;

use crate::harness::{DAY, START, World, at};

fn start(folder: &Path) -> Result<(PrivateAuthority, AuthorityOrigin), PkiError> {
    PrivateAuthority::load_or_create(folder, at(START))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_ca_certificate_may_sign_leaves_and_lists_and_nothing_else() {
    let authority = PrivateAuthority::create(at(START)).unwrap();
    let (_, parsed) = X509Certificate::from_der(authority.certificate()).unwrap();
    let constraints = parsed.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    let usage = parsed.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign());
    assert!(!usage.value.digital_signature());
    let name = authority.identities().common_name.clone().unwrap();
    let short_id = name.strip_prefix("Countersign private CA ").unwrap();
    assert!(short_id.len() == 8 && short_id.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn a_server_certificate_has_names_usage_and_eighty_days() {
    let authority = PrivateAuthority::create(at(START)).unwrap();
    let issued = authority.issue_server(&ServerCertificateRequest::default(), at(START)).unwrap();
    let identities = issued.identities();
    assert_eq!(identities.dns_names, ["localhost"]);
    let addresses: Vec<_> = identities.ip_addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["127.0.0.1", "::1"]);
    assert_eq!(identities.not_after, START + 80 * DAY);
    assert!(identities.not_before < START);
    let (_, parsed) = X509Certificate::from_der(issued.certificate()).unwrap();
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth && !usage.any);
    assert!(!parsed.is_ca());
    assert!(authority.has_issued(issued.certificate()));
}

#[test]
fn serial_numbers_are_long_and_never_the_same() {
    let authority = PrivateAuthority::create(at(START)).unwrap();
    let request = ClientCertificateRequest::new("alice", "countersign:operator:alice");
    let serials: std::collections::BTreeSet<_> =
        (0..20).map(|_| authority.issue_client(&request, at(START)).unwrap().identities().serial.clone()).collect();
    assert_eq!(serials.len(), 20);
    assert!(serials.iter().all(|serial| serial.len() == 32));
}

#[test]
fn no_leaf_outlives_its_ca() {
    let authority = PrivateAuthority::create(at(START)).unwrap();
    let end = authority.identities().not_after;
    let late = at(end - DAY);
    let issued = authority.issue_server(&ServerCertificateRequest::default(), late).unwrap();
    assert_eq!(issued.identities().not_after, end);
    let too_late = authority.issue_server(&ServerCertificateRequest::default(), at(end + DAY));
    assert!(matches!(too_late, Err(PkiError::InvalidValidity { .. })));
}

#[test]
fn names_that_are_no_host_names_are_not_issued() {
    let authority = PrivateAuthority::create(at(START)).unwrap();
    for name in ["", "*.example", "a b", "exa\0mple", "-", "ümlaut.example"] {
        let request = ServerCertificateRequest { dns_names: vec![name.to_owned()], ..ServerCertificateRequest::default() };
        assert!(matches!(authority.issue_server(&request, at(START)), Err(PkiError::InvalidName { .. })), "{name:?}");
    }
    let nameless = ServerCertificateRequest { dns_names: Vec::new(), ip_addresses: Vec::new(), ..ServerCertificateRequest::default() };
    assert!(authority.issue_server(&nameless, at(START)).is_err());
}

#[test]
fn the_first_start_creates_and_the_second_loads_the_same_ca() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (first, origin) = start(&state).unwrap();
    assert_eq!(origin, AuthorityOrigin::Created);
    assert_eq!(mode(&state.join("ca-key.pem")), 0o600);
    assert_eq!(mode(&state), 0o700);
    let (second, origin) = start(&state).unwrap();
    assert_eq!(origin, AuthorityOrigin::Loaded);
    assert_eq!(first.certificate(), second.certificate());
    assert_eq!(fs::read_dir(&state).unwrap().count(), 2, "no temporary file is left");
    let issued = second.issue_server(&ServerCertificateRequest::default(), at(START)).unwrap();
    assert!(first.has_issued(issued.certificate()));
}

#[test]
fn a_lost_certificate_is_made_again_and_old_trust_stays_good() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = start(folder.path()).unwrap();
    fs::remove_file(folder.path().join("ca.pem")).unwrap();
    let (second, origin) = start(folder.path()).unwrap();
    assert_eq!(origin, AuthorityOrigin::Recertified);
    assert_eq!(first.identities().common_name, second.identities().common_name);
    assert_eq!(first.identities().spki_sha256, second.identities().spki_sha256);
}

#[test]
fn a_lost_key_is_an_error_that_names_both_files() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path()).unwrap();
    fs::remove_file(folder.path().join("ca-key.pem")).unwrap();
    let text = start(folder.path()).err().unwrap().to_string();
    assert!(text.contains("ca.pem") && text.contains("ca-key.pem"), "{text}");
}

#[test]
fn a_key_that_others_can_read_is_refused_with_path_and_mode() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path()).unwrap();
    let key = folder.path().join("ca-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let text = start(folder.path()).err().unwrap().to_string();
    assert!(text.contains("ca-key.pem") && text.contains("0644") && text.contains("chmod 600"), "{text}");
}

#[test]
fn a_pair_from_two_cas_an_expired_ca_and_a_leaf_in_its_place_are_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (authority, _) = start(one.path()).unwrap();
    start(two.path()).unwrap();
    fs::copy(two.path().join("ca.pem"), one.path().join("ca.pem")).unwrap();
    assert!(matches!(start(one.path()), Err(PkiError::KeyMismatch { .. })));

    let in_eleven_years = at(START + 11 * 366 * DAY);
    let expired = PrivateAuthority::load_or_create(two.path(), in_eleven_years);
    assert!(matches!(expired, Err(PkiError::Expired { .. })));

    let leaf = authority.issue_server(&ServerCertificateRequest::default(), at(START)).unwrap();
    fs::write(one.path().join("ca.pem"), leaf.certificate_pem()).unwrap();
    assert!(matches!(start(one.path()), Err(PkiError::WrongKind { .. })));
}

#[test]
fn junk_in_either_file_is_an_error_and_is_left_as_it_is() {
    for name in ["ca.pem", "ca-key.pem"] {
        let folder = tempfile::tempdir().unwrap();
        start(folder.path()).unwrap();
        fs::write(folder.path().join(name), "junk").unwrap();
        let text = start(folder.path()).err().unwrap().to_string();
        assert!(text.contains(name), "{text}");
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), b"junk");
    }
}

#[test]
fn starts_at_the_same_moment_end_up_with_one_key() {
    for _ in 0..5 {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let barrier = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (folder, barrier) = (Arc::clone(&folder), Arc::clone(&barrier));
                std::thread::spawn(move || {
                    barrier.wait();
                    start(folder.path()).unwrap().0.identities().spki_sha256.clone()
                })
            })
            .collect();
        let keys: std::collections::BTreeSet<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(keys.len(), 1);
        assert!(PrivateAuthority::load(folder.path(), at(START)).is_ok());
    }
}

#[test]
fn certificates_are_created_kept_renewed_and_follow_their_request() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.pem");
    let ensure = |request: &ServerCertificateRequest, now: UnixTime| {
        let (certificate, renewal) = ensure_server_certificate(&world.authority, &path, request, now).unwrap();
        (certificate.identities().serial.clone(), renewal)
    };
    let request = ServerCertificateRequest::default();
    let (first, renewal) = ensure(&request, at(START));
    assert_eq!(renewal, Renewal::Created);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(ensure(&request, at(START + 53 * DAY)), (first.clone(), Renewal::Kept));
    let (second, renewal) = ensure(&request, at(START + 54 * DAY));
    assert_eq!(renewal, Renewal::Renewed);
    assert_ne!(first, second);
    let renamed = ServerCertificateRequest { dns_names: vec!["Trade.Example".to_owned()], ..request };
    assert_eq!(ensure(&renamed, at(START + 54 * DAY)).1, Renewal::Renewed);
    assert_eq!(ensure(&renamed, at(START + 54 * DAY)).1, Renewal::Kept);
}

#[test]
fn a_certificate_of_another_ca_is_made_anew() {
    let (first, second) = (World::new(), World::new());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("operator.pem");
    let request = ClientCertificateRequest::new("alice", "countersign:operator:alice");
    let ensure = |world: &World| ensure_client_certificate(&world.authority, &path, &request, at(START)).unwrap().1;
    assert_eq!(ensure(&first), Renewal::Created);
    assert_eq!(ensure(&first), Renewal::Kept);
    assert_eq!(ensure(&second), Renewal::Renewed);
}

#[test]
fn a_certificate_file_that_cannot_be_understood_is_never_replaced() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.pem");
    fs::write(&path, "junk").unwrap();
    let ensure = || ensure_server_certificate(&world.authority, &path, &ServerCertificateRequest::default(), at(START));
    assert!(matches!(ensure(), Err(PkiError::KeyFileExposed { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(ensure(), Err(PkiError::CertificateAbsent { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"junk");
}

#[test]
fn a_revocation_list_takes_hexadecimal_serials_only() {
    let authority = PrivateAuthority::create(at(START)).unwrap();
    for serial in ["", "0", "zz", "+1", "0x"] {
        let entry = RevokedCertificate { serial: serial.to_owned(), revoked_at: at(START) };
        assert!(authority.issue_revocation_list(&[entry], 1, at(START)).is_err(), "{serial:?}");
    }
}
