//! Chains that are wrong in ways our own CA never issues: each is refused.

use countersign_pki::{ClientAuth, ClientCertificateError, ListenerPolicy, TrustBundle};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints, SanType,
};
use rustls_pki_types::CertificateDer;

use crate::harness::World;

fn authority(name: &str, path_length: Option<u8>) -> CertificateParams {
    let mut parameters = named(name);
    parameters.is_ca = IsCa::Ca(path_length.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn client(name: &str) -> CertificateParams {
    let mut parameters = named(name);
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    parameters
}

fn named(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

/// Issues `chain` from the root downwards; leaf first and without the root, as a client sends it, and the trusted root.
fn issue(root: CertificateParams, chain: Vec<CertificateParams>) -> (Vec<CertificateDer<'static>>, TrustBundle) {
    let key = KeyPair::generate().unwrap();
    let trust = TrustBundle::from_certificates(vec![root.self_signed(&key).unwrap().der().clone()]).unwrap();
    let mut issuer = Issuer::new(root, key);
    let mut sent = Vec::new();
    for parameters in chain {
        let key = KeyPair::generate().unwrap();
        sent.insert(0, parameters.signed_by(&key, &issuer).unwrap().der().clone());
        issuer = Issuer::new(parameters, key);
    }
    (sent, trust)
}

fn verdict(root: CertificateParams, chain: Vec<CertificateParams>) -> Result<(), ClientCertificateError> {
    let (sent, client_trust) = issue(root, chain);
    let world = World::new();
    let policy = ListenerPolicy { client_trust, ..world.policy("operators", ClientAuth::Required) };
    world.server(policy).recheck_client_certificate(Some(&sent), world.clock.now())
}

#[test]
fn a_leaf_is_accepted_directly_and_below_intermediates() {
    assert_eq!(verdict(authority("root", None), vec![client("alice")]), Ok(()));
    let deep = vec![authority("a", None), authority("b", None), client("alice")];
    assert_eq!(verdict(authority("root", None), deep), Ok(()));
}

#[test]
fn a_path_longer_than_its_ca_allows_is_refused() {
    let deep = |path_length| vec![authority("a", Some(path_length)), authority("b", None), client("alice")];
    assert_eq!(verdict(authority("root", None), deep(1)), Ok(()));
    assert!(verdict(authority("root", None), deep(0)).is_err());
}

#[test]
fn an_issuer_that_is_no_ca_is_refused() {
    let mut not_a_ca = named("eve");
    not_a_ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    assert!(verdict(authority("root", None), vec![not_a_ca, client("alice")]).is_err());
}

#[test]
fn a_ca_certificate_shown_as_a_clients_is_refused() {
    let mut ca = authority("alice", None);
    ca.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    assert!(verdict(authority("root", None), vec![ca]).is_err());
}

#[test]
fn an_unknown_critical_extension_is_refused_and_an_uncritical_one_is_not() {
    for (critical, accepted) in [(true, false), (false, true)] {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
        extension.set_criticality(critical);
        let mut leaf = client("alice");
        leaf.custom_extensions = vec![extension];
        assert_eq!(verdict(authority("root", None), vec![leaf]).is_ok(), accepted, "critical: {critical}");
    }
}

#[test]
fn names_outside_the_cas_constraints_are_refused() {
    for (name, accepted) in [("host.inside.example", true), ("host.outside.example", false)] {
        let mut constrained = authority("a", None);
        constrained.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("inside.example".to_owned())],
            excluded_subtrees: Vec::new(),
        });
        let mut leaf = client("alice");
        leaf.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        assert_eq!(verdict(authority("root", None), vec![constrained, leaf]).is_ok(), accepted, "{name}");
    }
}

#[test]
fn a_self_signed_certificate_and_a_chain_without_its_middle_are_refused() {
    let world = World::new();
    let server = world.server(world.policy("operators", ClientAuth::Required));
    let own = client("alice").self_signed(&KeyPair::generate().unwrap()).unwrap();
    let verdict = server.recheck_client_certificate(Some(&[own.der().clone()]), world.clock.now());
    assert_eq!(verdict, Err(ClientCertificateError::UnknownIssuer));

    let (mut sent, client_trust) = issue(authority("root", None), vec![authority("a", None), client("alice")]);
    sent.truncate(1);
    let policy = ListenerPolicy { client_trust, ..world.policy("operators", ClientAuth::Required) };
    let verdict = world.server(policy).recheck_client_certificate(Some(&sent), world.clock.now());
    assert_eq!(verdict, Err(ClientCertificateError::UnknownIssuer));
}

#[test]
fn two_cas_that_vouch_for_each_other_end_the_search() {
    let (a, b) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (a_parameters, b_parameters) = (authority("a", None), authority("b", None));
    let (a_issuer, b_issuer) = (Issuer::from_params(&a_parameters, &a), Issuer::from_params(&b_parameters, &b));
    let a_by_b = a_parameters.signed_by(&a, &b_issuer).unwrap();
    let b_by_a = b_parameters.signed_by(&b, &a_issuer).unwrap();
    let leaf = client("alice").signed_by(&KeyPair::generate().unwrap(), &a_issuer).unwrap();
    let sent = [leaf.der().clone(), a_by_b.der().clone(), b_by_a.der().clone()];
    let world = World::new();
    let server = world.server(world.policy("operators", ClientAuth::Required));
    assert!(server.recheck_client_certificate(Some(&sent), world.clock.now()).is_err());
}
