//! A raw HTTP request: request line, headers, blank line, body; lines may end with LF alone, as text files have them.

use super::InputError;
use crate::request::Request;

/// Reads a request.
///
/// # Errors
/// [`InputError`] when the first line is no request line.
pub fn read(bytes: &[u8]) -> Result<Request, InputError> {
    let (first, mut rest) = line(bytes);
    let first = str::from_utf8(first).map_err(|_| no_request())?;
    if first.starts_with("HTTP/") {
        return Err(InputError::new("this is the answer; what is explained is the request that was sent (curl -v shows it behind `>`)"));
    }
    if first.starts_with("https://") || first.starts_with("http://") {
        let mut request = Request { method: "GET".to_owned(), ..Request::default() };
        set_target(&mut request, first.trim());
        request.notes.push("an address alone is read as a GET of it, without headers".to_owned());
        return Ok(request);
    }
    let mut words = first.split_ascii_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Err(no_request()) };
    if !method.bytes().all(|byte| byte.is_ascii_alphabetic()) || !(target.starts_with('/') || target.contains("://")) {
        return Err(no_request());
    }
    let mut request = Request { method: method.to_owned(), ..Request::default() };
    while !rest.is_empty() {
        let (header, after) = line(rest);
        rest = after;
        if header.is_empty() {
            break;
        }
        let Some(colon) = header.iter().position(|byte| *byte == b':') else {
            request.notes.push(format!("a header line without a colon was left out: {}", header.escape_ascii()));
            continue;
        };
        let name = String::from_utf8_lossy(&header[..colon]).trim().to_owned();
        request.headers.push((name, header[colon + 1..].trim_ascii().to_vec()));
    }
    set_target(&mut request, target);
    request.body = body(rest, &mut request);
    Ok(request)
}

fn no_request() -> InputError {
    InputError::new("the input is no HTTP request, curl command, WebSocket frame (JSON) or FIX message; a request begins with GET /path")
}

/// Origin form, or absolute form (RFC 9112, 3.2).
fn set_target(request: &mut Request, target: &str) {
    let Some((scheme, rest)) = target.split_once("://") else {
        request.target = target.as_bytes().to_vec();
        return;
    };
    let (authority, path) = rest.find(['/', '?']).map_or((rest, "/"), |at| rest.split_at(at));
    request.scheme = Some(scheme.to_owned());
    request.target = if path.starts_with('?') { format!("/{path}").into_bytes() } else { path.as_bytes().to_vec() };
    if request.header("host").is_none() {
        request.headers.insert(0, ("Host".to_owned(), authority.as_bytes().to_vec()));
    }
}

/// So many bytes as Content-Length says. Without one the last line break is the editor's: what the client sent is tried with and
/// without it anyway.
fn body(rest: &[u8], request: &mut Request) -> Vec<u8> {
    let length: Option<usize> = request.header("content-length").and_then(|text| text.parse().ok());
    match length {
        Some(length) if length <= rest.len() => {
            if !rest[length..].trim_ascii().is_empty() {
                request.notes.push(format!("Content-Length is {length}, and {} bytes are there: the rest is left out", rest.len()));
            }
            rest[..length].to_vec()
        }
        Some(length) => {
            request.notes.push(format!("Content-Length is {length}, and {} bytes of body are there", rest.len()));
            rest.to_vec()
        }
        None => rest.strip_suffix(b"\r\n").or_else(|| rest.strip_suffix(b"\n")).unwrap_or(rest).to_vec(),
    }
}

fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_line_ends_are_read() {
        for end in ["\n", "\r\n"] {
            let text = ["POST /a?b=c HTTP/1.1", "Host: h", "X-Key:  v ", "", "{\"d\": 1}", ""].join(end);
            let request = read(text.as_bytes()).unwrap();
            assert_eq!((request.target.as_slice(), request.body.as_slice()), (&b"/a?b=c"[..], &b"{\"d\": 1}"[..]));
            assert_eq!(request.header("x-key"), Some("v"));
        }
    }

    #[test]
    fn content_length_rules_the_body() {
        let request = read(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na=1\n\n").unwrap();
        assert_eq!(request.body, b"a=1\n");
        assert_eq!(read(b"POST / HTTP/1.1\nContent-Length: 9\n\na=1").unwrap().notes.len(), 1);
    }

    #[test]
    fn the_absolute_form_names_host_and_scheme() {
        let request = read(b"GET https://h:1/p?q=1").unwrap();
        assert_eq!((request.header("host"), request.target.as_slice()), (Some("h:1"), &b"/p?q=1"[..]));
        assert!(read(b"hello world").is_err() && read(b"GET").is_err());
    }
}
