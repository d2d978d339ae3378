//! Certificates, trust and revocation are exchanged while connections live.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_pki::{
    CertificateFiles, ClientAuth, HandshakeMode, ListenerFiles, ListenerPolicy, Reload, RevokedCertificate, ServerCertificateRequest,
    ServerTls, leaf_certificate_hash,
};
use rustls::time_provider::TimeProvider;

use crate::harness::{DAY, World, connect};

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(world: &World) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.issue(world);
        std::fs::write(files.path("ca.pem"), world.authority.certificate_pem()).unwrap();
        world.authority.save_revocation_list(&files.path("ca.crl"), &[], 1, world.clock.now()).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn issue(&self, world: &World) {
        let request = ServerCertificateRequest::default();
        let issued = world.authority.issue_server(&request, world.clock.now()).unwrap();
        issued.save_combined(&self.path("server.pem")).unwrap();
    }

    fn listener(&self) -> ListenerFiles {
        ListenerFiles {
            certificates: vec![CertificateFiles { chain: self.path("server.pem"), key: self.path("server.pem") }],
            client_ca: vec![self.path("ca.pem")],
            revocation: vec![self.path("ca.crl")],
        }
    }
}

fn start(world: &World, files: &Files) -> ServerTls {
    let policy = ListenerPolicy { client_auth: ClientAuth::Optional, ..ListenerPolicy::new("public") };
    ServerTls::from_files(
        policy,
        files.listener(),
        Arc::clone(&world.tickets),
        Arc::clone(&world.clock) as Arc<dyn TimeProvider>,
        world.clock.now(),
    )
    .unwrap()
}

fn overwrite_with_junk(path: &Path) {
    // Keeps the mode of the file.
    std::fs::write(path, "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n").unwrap();
}

#[test]
fn new_connections_get_the_new_certificate_and_open_ones_live_on() {
    let world = World::new();
    let files = Files::new(&world);
    let server = start(&world, &files);
    let client = world.client().build().unwrap();
    let mut open = connect(&client, server.current()).unwrap();
    let first = leaf_certificate_hash(open.client.peer_certificates().unwrap());

    files.issue(&world);
    assert_eq!(server.reload(world.clock.now()).unwrap(), Reload::Swapped);
    assert_eq!(server.snapshot().generation(), 1);

    let fresh = connect(&client, server.current()).unwrap();
    let second = leaf_certificate_hash(fresh.client.peer_certificates().unwrap());
    assert_ne!(first, second);
    assert_eq!(second, server.snapshot().leaf_certificate_hash(Some("localhost")));
    assert!(open.echoes());
}

#[test]
fn a_reload_of_the_same_files_changes_nothing_and_keeps_tickets_good() {
    let world = World::new();
    let files = Files::new(&world);
    let server = start(&world, &files);
    let client = world.client().build().unwrap();
    connect(&client, server.current()).unwrap();
    assert_eq!(server.reload(world.clock.now()).unwrap(), Reload::Unchanged);
    assert_eq!(connect(&client, server.current()).unwrap().mode(), HandshakeMode::Resumed);
}

#[test]
fn a_bad_file_keeps_the_last_good_state_and_is_named() {
    for name in ["server.pem", "ca.pem", "ca.crl"] {
        let world = World::new();
        let files = Files::new(&world);
        let server = start(&world, &files);
        let client = world.client().build().unwrap();
        overwrite_with_junk(&files.path(name));
        let text = server.reload(world.clock.now()).unwrap_err().to_string();
        assert!(text.contains(name), "{text}");
        assert_eq!(server.snapshot().generation(), 0);
        assert!(connect(&client, server.current()).is_ok());

        std::fs::remove_file(files.path(name)).unwrap();
        assert!(server.reload(world.clock.now()).unwrap_err().to_string().contains(name));
        assert!(connect(&client, server.current()).is_ok());
    }
}

#[test]
fn a_certificate_that_has_expired_is_not_loaded() {
    let world = World::new();
    let files = Files::new(&world);
    let server = start(&world, &files);
    world.clock.advance(81 * DAY);
    let text = server.reload(world.clock.now()).unwrap_err().to_string();
    assert!(text.contains("expired on 2027-"), "{text}");
}

#[test]
fn a_new_revocation_list_takes_effect_at_the_reload() {
    let world = World::new();
    let files = Files::new(&world);
    let server = start(&world, &files);
    let (client, certificate) = world.operator(world.clock.now(), DAY);
    let client = client.build().unwrap();
    let open = connect(&client, server.current()).unwrap();
    let entry = RevokedCertificate { serial: certificate.identities().serial.clone(), revoked_at: world.clock.now() };
    world.authority.save_revocation_list(&files.path("ca.crl"), &[entry], 2, world.clock.now()).unwrap();
    assert_eq!(server.reload(world.clock.now()).unwrap(), Reload::Swapped);
    assert!(connect(&client, server.current()).is_err());
    assert!(server.recheck_client_certificate(open.server.peer_certificates(), world.clock.now()).is_err());
}

#[test]
fn what_was_put_in_by_hand_is_not_undone_by_a_reload() {
    let world = World::new();
    let files = Files::new(&world);
    let server = start(&world, &files);
    server.replace(ListenerPolicy::new("public"), vec![world.certificate.clone()]).unwrap();
    assert_eq!(server.reload(world.clock.now()).unwrap(), Reload::Unchanged);
    assert_eq!(server.snapshot().leaf_certificate_hash(None), Some(world.certificate.leaf_hash()));
}
