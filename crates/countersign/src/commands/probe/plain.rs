//! What a port speaks that does not speak TLS.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::target::Target;

/// Of what a server says first, so much is looked at and shown.
const WORDS_BYTES_MAX: usize = 48;

/// Asks as over plain HTTP and says what that came to.
pub(super) async fn spoken(target: &Target) -> String {
    match tokio::time::timeout(target.deadline, first_words(target)).await {
        Ok(Ok(words)) => describe(&words),
        Ok(Err(_)) | Err(_) => "not TLS, and nothing that can be told".to_owned(),
    }
}

async fn first_words(target: &Target) -> anyhow::Result<Vec<u8>> {
    let mut stream = target.tcp().await?;
    let request = format!("HEAD / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", target.name());
    stream.write_all(request.as_bytes()).await?;
    let mut words = vec![0; WORDS_BYTES_MAX];
    let count = stream.read(&mut words).await?;
    words.truncate(count);
    Ok(words)
}

fn describe(words: &[u8]) -> String {
    if words.starts_with(b"HTTP/") {
        return "HTTP without TLS: this is not the port for https:// and wss://".to_owned();
    }
    if words.starts_with(b"SSH-") {
        return "SSH: this is the port of another service".to_owned();
    }
    if words.is_empty() {
        return "not TLS; asked over HTTP it says nothing".to_owned();
    }
    format!("not TLS: asked over HTTP it says \"{}\"", words.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn a_protocol_is_named_by_its_first_words() {
        assert!(describe(b"HTTP/1.1 400 Bad Request\r\n").starts_with("HTTP without TLS"));
        assert!(describe(b"SSH-2.0-OpenSSH_9.2p1\r\n").starts_with("SSH"));
        assert!(describe(b"").contains("nothing"));
        assert_eq!(describe(b"220 mail\r\n"), "not TLS: asked over HTTP it says \"220 mail\\r\\n\"");
    }
}
