//! What is negotiated, what is refused, and what names the channel.

use std::sync::Arc;

use countersign_pki::{
    ClientAuth, HandshakeMode, ListenerPolicy, NegotiatedParameters, PkiError, ProtocolVersions, ServerCertificate,
    ServerCertificateRequest, ServerTls, SniPolicy, TlsVersion, crypto_provider, exporter_binding, leaf_certificate_hash,
};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, kx_group};
use rustls::time_provider::TimeProvider;
use rustls::{AlertDescription, ClientConfig, ClientConnection, Error, ServerConnection, version};
use rustls_pki_types::ServerName;

use crate::harness::{Pair, World, connect, connect_to};

/// A client that differs from ours in its provider or versions.
fn other_client(world: &World, provider: CryptoProvider, versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_details(Arc::new(provider), Arc::clone(&world.clock) as Arc<dyn TimeProvider>)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(world.authority.trust().unwrap().roots())
        .with_no_client_auth();
    Arc::new(config)
}

fn provider() -> CryptoProvider {
    (*crypto_provider()).clone()
}

#[test]
fn a_full_handshake_is_on_record_with_the_hybrid_group_and_aes_128() {
    let world = World::new();
    let policy = ListenerPolicy { alpn: vec![b"countersign/1".to_vec(), b"h2".to_vec()], ..world.policy("public", ClientAuth::Optional) };
    let (client, certificate) = world.operator(world.clock.now(), 3600);
    let client = client.with_alpn(vec![b"h2".to_vec()]).build().unwrap();
    let pair = connect(&client, world.server(policy).current()).unwrap();

    let record = pair.parameters();
    assert_eq!(record.version, TlsVersion::Tls13);
    assert_eq!(record.suite, "TLS_AES_128_GCM_SHA256");
    assert_eq!(record.group.as_deref(), Some("X25519MLKEM768"));
    assert_eq!(record.alpn.as_deref(), Some("h2"));
    assert_eq!(record.sni.as_deref(), Some("localhost"));
    assert_eq!(record.handshake, HandshakeMode::Full);
    assert_eq!(record.peer_certificate.as_ref(), Some(certificate.identities()));

    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["version"], "TLSv1.3");
    assert_eq!(json["handshake"], "full");
    assert_eq!(json["peer_certificate"]["uris"][0], "countersign:operator:alice");

    let seen_by_client = NegotiatedParameters::of_client(&pair.client, Some("localhost")).unwrap();
    assert_eq!(seen_by_client.peer_certificate.as_ref(), Some(world.certificate.identities()));
}

#[test]
fn our_order_of_suites_counts_not_the_clients() {
    let world = World::new();
    let mut reversed = provider();
    reversed.cipher_suites =
        vec![cipher_suite::TLS13_CHACHA20_POLY1305_SHA256, cipher_suite::TLS13_AES_256_GCM_SHA384, cipher_suite::TLS13_AES_128_GCM_SHA256];
    let client = other_client(&world, reversed, &[&version::TLS13]);
    let pair = connect(&client, world.server(ListenerPolicy::new("public")).current()).unwrap();
    assert_eq!(pair.parameters().suite, "TLS_AES_128_GCM_SHA256");
}

#[test]
fn clients_without_the_hybrid_group_get_x25519_then_p256() {
    let world = World::new();
    let server = world.server(ListenerPolicy::new("public"));
    for (group, name) in [(kx_group::X25519, "X25519"), (kx_group::SECP256R1, "secp256r1"), (kx_group::SECP384R1, "secp384r1")] {
        let mut classical = provider();
        classical.kx_groups = vec![group];
        let client = other_client(&world, classical, &[&version::TLS13]);
        let pair = connect(&client, server.current()).unwrap();
        assert_eq!(pair.parameters().group.as_deref(), Some(name));
    }
}

#[test]
fn a_wrong_guess_of_the_group_costs_a_retry_that_is_on_record() {
    let world = World::new();
    let mut guesses_wrong = provider();
    guesses_wrong.kx_groups = vec![kx_group::MLKEM1024, kx_group::SECP384R1];
    let client = other_client(&world, guesses_wrong, &[&version::TLS13]);
    let pair = connect(&client, world.server(ListenerPolicy::new("public")).current()).unwrap();
    assert_eq!(pair.mode(), HandshakeMode::FullWithHelloRetryRequest);
}

