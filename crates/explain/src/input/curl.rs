//! A curl command line as the request that curl would send (curl 8, "curl.1").

use super::{InputError, shell};
use crate::request::Request;

/// Options that take a value and do not change what is signed.
const IGNORED_WITH_VALUE: &[&str] = &[
    "--cacert",
    "--cert",
    "--ciphers",
    "--connect-timeout",
    "--connect-to",
    "--cookie-jar",
    "--interface",
    "--key",
    "--limit-rate",
    "--max-redirs",
    "--max-time",
    "--output",
    "--proxy",
    "--resolve",
    "--retry",
    "--retry-delay",
    "--stderr",
    "--trace",
    "--trace-ascii",
    "--write-out",
    "-E",
    "-K",
    "-T",
    "-c",
    "-m",
    "-o",
    "-w",
    "-x",
];

/// Reads a command line.
///
/// # Errors
/// [`InputError`] without a URL, for an open quote, and for data that is in a file.
pub fn read(line: &str) -> Result<Request, InputError> {
    let mut command = Command::default();
    let mut words = shell::words(line)?.into_iter().skip(1);
    while let Some(word) = words.next() {
        command.take(&word, &mut words)?;
    }
    command.request()
}

#[derive(Default)]
struct Command {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    data: Vec<Vec<u8>>,
    has_data: bool,
    json: bool,
    get: bool,
    head: bool,
}

impl Command {
    fn take(&mut self, word: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), InputError> {
        let (name, inline) = split(word);
        let mut value = || inline.clone().or_else(|| rest.next()).ok_or_else(|| InputError::new(format!("curl: {name} lacks its value")));
        match name {
            "-X" | "--request" => self.method = Some(value()?),
            "-H" | "--header" => self.header(&value()?)?,
            "--url" => self.url = Some(value()?),
            "-d" | "--data" | "--data-ascii" | "--data-binary" => self.add(from_file(value()?)?.into_bytes()),
            "--data-raw" => {
                let raw = value()?;
                self.add(raw.into_bytes());
            }
            "--data-urlencode" => self.add(urlencoded(&value()?)?.into_bytes()),
            "--json" => {
                self.json = true;
                self.add(from_file(value()?)?.into_bytes());
            }
            "-G" | "--get" => self.get = true,
            "-I" | "--head" => self.head = true,
            "-A" | "--user-agent" => self.headers.push(("User-Agent".to_owned(), value()?.into_bytes())),
            "-e" | "--referer" => self.headers.push(("Referer".to_owned(), value()?.into_bytes())),
            "-b" | "--cookie" => self.headers.push(("Cookie".to_owned(), value()?.into_bytes())),
            "-u" | "--user" => drop(value()?),
            "-F" | "--form" => return Err(InputError::new("curl: --form sends multipart bodies, which no dialect signs")),
            name if IGNORED_WITH_VALUE.contains(&name) => drop(value()?),
            name if name.starts_with('-') && name.len() > 1 => {}
            _ => self.url = Some(word.to_owned()),
        }
        Ok(())
    }

    fn header(&mut self, text: &str) -> Result<(), InputError> {
        if text.starts_with('@') {
            return Err(InputError::new("curl: the headers are in a file; give them with -H"));
        }
        // `Name;` sends an empty header, `Name:` removes one.
        if let Some((name, value)) = text.split_once(':') {
            if !value.trim().is_empty() {
                self.headers.push((name.trim().to_owned(), value.trim_matches([' ', '\t']).as_bytes().to_vec()));
            }
        } else if let Some(name) = text.strip_suffix(';') {
            self.headers.push((name.to_owned(), Vec::new()));
        }
        Ok(())
    }

    fn add(&mut self, data: Vec<u8>) {
        self.has_data = true;
        self.data.push(data);
    }

