//! A secret is not printed, and not compared but in constant time.
use countersign_core::Secret;

fn print(secret: &Secret) -> String {
    secret.to_string()
}

fn compare(one: &Secret, other: &Secret) -> bool {
    one == other
}

fn main() {}