#[test]
fn refuses_tls_1_2_with_protocol_version() {
    let world = World::new();
    let client = other_client(&world, provider(), &[&version::TLS12]);
    let refused = connect(&client, world.server(ListenerPolicy::new("public")).current()).err().unwrap();
    assert_eq!(refused.client, Some(Error::AlertReceived(AlertDescription::ProtocolVersion)));
}

#[test]
fn a_listener_may_allow_tls_1_2_which_has_no_channel_binding() {
    let world = World::new();
    let policy = ListenerPolicy { versions: ProtocolVersions::Tls12AndTls13, ..ListenerPolicy::new("legacy") };
    let server = world.server(policy);
    let old = other_client(&world, provider(), &[&version::TLS12]);
    let pair = connect(&old, server.current()).unwrap();
    assert_eq!(pair.parameters().version, TlsVersion::Tls12);
    assert_eq!(exporter_binding(&pair.server), None);
    assert_eq!(exporter_binding(&pair.client), None);

    let new = world.client().with_versions(ProtocolVersions::Tls12AndTls13).build().unwrap();
    assert_eq!(connect(&new, server.current()).unwrap().parameters().version, TlsVersion::Tls13);
}

#[test]
fn refuses_an_unknown_application_protocol_and_takes_none_at_all() {
    let world = World::new();
    let policy = ListenerPolicy { alpn: vec![b"countersign/1".to_vec()], ..ListenerPolicy::new("public") };
    let server = world.server(policy);
    let stranger = world.client().with_alpn(vec![b"smtp".to_vec()]).build().unwrap();
    let refused = connect(&stranger, server.current()).err().unwrap();
    assert_eq!(refused.client, Some(Error::AlertReceived(AlertDescription::NoApplicationProtocol)));

    let silent = world.client().build().unwrap();
    assert_eq!(connect(&silent, server.current()).unwrap().parameters().alpn, None);
}

#[test]
fn serves_ip_addresses_and_unless_told_otherwise_unknown_names() {
    let world = World::new();
    let server = world.server(ListenerPolicy::new("public"));
    let client = world.client().build().unwrap();
    for address in ["127.0.0.1", "::1"] {
        assert_eq!(connect_to(address, &client, server.current()).unwrap().parameters().sni, None);
    }
    // The name is served; it is this client that does not accept the certificate.
    let refused = connect_to("other.example", &client, server.current()).err().unwrap();
    assert!(matches!(refused.client, Some(Error::InvalidCertificate(_))));
}

#[test]
fn a_listener_for_known_names_refuses_others_and_answers_hellos_without_a_name() {
    let world = World::new();
    let names = vec!["pinned.example".to_owned()];
    let policy = ListenerPolicy { sni: SniPolicy::Known, names, ..ListenerPolicy::new("public") };
    let server = world.server(policy);
    let client = world.client().build().unwrap();
    for name in ["localhost", "LocalHost", "127.0.0.1"] {
        assert!(connect_to(name, &client, server.current()).is_ok(), "{name}");
    }
    let refused = connect_to("other.example", &client, server.current()).err().unwrap();
    assert_eq!(refused.client, Some(Error::AlertReceived(AlertDescription::AccessDenied)));
    // It is served, and this client believes no certificate that does not have the name.
    let refused = connect_to("pinned.example", &client, server.current()).err().unwrap();
    assert!(matches!(refused.client, Some(Error::InvalidCertificate(_))));
}

#[test]
fn each_name_gets_its_own_certificate_and_both_ends_agree_on_its_hash() {
    let world = World::new();
    let request = ServerCertificateRequest {
        dns_names: vec!["Trade.Example".to_owned()],
        ip_addresses: Vec::new(),
        ..ServerCertificateRequest::default()
    };
    let issued = world.authority.issue_server(&request, world.clock.now()).unwrap();
    let second = ServerCertificate::from_issued(&issued).unwrap();
    let server = ServerTls::new(
        ListenerPolicy::new("public"),
        vec![world.certificate.clone(), second.clone()],
        Arc::clone(&world.tickets),
        Arc::clone(&world.clock) as Arc<dyn TimeProvider>,
    )
    .unwrap();
    let client = world.client().build().unwrap();
    for (name, expected) in [("trade.example", &second), ("localhost", &world.certificate), ("127.0.0.1", &world.certificate)] {
        let snapshot = server.snapshot();
        let pair = connect_to(name, &client, snapshot.config()).unwrap();
        let seen = leaf_certificate_hash(pair.client.peer_certificates().unwrap());
        assert_eq!(seen, Some(expected.leaf_hash()), "{name}");
        assert_eq!(snapshot.leaf_certificate_hash(pair.server.server_name()), seen, "{name}");
    }
}

