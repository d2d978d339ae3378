//! Settings from the environment: `COUNTERSIGN_` and the key in upper case, dots as two underscores.
//!
//! `listen.address` is `COUNTERSIGN_LISTEN__ADDRESS`. Names without two underscores are looked at only for the keys that are in
//! no section, and are otherwise ignored: container platforms set variables such as `COUNTERSIGN_PORT` on their own. Routes
//! come from the file only: a list in the environment could not be reviewed.

use super::raw::{Origin, RawConfig};

/// Start of every name.
pub const ENVIRONMENT_PREFIX: &str = "COUNTERSIGN_";
/// Stands for the dot of a key.
const SEPARATOR: &str = "__";
/// Keys outside sections.
pub(super) const TOP_LEVEL: &[&str] = &["state_dir", "workers", "demo_account"];

/// The variable that sets a key.
#[must_use]
pub fn environment_name(key: &str) -> String {
    format!("{ENVIRONMENT_PREFIX}{}", key.replace('.', SEPARATOR).to_ascii_uppercase())
}

pub(super) fn read(environment: &[(String, String)], raw: &mut RawConfig) {
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
        let key = rest.to_ascii_lowercase().replace(SEPARATOR, ".");
        if key.contains('.') || TOP_LEVEL.contains(&key.as_str()) {
            raw.set_text(&key, value, Origin::Environment(name.clone()));
        }
    }
}
