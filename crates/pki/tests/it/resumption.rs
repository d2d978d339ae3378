//! When a ticket resumes a session, when it silently does not, and what is checked again.

use std::sync::Arc;

use countersign_pki::{
    ClientAuth, ClientCertificateError, HandshakeMode, ListenerPolicy, PrivateAuthority, ProtocolVersions, RevocationLists,
    RevokedCertificate, ServerTls, SniPolicy, TicketKeyRing, TrustBundle, crypto_provider,
};
use rustls::ClientConfig;
use rustls::time_provider::TimeProvider;

use crate::harness::{DAY, HOUR, MINUTE, World, connect, server_certificate};

/// Makes a full handshake with `first`, then says how one with `second` goes.
fn second_mode(client: &Arc<ClientConfig>, first: &ServerTls, second: &ServerTls) -> HandshakeMode {
    assert_eq!(connect(client, first.current()).unwrap().mode(), HandshakeMode::Full);
    connect(client, second.current()).unwrap().mode()
}

#[test]
fn one_ticket_per_handshake_resumes_with_a_fresh_hybrid_exchange() {
    let world = World::new();
    let server = world.server(ListenerPolicy::new("public"));
    let client = world.client().build().unwrap();
    let full = connect(&client, server.current()).unwrap();
    assert_eq!(full.client.tls13_tickets_received(), 1);
    for _ in 0..3 {
        let mut resumed = connect(&client, server.current()).unwrap();
        assert_eq!(resumed.mode(), HandshakeMode::Resumed);
        assert_eq!(resumed.parameters().group.as_deref(), Some("X25519MLKEM768"));
        assert!(resumed.echoes());
    }
}

#[test]
fn a_client_that_remembers_nothing_makes_full_handshakes() {
    let world = World::new();
    let server = world.server(ListenerPolicy::new("public"));
    let client = world.client().without_resumption().build().unwrap();
    assert_eq!(second_mode(&client, &server, &server), HandshakeMode::Full);
}

#[test]
fn a_ticket_survives_two_rotations_and_not_three() {
    let world = World::new();
    let server = world.server(ListenerPolicy::new("public"));
    for (rotations, expected) in
        [(0, HandshakeMode::Resumed), (1, HandshakeMode::Resumed), (2, HandshakeMode::Resumed), (3, HandshakeMode::Full)]
    {
        let client = world.client().build().unwrap();
        connect(&client, server.current()).unwrap();
        for _ in 0..rotations {
            world.tickets.rotate_now(world.clock.now()).unwrap();
        }
        assert_eq!(connect(&client, server.current()).unwrap().mode(), expected, "{rotations} rotations");
    }
}

#[test]
fn a_new_epoch_ends_every_ticket() {
    let world = World::new();
    let server = world.server(ListenerPolicy::new("public"));
    let client = world.client().build().unwrap();
    connect(&client, server.current()).unwrap();
    world.tickets.advance_epoch();
    assert_eq!(connect(&client, server.current()).unwrap().mode(), HandshakeMode::Full);
}

#[test]
fn a_ticket_of_one_listener_does_not_resume_on_another() {
    let world = World::new();
    let (a, b) = (world.server(ListenerPolicy::new("a")), world.server(ListenerPolicy::new("b")));
    let client = world.client().build().unwrap();
    assert_eq!(second_mode(&client, &a, &b), HandshakeMode::Full);
}

#[test]
fn nodes_with_the_same_listener_certificate_and_ticket_keys_resume_each_others_sessions() {
    let world = World::new();
    let clock = || Arc::clone(&world.clock) as Arc<dyn TimeProvider>;
    let other_ring = Arc::new(TicketKeyRing::new(clock()).unwrap());
    let first = world.server(ListenerPolicy::new("public"));
    let second = ServerTls::new(ListenerPolicy::new("public"), vec![world.certificate.clone()], Arc::clone(&other_ring), clock()).unwrap();
    let client = world.client().build().unwrap();
    assert_eq!(second_mode(&client, &first, &second), HandshakeMode::Full);
    other_ring.import(world.tickets.export(), world.tickets.epoch(), world.clock.now()).unwrap();
    connect(&client, first.current()).unwrap();
    assert_eq!(connect(&client, second.current()).unwrap().mode(), HandshakeMode::Resumed);
}

#[test]
fn a_change_of_client_auth_trust_revocation_or_names_makes_a_full_handshake() {
    let world = World::new();
    let optional = world.policy("public", ClientAuth::Optional);
    let second_ca = PrivateAuthority::create(world.clock.now()).unwrap();
    let wider_trust = TrustBundle::from_certificates(vec![world.authority.certificate().clone(), second_ca.certificate().clone()]).unwrap();
    let list = world.authority.issue_revocation_list(&[], 1, world.clock.now()).unwrap();
    for (what, changed) in [
        ("off", ListenerPolicy { client_auth: ClientAuth::Off, ..optional.clone() }),
        ("required", ListenerPolicy { client_auth: ClientAuth::Required, ..optional.clone() }),
        ("trust", ListenerPolicy { client_trust: wider_trust, ..optional.clone() }),
        ("revocation", ListenerPolicy { revocation: RevocationLists::from_pem(list.as_bytes()).unwrap(), ..optional.clone() }),
        ("sni", ListenerPolicy { sni: SniPolicy::Known, ..optional.clone() }),
    ] {
        let server = world.server(optional.clone());
        let client = world.operator(world.clock.now(), DAY).0.build().unwrap();
        connect(&client, server.current()).unwrap();
        server.replace(changed, vec![world.certificate.clone()]).unwrap();
        assert_eq!(connect(&client, server.current()).unwrap().mode(), HandshakeMode::Full, "{what}");
    }
}