#[test]
fn the_exporter_value_is_equal_on_both_ends_and_new_on_every_connection() {
    let world = World::new();
    let server = world.server(ListenerPolicy::new("public"));
    let client = world.client().build().unwrap();
    let full = connect(&client, server.current()).unwrap();
    let resumed = connect(&client, server.current()).unwrap();
    assert_eq!(resumed.mode(), HandshakeMode::Resumed);
    for pair in [&full, &resumed] {
        assert!(exporter_binding(&pair.server).is_some());
        assert_eq!(exporter_binding(&pair.server), exporter_binding(&pair.client));
    }
    assert_ne!(exporter_binding(&full.server), exporter_binding(&resumed.server));
}

#[test]
fn an_absent_context_and_an_empty_one_export_the_same_value() {
    let world = World::new();
    let client = world.client().build().unwrap();
    let Pair { client, server } = connect(&client, world.server(ListenerPolicy::new("public")).current()).unwrap();
    let without = client.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None).unwrap();
    assert_eq!(exporter_binding(&server), Some(without));
}

#[test]
fn there_is_no_binding_and_no_record_before_the_handshake_is_complete() {
    let world = World::new();
    let server = ServerConnection::new(world.server(ListenerPolicy::new("public")).current()).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(world.client().build().unwrap(), name).unwrap();
    assert_eq!(exporter_binding(&server), None);
    assert_eq!(exporter_binding(&client), None);
    assert!(matches!(NegotiatedParameters::of_server(&server), Err(PkiError::HandshakeIncomplete)));
    assert!(matches!(NegotiatedParameters::of_client(&client, None), Err(PkiError::HandshakeIncomplete)));
}

#[test]
fn a_server_that_has_not_seen_the_clients_finished_gives_no_binding() {
    let world = World::new();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(world.client().build().unwrap(), name).unwrap();
    let mut server = ServerConnection::new(world.server(ListenerPolicy::new("public")).current()).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    server.read_tls(&mut hello.as_slice()).unwrap();
    server.process_new_packets().unwrap();
    assert_eq!(exporter_binding(&server), None);
}

#[test]
fn settings_that_cannot_work_are_refused_by_listener_name() {
    let world = World::new();
    let clock = || Arc::clone(&world.clock) as Arc<dyn TimeProvider>;
    let build = |policy, certificates| ServerTls::new(policy, certificates, Arc::clone(&world.tickets), clock());
    let without_ca = ListenerPolicy { client_auth: ClientAuth::Optional, ..ListenerPolicy::new("operators") };
    let empty_alpn = ListenerPolicy { alpn: vec![Vec::new()], ..ListenerPolicy::new("operators") };
    let certificate = || vec![world.certificate.clone()];
    for result in [build(without_ca, certificate()), build(empty_alpn, certificate()), build(ListenerPolicy::new("operators"), Vec::new())]
    {
        let text = result.err().unwrap().to_string();
        assert!(text.starts_with("listener 'operators': "), "{text}");
    }
    assert!(build(ListenerPolicy::new(""), certificate()).is_err());
}

#[test]
fn what_a_handshake_with_our_own_client_cannot_show_is_set_all_the_same() {
    // rustls gives no early data with stateless tickets, and its client never resumes by session id.
    let world = World::new();
    let config = world.server(ListenerPolicy::new("public")).current();
    assert_eq!(config.max_early_data_size, 0);
    assert!(!config.send_half_rtt_data);
    assert!(!config.session_storage.can_cache());
    assert!(config.require_ems);
    assert!(!config.enable_secret_extraction);
    assert!(config.ticketer.enabled());
    assert_eq!(config.ticketer.lifetime(), 2 * 60 * 60);
}
