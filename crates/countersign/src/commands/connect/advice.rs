//! What to do about the failures that newcomers meet first: a wrong file, a wrong address, a CA that is not trusted.

use countersign_client::{ClientError, Options};
use countersign_handshake::CredentialFileError;

/// The failure with the address it concerns and, where the words of the TLS library say little, what to do.
pub(super) fn of_connecting(error: anyhow::Error, options: &Options) -> anyhow::Error {
    let Some(ClientError::Io { what, error: cause }) = error.downcast_ref::<ClientError>() else { return error };
    let authority = options.endpoint.authority();
    match of_tls(&cause.to_string()) {
        Some(advice) => anyhow::anyhow!("{what}, {authority}: {cause}; {advice}"),
        None => anyhow::anyhow!("{what}, {authority}: {cause}"),
    }
}

fn of_tls(said: &str) -> Option<&'static str> {
    let advice = [
        ("UnknownIssuer", "if this is the right server, name its CA with --ca FILE"),
        ("CaUsedAsEndEntity", "the server shows a CA's certificate as its own: it is self-signed, and no Countersign gateway makes one"),
        ("NoApplicationProtocol", "the server does not offer what this carriage needs; `countersign probe` shows what it offers"),
        ("InvalidContentType", "the server speaks something else than TLS on this port"),
    ];
    advice.iter().find(|(name, _)| said.contains(name)).map(|(_, advice)| *advice)
}

/// Says of a file for another purpose what it is for.
pub(super) fn of_credential(error: &CredentialFileError, text: &str) -> String {
    let kind = serde_json::from_str::<serde_json::Value>(text).ok().and_then(|file| Some(file.get("kind")?.as_str()?.to_owned()));
    match kind {
        Some(kind) if kind != "native" && kind.len() < 32 => {
            format!("a credential for {kind:?}; connect takes a native one, as `countersign key new` writes it")
        }
        Some(_) | None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_for_another_purpose_is_told_apart_from_garbage() {
        let error = CredentialFileError::KidMismatch;
        assert!(of_credential(&error, r#"{"kind":"binance"}"#).contains("binance"));
        assert_eq!(of_credential(&error, r#"{"kind":"native"}"#), error.to_string());
        assert_eq!(of_credential(&error, "garbage"), error.to_string());
    }

    #[test]
    fn a_ca_that_is_not_trusted_can_be_named() {
        assert!(of_tls("invalid peer certificate: UnknownIssuer").is_some_and(|advice| advice.contains("--ca")));
        assert_eq!(of_tls("received fatal alert: HandshakeFailure"), None);
    }
}