    fn request(mut self) -> Result<Request, InputError> {
        let url = self.url.take().ok_or_else(|| InputError::new("curl: there is no URL"))?;
        let (scheme, rest) = url.split_once("://").map_or((None, url.as_str()), |(scheme, rest)| (Some(scheme.to_owned()), rest));
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, mut target) =
            rest.find(['/', '?']).map_or_else(|| (rest, String::from("/")), |at| (&rest[..at], rest[at..].to_owned()));
        if target.starts_with('?') {
            target.insert(0, '/');
        }
        let joined = self.data.join(if self.json { &b""[..] } else { &b"&"[..] });
        let mut body = joined;
        if self.get && !body.is_empty() {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(&String::from_utf8_lossy(&body));
            body = Vec::new();
        }
        let has = |name: &str| self.headers.iter().any(|(each, _)| each.eq_ignore_ascii_case(name));
        let authority = authority.rsplit('@').next().unwrap_or_default().to_owned();
        let (host, kind) = (has("host"), has("content-type"));
        if !host {
            self.headers.insert(0, ("Host".to_owned(), authority.into_bytes()));
        }
        if self.has_data && !self.get && !kind {
            let kind = if self.json { "application/json" } else { "application/x-www-form-urlencoded" };
            self.headers.push(("Content-Type".to_owned(), kind.into()));
        }
        let usual = if self.head {
            "HEAD"
        } else if self.has_data && !self.get {
            "POST"
        } else {
            "GET"
        };
        let method = self.method.unwrap_or_else(|| usual.to_owned());
        Ok(Request { method, target: target.into_bytes(), headers: self.headers, body, scheme, notes: Vec::new() })
    }
}

/// An option and the value in the same word: `--url=…` is none of curl's, `-XPOST` is.
fn split(word: &str) -> (&str, Option<String>) {
    let short = word.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    match word.char_indices().nth(2) {
        Some((at, _)) if short && "XHdAebumoxwcEKT".contains(&word[1..2]) => (&word[..at], Some(word[at..].to_owned())),
        _ => (word, None),
    }
}

fn from_file(data: String) -> Result<String, InputError> {
    match data.strip_prefix('@') {
        Some(name) => Err(InputError::new(format!("curl: the body is in {name}; put its text in place of @{name}"))),
        None => Ok(data),
    }
}

/// `content`, `=content`, `name=content`; files are not read.
fn urlencoded(data: &str) -> Result<String, InputError> {
    match data.split_once('=') {
        Some(("", content)) => Ok(encode(content)),
        Some((name, content)) => Ok(format!("{name}={}", encode(content))),
        None if data.contains('@') => Err(InputError::new("curl: the data to encode is in a file; put its text there")),
        None => Ok(encode(data)),
    }
}

/// As curl does it: everything but unreserved characters, digits in upper case.
fn encode(text: &str) -> String {
    crate::vary::encoding::percent_encode(text.as_bytes(), &|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_command_is_the_request_that_curl_sends() {
        let request = read(
            "curl -s -XPOST 'https://api.binance.com/api/v3/order?a=1' \\\n -H \"X-MBX-APIKEY: k\" -d 'b=2' --data-urlencode 'c=x y&z' -o /dev/null",
        )
        .unwrap();
        assert_eq!((request.method.as_str(), request.target.as_slice()), ("POST", &b"/api/v3/order?a=1"[..]));
        assert_eq!(request.body, b"b=2&c=x%20y%26z");
        assert_eq!((request.header("host"), request.header("x-mbx-apikey")), (Some("api.binance.com"), Some("k")));
    }

    #[test]
    fn get_moves_the_data_into_the_query() {
        let request = read("curl -G https://h:8443/p --data-raw a=@1 -d b=2 -H 'E;' -H 'Gone:'").unwrap();
        assert_eq!((request.method.as_str(), request.target.as_slice(), request.body.len()), ("GET", &b"/p?a=@1&b=2"[..], 0));
        assert_eq!((request.header("host"), request.header("e"), request.header("gone")), (Some("h:8443"), Some(""), None));
        assert_eq!(read("curl --url h").unwrap().target, b"/");
        assert_eq!(read("curl h --json '{}' ").unwrap().header("content-type"), Some("application/json"));
    }

    #[test]
    fn what_is_in_a_file_is_asked_for() {
        assert!(read("curl h -d @body.json").unwrap_err().0.contains("body.json"));
        assert!(read("curl -H a:b").unwrap_err().0.contains("no URL"));
        assert!(read("curl h -X").unwrap_err().0.contains("-X lacks"));
    }
}
