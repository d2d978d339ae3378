//! Which client certificates a listener accepts, and with which alert it refuses the others.

use std::sync::Arc;

use countersign_pki::{
    ClientAuth, ClientCertificate, ClientCertificateError, ClientCertificateRequest, ClientTls, ListenerPolicy, PrivateAuthority,
    RevocationLists, RevokedCertificate, ServerCertificateRequest,
};
use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{AlertDescription, Error};

use crate::harness::{DAY, HOUR, Refused, World, at, client_certificate, connect};

fn try_required(world: &World, client: ClientTls) -> Option<Refused> {
    let server = world.server(world.policy("operators", ClientAuth::Required));
    connect(&client.build().unwrap(), server.current()).err()
}

fn alert(refused: Option<Refused>) -> AlertDescription {
    match refused.expect("refused").client {
        Some(Error::AlertReceived(alert)) => alert,
        other => panic!("{other:?}"),
    }
}

#[test]
fn accepts_a_certificate_of_the_trusted_ca() {
    let world = World::new();
    assert!(try_required(&world, world.operator(world.clock.now(), DAY).0).is_none());
}

#[test]
fn a_missing_certificate_is_refused_only_where_one_is_required() {
    let world = World::new();
    assert_eq!(alert(try_required(&world, world.client())), AlertDescription::CertificateRequired);
    let optional = world.server(world.policy("public", ClientAuth::Optional));
    let pair = connect(&world.client().build().unwrap(), optional.current()).unwrap();
    assert_eq!(pair.parameters().peer_certificate, None);
}

#[test]
fn a_listener_without_client_auth_asks_for_none() {
    let world = World::new();
    let server = world.server(world.policy("public", ClientAuth::Off));
    let client = world.operator(world.clock.now(), DAY).0.build().unwrap();
    assert_eq!(connect(&client, server.current()).unwrap().parameters().peer_certificate, None);
}

#[test]
fn an_optional_certificate_that_is_wrong_is_refused_not_ignored() {
    let world = World::new();
    let server = world.server(world.policy("public", ClientAuth::Optional));
    let stranger = PrivateAuthority::create(world.clock.now()).unwrap();
    let certificate = client_certificate(&stranger, world.clock.now(), DAY);
    let client = world.client().with_certificate(certificate).build().unwrap();
    assert!(connect(&client, server.current()).is_err());
}

#[test]
fn refuses_the_same_subject_from_another_ca() {
    let world = World::new();
    let stranger = PrivateAuthority::create(world.clock.now()).unwrap();
    let certificate = client_certificate(&stranger, world.clock.now(), DAY);
    let refused = try_required(&world, world.client().with_certificate(certificate)).unwrap();
    assert_eq!(refused.server.clone().map(ClientCertificateError::from), Some(ClientCertificateError::UnknownIssuer));
    assert_eq!(alert(Some(refused)), AlertDescription::UnknownCA);
}

#[test]
fn refuses_a_ca_that_only_has_the_trusted_name() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let name = world.authority.identities().common_name.clone().unwrap();
    let (chain, key) = impostor(&name, folder.path());
    let certificate = ClientCertificate::load(&chain, &key, world.clock.now()).unwrap();
    let refused = try_required(&world, world.client().with_certificate(certificate));
    assert_eq!(alert(refused), AlertDescription::DecryptError, "bad signature under the trusted key");
}

/// A client certificate by a CA that carries the name of the real one and has a key of its own.
fn impostor(ca_name: &str, folder: &std::path::Path) -> (std::path::PathBuf, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, ca_name);
    ca.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = Issuer::new(ca, KeyPair::generate().unwrap());
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::default().signed_by(&key, &issuer).unwrap();
    let paths = (folder.join("chain.pem"), folder.join("key.pem"));
    std::fs::write(&paths.0, leaf.pem()).unwrap();
    std::fs::write(&paths.1, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&paths.1, std::fs::Permissions::from_mode(0o600)).unwrap();
    paths
}

#[test]
fn refuses_an_expired_certificate() {
    let world = World::new();
    let issued_at = at(world.clock.now().as_secs() - 2 * HOUR);
    let refused = try_required(&world, world.operator(issued_at, HOUR).0);
    assert_eq!(alert(refused), AlertDescription::CertificateExpired);
}

#[test]
fn refuses_a_certificate_whose_time_has_not_come() {
    let world = World::new();
    let issued_at = at(world.clock.now().as_secs() + HOUR);
    let refused = try_required(&world, world.operator(issued_at, DAY).0);
    assert_eq!(alert(refused), AlertDescription::CertificateExpired, "RFC 8446: expired or not currently valid");
}

#[test]
fn refuses_a_server_certificate_shown_by_a_client() {
    let world = World::new();
    let issued = world.authority.issue_server(&ServerCertificateRequest::default(), world.clock.now()).unwrap();
    let certificate = ClientCertificate::from_issued(&issued).unwrap();
    let refused = try_required(&world, world.client().with_certificate(certificate));
    assert_eq!(alert(refused), AlertDescription::UnsupportedCertificate);
}

