//! A session on raw TLS or a WebSocket: lines in, messages out, heartbeats meanwhile.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use countersign_client::{ClientError, Incoming, Ladder, Options, Resumed, Session};
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use super::prompt::{self, HELP, Line};
use super::stdin::Read;
use super::{ANSWER_WAIT, show, show_broken, stdin};
use crate::commands::output;

/// Connects, then runs until the input ends and what was asked is answered.
pub(super) async fn run(options: &Options, as_json: bool, ladder: &mut Ladder) -> anyhow::Result<()> {
    let session = match Session::connect(options, ladder).await {
        Ok(session) => session,
        Err(error) => {
            show_broken(ladder, as_json);
            return Err(error.into());
        }
    };
    if !as_json {
        output::line(format!("{}\n\n{}\n", show::ladder(ladder), show::contract(session.agreed())))?;
    }
    let prompting = !as_json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut talk = Talk { session, as_json, prompting, asked: 0, answered: 0 };
    talk.prompt()?;
    talk.run(stdin::lines()).await?;
    if prompting {
        // The shell's prompt belongs on a line of its own.
        output::line("")?;
    }
    match talk.session.close().await {
        // Nobody to say it to: the session waits for its client, and ends by itself.
        Err(ClientError::Away) => Ok(()),
        closed => Ok(closed?),
    }
}

/// Said of a message while there is no connection.
const NOT_SENT: &str = "not sent: the connection is lost, the session is being resumed";

struct Talk {
    session: Session,
    as_json: bool,
    prompting: bool,
    asked: u64,
    answered: u64,
}

/// Whether the input goes on.
#[derive(PartialEq)]
enum Input {
    Ended,
    GoesOn,
}

impl Talk {
    async fn run(&mut self, mut lines: Receiver<Read>) -> anyhow::Result<()> {
        let mut input = Input::GoesOn;
        // Far away until the input ends.
        let mut deadline = Instant::now() + Duration::from_secs(u64::from(u32::MAX));
        while input == Input::GoesOn || self.answered < self.asked {
            tokio::select! {
                line = lines.recv(), if input == Input::GoesOn => {
                    input = match line {
                        Some(Ok(line)) => self.take_line(&line).await?,
                        Some(Err(why)) => self.complain(why)?,
                        None => Input::Ended,
                    };
                    if input == Input::Ended {
                        deadline = Instant::now() + ANSWER_WAIT;
                    }
                }
                incoming = self.session.next() => self.take(incoming?)?,
                () = tokio::time::sleep_until(deadline) => {
                    output::note(format!("countersign: {} answers did not come in time", self.asked.saturating_sub(self.answered)));
                    break;
                }
            }
        }
        Ok(())
    }

    async fn take_line(&mut self, line: &str) -> anyhow::Result<Input> {
        if self.as_json {
            if !line.trim().is_empty() {
                // Checked here: a body that is no JSON would break the frame around it and end the session.
                match serde_json::from_str::<&serde_json::value::RawValue>(line) {
                    Ok(body) => self.send(body.get()).await?,
                    Err(error) => return self.complain(&format!("not JSON: {error}")),
                }
            }
            return Ok(Input::GoesOn);
        }
        match prompt::read(line, self.asked + 1) {
            Err(why) => return self.complain(&why),
            Ok(Line::Help) => self.say(HELP)?,
            Ok(Line::Nothing) => self.prompt()?,
            Ok(Line::Quit) => return Ok(Input::Ended),
            Ok(Line::Send(request)) => self.send(&request.to_string()).await?,
        }
        Ok(Input::GoesOn)
    }

    /// Of a line that is no message.
    fn complain(&self, why: &str) -> anyhow::Result<Input> {
        if self.as_json {
            output::line(json!({"err": {"code": "input", "text": why}}).to_string())?;
        } else {
            self.say(why)?;
        }
        Ok(Input::GoesOn)
    }

