//! What the surroundings do not allow: one sentence, exit code 3, and everything stays as it was.

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{ENVIRONMENT, State, run};

fn serve(state: &State, listen: &str) -> crate::harness::Done {
    run(&["serve", "--state", &state.path(), "--listen", listen, "--operator-listen", "127.0.0.1:0"])
}

#[test]
fn a_port_that_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = serve(&State::absent(), &address).failed(ENVIRONMENT);
    assert!(said.contains(&address) && said.to_lowercase().contains("use"), "{said}");
}

#[test]
fn a_second_gateway_on_the_same_state() {
    let state = State::absent();
    let _first = state.serve();
    assert!(serve(&state, "127.0.0.1:0").failed(ENVIRONMENT).contains(&state.path()));
}

#[test]
fn a_damaged_database_stays_as_it_was() {
    let state = State::made();
    let database = state.inside("countersign.db");
    for beside in ["countersign.db-wal", "countersign.db-shm"] {
        drop(std::fs::remove_file(state.inside(beside)));
    }
    let rubbish = b"this is no database, only a text that is long enough to be looked at ".repeat(100);
    std::fs::write(&database, &rubbish).unwrap();
    for done in [serve(&state, "127.0.0.1:0"), state.run(&["key", "list"]), state.run(&["account", "new", "desk"])] {
        assert!(done.failed(ENVIRONMENT).contains("countersign.db"));
    }
    assert_eq!(std::fs::read(&database).unwrap(), rubbish);
}

#[test]
fn a_secret_file_that_others_can_read() {
    let state = State::made();
    for name in ["sealing.key", "ca-key.pem", "gateway-key.pem", "countersign.db"] {
        let path = state.inside(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let said = serve(&state, "127.0.0.1:0").failed(ENVIRONMENT);
        assert!(said.contains(name) && said.contains("0644"), "{name}: {said}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert_eq!(state.serve().stop(), 0, "with the modes back it starts");
}

#[test]
fn a_credential_file_that_others_can_read() {
    let state = State::made();
    let file = state.inside("demo/native-ed25519.json");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = run(&["connect", "--credential", file.to_str().unwrap()]).failed(ENVIRONMENT);
    assert!(said.contains("chmod 600"), "{said}");
}

#[test]
fn a_state_folder_that_cannot_be_made() {
    let state = State::absent();
    std::fs::write(state.path(), "in the way").unwrap();
    assert!(serve(&state, "127.0.0.1:0").failed(ENVIRONMENT).contains(&state.path()));
    assert_eq!(std::fs::read_to_string(state.path()).unwrap(), "in the way");
}