#[test]
fn a_revocation_list_refuses_what_it_lists_and_nothing_else() {
    let world = World::new();
    let now = world.clock.now();
    let (revoked, certificate) = world.operator(now, DAY);
    let entry = RevokedCertificate { serial: certificate.identities().serial.clone(), revoked_at: now };
    let server = world.server(with_list(&world, &[entry]));
    let refused = connect(&revoked.build().unwrap(), server.current()).err();
    assert_eq!(alert(refused), AlertDescription::CertificateRevoked);
    let other = world.operator(now, DAY).0.build().unwrap();
    assert!(connect(&other, server.current()).is_ok());
}

#[test]
fn an_expired_revocation_list_is_not_believed() {
    let world = World::new();
    let server = world.server(with_list(&world, &[]));
    let (client, certificate) = world.operator(world.clock.now(), 30 * DAY);
    let client = client.build().unwrap();
    assert!(connect(&client, server.current()).is_ok());
    world.clock.advance(8 * DAY);
    assert!(connect(&client, server.current()).is_err());
    assert_eq!(
        server.recheck_client_certificate(Some(certificate.chain()), world.clock.now()),
        Err(ClientCertificateError::RevocationListExpired)
    );
}

#[test]
fn a_certificate_that_no_list_covers_is_refused() {
    let world = World::new();
    let second = PrivateAuthority::create(world.clock.now()).unwrap();
    let both =
        countersign_pki::TrustBundle::from_certificates(vec![world.authority.certificate().clone(), second.certificate().clone()]).unwrap();
    let policy = ListenerPolicy { client_trust: both, ..with_list(&world, &[]) };
    let server = world.server(policy);
    let certificate = client_certificate(&second, world.clock.now(), DAY);
    assert_eq!(
        server.recheck_client_certificate(Some(certificate.chain()), world.clock.now()),
        Err(ClientCertificateError::RevocationUnknown)
    );
}

fn with_list(world: &World, entries: &[RevokedCertificate]) -> ListenerPolicy {
    let list = world.authority.issue_revocation_list(entries, 1, world.clock.now()).unwrap();
    ListenerPolicy { revocation: RevocationLists::from_pem(list.as_bytes()).unwrap(), ..world.policy("operators", ClientAuth::Required) }
}

#[test]
fn a_chain_above_the_bounds_is_refused_before_it_is_verified() {
    let world = World::new();
    let server = world.server(world.policy("operators", ClientAuth::Required));
    let (_, certificate) = world.operator(world.clock.now(), DAY);
    let leaf = certificate.chain()[0].clone();
    let junk = rustls_pki_types::CertificateDer::from(vec![0_u8; 17 * 1024]);
    for chain in [vec![leaf.clone(); 5], vec![leaf.clone(), junk]] {
        assert_eq!(server.recheck_client_certificate(Some(&chain), world.clock.now()), Err(ClientCertificateError::ChainTooLong));
    }
    assert_eq!(server.recheck_client_certificate(Some(&vec![leaf; 4]), world.clock.now()), Ok(()));
}

#[test]
fn what_is_no_certificate_is_malformed() {
    let world = World::new();
    let server = world.server(world.policy("operators", ClientAuth::Required));
    let junk = [rustls_pki_types::CertificateDer::from(vec![0_u8; 100])];
    assert_eq!(server.recheck_client_certificate(Some(&junk), world.clock.now()), Err(ClientCertificateError::Malformed));
}

#[test]
fn a_common_name_or_uri_that_could_be_misread_is_not_issued() {
    let world = World::new();
    for (name, uri) in [
        ("", "countersign:operator:alice"),
        ("alice\0", "countersign:operator:alice"),
        ("alice\nroot", "countersign:operator:alice"),
        ("alice", ""),
        ("alice", "no-scheme"),
        ("alice", "countersign:operator:al ice"),
        ("alice", "countersign:operator:älice"),
    ] {
        let request = ClientCertificateRequest::new(name, uri);
        assert!(world.authority.issue_client(&request, world.clock.now()).is_err(), "{name:?} {uri:?}");
    }
}

#[test]
fn connections_of_one_configuration_keep_their_certificate_apart_from_anothers() {
    let world = World::new();
    let server = world.server(world.policy("operators", ClientAuth::Required));
    let (first, first_certificate) = world.operator(world.clock.now(), DAY);
    let (second, second_certificate) = world.operator(world.clock.now(), DAY);
    for (client, certificate) in [(first, first_certificate), (second, second_certificate)] {
        let client = client.build().unwrap();
        for _ in 0..2 {
            let pair = connect(&client, Arc::clone(&server.current())).unwrap();
            assert_eq!(pair.parameters().peer_certificate.as_ref(), Some(certificate.identities()));
        }
    }
}