    async fn send(&mut self, body: &str) -> anyhow::Result<()> {
        match self.session.send(body).await {
            Ok(_) => self.asked += 1,
            // Not kept for later: an order of now is no order of then.
            Err(ClientError::Away) if self.as_json => output::line(json!({"err": {"code": "away", "text": NOT_SENT}}).to_string())?,
            Err(ClientError::Away) => self.say(NOT_SENT)?,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Says what became of the session; what was not applied gets no answer.
    fn resumed(&mut self, resumed: &Resumed) -> anyhow::Result<()> {
        let Resumed { attempts, took, replayed, not_applied, lost } = resumed;
        let unanswered = not_applied.map_or(0, |(_, count)| count);
        self.answered = (self.answered + unanswered).min(self.asked);
        if self.as_json {
            let range = |range: &Option<(u64, u64)>| range.map(|(from, count)| json!({"from": from, "count": count}));
            let said = json!({"resumed": {
                "attempts": attempts, "took_ms": millis(*took), "replayed": replayed,
                "not_applied": range(not_applied), "lost": range(lost), "ch": self.session.agreed().ch.text(),
            }});
            return output::line(said.to_string());
        }
        let mut said = format!("resumed after {} ms, {attempts} attempts; {replayed} missed messages follow", took.as_millis());
        if let Some((from, count)) = not_applied {
            said.push_str(&format!("; {count} of yours from number {from} on were NOT applied, and are not sent again"));
        }
        if let Some((_, count)) = lost {
            said.push_str(&format!("; {count} messages are lost: ask for your open orders"));
        }
        self.say(&said)
    }

    fn take(&mut self, incoming: Incoming) -> anyhow::Result<()> {
        match incoming {
            Incoming::Away(why) if self.as_json => output::line(json!({"away": {"text": why}}).to_string()),
            Incoming::Away(why) => self.say(&format!("{why}; resuming the session")),
            Incoming::Lost { from, count } if self.as_json => {
                output::line(json!({"gap": {"from": from, "count": count, "how": "lost"}}).to_string())
            }
            Incoming::Lost { count, .. } => self.say(&format!("{count} messages are lost: ask for your open orders")),
            Incoming::Resumed(resumed) => self.resumed(&resumed),
            Incoming::Drain(by) if self.as_json => output::line(json!({"drain": {"by_ms": millis(by)}}).to_string()),
            Incoming::Drain(by) => self.say(&format!("this node leaves within {} ms; connect again", by.as_millis())),
            Incoming::Halt { id, action, reason } if self.as_json => {
                output::line(json!({"halt": {"id": id, "action": action, "reason": reason}}).to_string())
            }
            Incoming::Halt { id, action, reason } => self.say(&format!("halted ({id}): {action}, because of {reason}")),
            Incoming::Lift if self.as_json => output::line(json!({"lift": {}}).to_string()),
            Incoming::Lift => self.say("no halt any more"),
            Incoming::Message(body) => {
                self.answered += u64::from(is_answer(&body));
                if self.as_json { output::line(body) } else { self.say(&show::message(&body)) }
            }
            Incoming::NotApplied { from, count } if self.as_json => {
                output::line(json!({"nack": {"from": from, "count": count}}).to_string())
            }
            Incoming::NotApplied { from, count } => self.say(&format!("{count} messages from number {from} on were not applied")),
            Incoming::Regranted { .. } if self.as_json => {
                let agreed = self.session.agreed();
                let scopes: Vec<_> = agreed.contract.scopes.iter().map(|scope| scope.as_str()).collect();
                let said = json!({"scopes": scopes, "life_s": agreed.contract.life().as_secs(), "ch": agreed.ch.text()});
                output::line(json!({ "regranted": said }).to_string())
            }
            Incoming::Regranted { asked: true } => {
                let contract = &self.session.agreed().contract;
                self.say(&format!("proved again: {} s from now, scopes {}", contract.life().as_secs(), contract.scopes))
            }
            Incoming::Regranted { asked: false } => {
                self.say(&format!("the key lost scopes; left are: {}", self.session.agreed().contract.scopes))
            }
            Incoming::RegrantRefused(err) if self.as_json => output::line(format!("{{\"not_regranted\":{err}}}")),
            Incoming::RegrantRefused(err) => self.say(&format!("not proved again: {err}")),
            Incoming::Refused(err) => {
                self.answered += 1;
                let frame = format!("{{\"err\":{err}}}");
                if self.as_json { output::line(frame) } else { self.say(&show::message(&frame)) }
            }
        }
    }

    fn say(&self, text: &str) -> anyhow::Result<()> {
        if self.prompting {
            // Over the prompt that stands there.
            output::text("\r")?;
        }
        output::line(text)?;
        self.prompt()
    }

    fn prompt(&self) -> anyhow::Result<()> {
        if self.prompting {
            let mut out = std::io::stdout().lock();
            write!(out, "> ")?;
            out.flush()?;
        }
        Ok(())
    }
}

/// Answers are what is no event.
fn is_answer(body: &str) -> bool {
    serde_json::from_str::<Value>(body).is_ok_and(|message| message.get("ev").is_none())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