#[test]
fn a_new_server_certificate_makes_a_full_handshake() {
    let world = World::new();
    let server = world.server(ListenerPolicy::new("public"));
    let client = world.client().build().unwrap();
    connect(&client, server.current()).unwrap();
    let renewed = server_certificate(&world.authority, world.clock.now());
    server.replace(ListenerPolicy::new("public"), vec![renewed]).unwrap();
    assert_eq!(connect(&client, server.current()).unwrap().mode(), HandshakeMode::Full);
}

#[test]
fn tls_1_2_sessions_resume_from_bound_tickets_only() {
    let world = World::new();
    let legacy = |name: &str| world.server(ListenerPolicy { versions: ProtocolVersions::Tls12AndTls13, ..ListenerPolicy::new(name) });
    let (a, b) = (legacy("a"), legacy("b"));
    let config = ClientConfig::builder_with_details(crypto_provider(), Arc::clone(&world.clock) as Arc<dyn TimeProvider>)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(world.authority.trust().unwrap().roots())
        .with_no_client_auth();
    let client = Arc::new(config);
    assert_eq!(second_mode(&client, &a, &a), HandshakeMode::Resumed);
    assert_eq!(connect(&client, b.current()).unwrap().mode(), HandshakeMode::Full);
    // The client now remembers a session of b.
    assert_eq!(connect(&client, a.current()).unwrap().mode(), HandshakeMode::Full);
}

#[test]
fn a_resumed_session_has_the_clients_certificate_on_record() {
    let world = World::new();
    let server = world.server(world.policy("operators", ClientAuth::Required));
    let (client, certificate) = world.operator(world.clock.now(), DAY);
    let client = client.build().unwrap();
    connect(&client, server.current()).unwrap();
    let resumed = connect(&client, server.current()).unwrap();
    assert_eq!(resumed.mode(), HandshakeMode::Resumed);
    assert_eq!(resumed.parameters().peer_certificate.as_ref(), Some(certificate.identities()));
    server.recheck_client_certificate(resumed.server.peer_certificates(), world.clock.now()).unwrap();
}

#[test]
fn a_certificate_that_has_expired_is_refused_on_resumption() {
    let world = World::new();
    let server = world.server(world.policy("operators", ClientAuth::Required));
    let client = world.operator(world.clock.now(), 30 * MINUTE).0.build().unwrap();
    connect(&client, server.current()).unwrap();
    world.clock.advance(HOUR);
    let resumed = connect(&client, server.current()).unwrap();
    assert_eq!(resumed.mode(), HandshakeMode::Resumed, "TLS alone does not notice");
    assert_eq!(server.recheck_handshake(&resumed.server, &server.snapshot(), world.clock.now()), Err(ClientCertificateError::Expired));
}

#[test]
fn a_certificate_that_is_revoked_is_refused_on_open_resumed_and_new_connections() {
    let world = World::new();
    let policy = world.policy("operators", ClientAuth::Required);
    let server = world.server(policy.clone());
    let (client, certificate) = world.operator(world.clock.now(), DAY);
    let fresh = client.clone().without_resumption().build().unwrap();
    let client = client.build().unwrap();
    let open = connect(&client, server.current()).unwrap();
    let before = server.snapshot();
    let resumed = connect(&client, before.config()).unwrap();
    assert_eq!(resumed.mode(), HandshakeMode::Resumed);

    let revoked = RevokedCertificate { serial: certificate.identities().serial.clone(), revoked_at: world.clock.now() };
    let list = world.authority.issue_revocation_list(&[revoked], 1, world.clock.now()).unwrap();
    let policy = ListenerPolicy { revocation: RevocationLists::from_pem(list.as_bytes()).unwrap(), ..policy };
    server.replace(policy, vec![world.certificate.clone()]).unwrap();

    for pair in [&open, &resumed] {
        assert_eq!(
            server.recheck_client_certificate(pair.server.peer_certificates(), world.clock.now()),
            Err(ClientCertificateError::Revoked)
        );
    }
    // A handshake that had already taken the old snapshot still resumes; the check after it finds out.
    let late = connect(&client, before.config()).unwrap();
    assert_eq!(late.mode(), HandshakeMode::Resumed);
    assert_eq!(server.recheck_handshake(&late.server, &before, world.clock.now()), Err(ClientCertificateError::Revoked));
    // So does a full handshake under the old snapshot: its verifier did not know the list.
    let late = connect(&fresh, before.config()).unwrap();
    assert_eq!(late.mode(), HandshakeMode::Full);
    assert_eq!(server.recheck_handshake(&late.server, &before, world.clock.now()), Err(ClientCertificateError::Revoked));
    assert!(connect(&client, server.current()).is_err());
}

