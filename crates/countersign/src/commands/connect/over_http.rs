//! Requests over HTTP/1.1: the offer rides on the first one, the access token on the others.

use countersign_client::{HttpAnswer, HttpSession, Ladder, Options};
use http::Method;
use serde_json::{Value, json};

use super::prompt::{self, HELP, Line};
use super::{show, show_broken, stdin};
use crate::commands::output;

/// What a person's connection begins with, so that the contract is there before the first word.
const FIRST_REQUEST: &str = "/native/v1/markets";

/// Runs until the input ends. Each request is answered before the next is sent.
pub(super) async fn run(options: &Options, as_json: bool, ladder: &mut Ladder) -> anyhow::Result<()> {
    let mut talk = Talk { options, as_json, session: None };
    if !as_json {
        talk.exchange(Method::GET, FIRST_REQUEST, "", ladder).await?;
    }
    let mut lines = stdin::lines();
    let mut count = 0;
    while let Some(line) = lines.recv().await {
        count += 1;
        let request = match line.map_err(str::to_owned).and_then(|line| talk.read(&line, count)) {
            Ok(Line::Send(request)) => request,
            Ok(Line::Quit) => break,
            Ok(Line::Help) => {
                output::line(HELP)?;
                continue;
            }
            Ok(Line::Nothing) => continue,
            Err(why) => {
                talk.complain("input", &why)?;
                continue;
            }
        };
        let Some((method, target, body)) = prompt::as_http(&request) else {
            talk.complain("unsupported", "this operation needs a session: --carriage raw or websocket")?;
            continue;
        };
        let answer = talk.exchange(method, &target, &body, ladder).await?;
        talk.show(&answer)?;
    }
    Ok(())
}

struct Talk<'o> {
    options: &'o Options,
    as_json: bool,
    session: Option<HttpSession>,
}

impl Talk<'_> {
    fn read(&self, line: &str, id: u64) -> Result<Line, String> {
        match line.trim() {
            "" => Ok(Line::Nothing),
            body if self.as_json => serde_json::from_str::<Value>(body).map(Line::Send).map_err(|error| format!("not JSON: {error}")),
            words => prompt::read(words, id),
        }
    }

    /// The first exchange makes the session.
    async fn exchange(&mut self, method: Method, target: &str, body: &str, ladder: &mut Ladder) -> anyhow::Result<HttpAnswer> {
        if let Some(session) = &mut self.session {
            return Ok(session.request(method, target, body).await?);
        }
        match HttpSession::connect(self.options, method, target, body, ladder).await {
            Ok((session, answer)) => {
                if !self.as_json {
                    output::line(format!("{}\n\n{}\n", show::ladder(ladder), show::contract(session.agreed())))?;
                }
                self.session = Some(session);
                Ok(answer)
            }
            Err(error) => {
                show_broken(ladder, self.as_json);
                Err(error.into())
            }
        }
    }

    fn show(&self, answer: &HttpAnswer) -> anyhow::Result<()> {
        if self.as_json {
            return output::line(answer.body.trim_end());
        }
        let refused = serde_json::from_str::<Value>(&answer.body).ok().and_then(|body| body.get("error").cloned());
        match refused {
            Some(error) => output::line(show::message(&json!({"err": error}).to_string())),
            None => output::line(show::message(&answer.body)),
        }
    }

    fn complain(&self, code: &str, why: &str) -> anyhow::Result<()> {
        if self.as_json { output::line(json!({"err": {"code": code, "text": why}}).to_string()) } else { output::line(why) }
    }
}
