//! What goes before a vector: those it names, or others of the same clients.

use std::collections::BTreeMap;

use super::format::Vector;

/// The vectors that go before this one, and in words which of them stand in for others.
///
/// # Errors
/// The id of one that is not in the file, as nothing else of its client is.
pub(super) fn of<'v>(
    vector: &'v Vector,
    file: &'v super::VectorFile,
    by_id: &BTreeMap<&str, &'v Vector>,
) -> Result<(Vec<&'v Vector>, String), &'v str> {
    let mut instead = Vec::new();
    let earlier = vector.after.iter().map(|id| {
        by_id.get(id.as_str()).copied().or_else(|| {
            let other = of_same_client(id, vector, file)?;
            instead.push(format!("{id} is not in the file; {} of the same client goes before it", other.id));
            Some(other)
        })
    });
    let earlier = earlier.zip(&vector.after).map(|(found, id)| found.ok_or(id.as_str())).collect::<Result<_, _>>()?;
    Ok((earlier, instead.join("; ")))
}

/// The first accepted vector of the client and kind of key that an id begins with. It must be of the same key: only what was accepted
/// of that one leaves a nonce behind.
fn of_same_client<'v>(id: &str, vector: &Vector, file: &'v super::VectorFile) -> Option<&'v Vector> {
    let client = client_of(id)?;
    file.vectors.iter().find(|other| {
        let recorded = !other.id.contains('#') && other.id != vector.id;
        recorded && other.expect.word() == "accept" && other.key == vector.key && client_of(&other.id) == Some(client)
    })
}

/// Dialect, client and kind of key: what stands before the last slash.
fn client_of(id: &str) -> Option<&str> {
    let recorded = id.split('#').next()?;
    recorded.rsplit_once('/').map(|(client, _call)| client)
}