#[test]
fn a_certificate_whose_ca_is_no_longer_trusted_is_refused_on_open_connections() {
    let world = World::new();
    let policy = world.policy("operators", ClientAuth::Optional);
    let server = world.server(policy.clone());
    let client = world.operator(world.clock.now(), DAY).0.build().unwrap();
    let open = connect(&client, server.current()).unwrap();
    let other = PrivateAuthority::create(world.clock.now()).unwrap();
    for changed in [
        ListenerPolicy { client_trust: other.trust().unwrap(), ..policy.clone() },
        ListenerPolicy { client_auth: ClientAuth::Off, ..policy },
    ] {
        server.replace(changed, vec![world.certificate.clone()]).unwrap();
        assert_eq!(
            server.recheck_client_certificate(open.server.peer_certificates(), world.clock.now()),
            Err(ClientCertificateError::UnknownIssuer)
        );
    }
}

#[test]
fn no_certificate_is_fine_until_one_is_required() {
    let world = World::new();
    let now = world.clock.now();
    let check = |client_auth| {
        let server = world.server(world.policy("operators", client_auth));
        server.recheck_client_certificate(None, now)
    };
    assert_eq!(check(ClientAuth::Off), Ok(()));
    assert_eq!(check(ClientAuth::Optional), Ok(()));
    assert_eq!(check(ClientAuth::Required), Err(ClientCertificateError::Missing));
    let required = world.server(world.policy("operators", ClientAuth::Required));
    assert_eq!(required.recheck_client_certificate(Some(&[]), now), Err(ClientCertificateError::Missing));
}

#[test]
fn early_data_is_never_offered_nor_accepted() {
    let world = World::new();
    let server = world.server(ListenerPolicy::new("public"));
    let mut eager = (*world.client().build().unwrap()).clone();
    eager.enable_early_data = true;
    let eager = Arc::new(eager);
    connect(&eager, server.current()).unwrap();
    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::clone(&eager), name).unwrap();
    assert!(client.early_data().is_none(), "the ticket allows none");
    let mut resumed = connect(&eager, server.current()).unwrap();
    assert!(!resumed.client.is_early_data_accepted());
    assert!(resumed.server.early_data().is_none());
}

#[test]
fn a_client_that_sends_early_data_all_the_same_is_not_heard() {
    // A ticket from a server of the same key that allows early data: the client's data are skipped by ours.
    let world = World::new();
    let server = world.server(ListenerPolicy::new("public"));
    let mut generous = (*server.current()).clone();
    generous.max_early_data_size = 1024;
    generous.ticketer = Arc::new(Disabled);
    generous.session_storage = rustls::server::ServerSessionMemoryCache::new(16);
    let mut eager = (*world.client().build().unwrap()).clone();
    eager.enable_early_data = true;
    let eager = Arc::new(eager);
    connect(&eager, Arc::new(generous)).unwrap();

    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::clone(&eager), name).unwrap();
    std::io::Write::write_all(&mut client.early_data().expect("the generous server allowed it"), b"order").unwrap();
    let mut pair = crate::harness::Pair { client, server: rustls::ServerConnection::new(server.current()).unwrap() };
    pair.exchange().unwrap();
    assert!(!pair.client.is_early_data_accepted());
    assert!(pair.server.early_data().is_none());
    assert_eq!(pair.mode(), HandshakeMode::Full);
    let mut heard = Vec::new();
    let _ = std::io::Read::read_to_end(&mut pair.server.reader(), &mut heard);
    assert!(heard.is_empty());
}

#[derive(Debug)]
struct Disabled;

impl rustls::server::ProducesTickets for Disabled {
    fn enabled(&self) -> bool {
        false
    }
    fn lifetime(&self) -> u32 {
        0
    }
    fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn a_full_handshake_under_the_snapshot_in_force_passes_the_check_after_it() {
    let world = World::new();
    let server = world.server(world.policy("operators", ClientAuth::Required));
    let client = world.operator(world.clock.now(), DAY).0.build().unwrap();
    let snapshot = server.snapshot();
    for expected in [HandshakeMode::Full, HandshakeMode::Resumed] {
        let pair = connect(&client, snapshot.config()).unwrap();
        assert_eq!(pair.mode(), expected);
        assert_eq!(server.recheck_handshake(&pair.server, &snapshot, world.clock.now()), Ok(()));
    }
    let silent = rustls::ServerConnection::new(snapshot.config()).unwrap();
    let verdict = server.recheck_handshake(&silent, &snapshot, world.clock.now());
    assert_eq!(verdict, Err(ClientCertificateError::Missing), "before the handshake nobody is anybody");
}
