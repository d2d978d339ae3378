//! A permitted request to its upstream, and the answer back.

use std::io;
use std::rc::Rc;

use bytes::{Buf as _, BytesMut};
use countersign_core::{Freshness, Monotonic, Refusal, Reject};
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer::{self, AnswerHead, BodyEnd, Ours, write_correlation};
use super::chunks::{Chunks, write_chunk, write_last_chunk};
use super::client::Client;
use super::limits::INTERIM_ANSWERS_MAX;
use super::line::Line;
use super::own::{self, Answered};
use super::turn::Permitted;
use crate::clock;
use crate::exchange;

/// Sends the request in `out` and streams the answer; whether the client's connection stays open.
///
/// # Errors
/// As the client's stream; also when an answer breaks off behind its head, because the client must see that it did.
pub(super) async fn relay<S>(client: &mut Client<'_, S>, permitted: Box<Permitted>, out: &mut BytesMut) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut read = client.worker.scratch.take();
    let open = match ask(client, &permitted, out, &mut read).await {
        Ok((line, head, answered)) => {
            let metrics = &client.worker.shared.metrics;
            metrics.route_answered(permitted.route.index, head.status);
            metrics.request_done(head.status, answered.saturating_since(permitted.asked.started));
            let closes = own::closes(client, &permitted.asked);
            write_correlation(permitted.asked.correlation, out);
            own::finish_head(client, head.dated, closes, out);
            drop(permitted);
            stream(client, line, head, &mut read, out).await.map(|()| !closes)
        }
        Err(refusal) => {
            let Permitted { asked, route, subject, words, .. } = *permitted;
            let answer = exchange::refused(client.worker, client.connection, &route, &subject, &words, &refusal, asked.correlation);
            client.worker.shared.metrics.route_answered(route.index, answer.status().as_u16());
            own::send(client, Answered { asked, answer }, out).await
        }
    };
    client.worker.scratch.give(read);
    open
}

/// Sends the request and waits for the head of the answer, which is then in `out`, as the client gets it; and when it came.
async fn ask<S>(
    client: &mut Client<'_, S>,
    permitted: &Permitted,
    out: &mut BytesMut,
    read: &mut BytesMut,
) -> Result<(Line, AnswerHead, Monotonic), Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let worker = Rc::clone(client.worker);
    let metrics = &worker.shared.metrics;
    let failed = |reject: Reject| {
        metrics.upstream_failed(reject);
        Refusal::from(reject)
    };
    let permit = &permitted.admitted.permit;
    let upstream = worker.upstream(permit);
    let mut line = Line::lease(upstream, permitted.asked.started).await.map_err(failed)?;
    let freshness = permitted.admitted.login.as_ref().map_or(Freshness::Channel, |login| login.freshness);
    countersign_core::verify::check_window(freshness, clock::wall())?;
    worker.shared.halts.gate().confirm(permit)?;
    metrics.forwarded(permit.route());
    let sent = clock::mono();
    let asking = async {
        line.send(permit, out).await?;
        permit.sent();
        out.clear();
        head(&mut line, permitted, read, out).await
    };
    match client.timer.before(sent.saturating_add(upstream.config().response_timeout), asking).await {
        Some(Ok(head)) => {
            let answered = clock::mono();
            metrics.upstream_answered(answered.saturating_since(sent));
            if head.status < 200 {
                // Nobody asked to switch protocols: a client that believed it would read the rest as something else.
                return Err(Refusal::operator(Reject::UpstreamUnavailable, "the upstream switched protocols unasked"));
            }
            Ok((line, head, answered))
        }
        Some(Err(error)) => {
            tracing::warn!(upstream = line.authority(), %error, "upstream answer failed");
            Err(failed(Reject::UpstreamUnavailable))
        }
        None => Err(failed(Reject::UpstreamTimeout)),
    }
}

/// Reads until the head of the answer is there; what follows it is left in `read`.
async fn head(line: &mut Line, permitted: &Permitted, read: &mut BytesMut, out: &mut BytesMut) -> io::Result<AnswerHead> {
    let ours = ours(permitted);
    let mut interim = 0;
    loop {
        if line.read(read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while let Some(head) = answer::read(read, permitted.asked.to_head, &ours, out).map_err(io::Error::other)? {
            read.advance(head.length);
            if head.status >= 200 || head.status == 101 {
                return Ok(head);
            }
            interim += 1;
            if interim > INTERIM_ANSWERS_MAX {
                return Err(io::Error::other("too many interim answers"));
            }
        }
    }
}

fn ours(permitted: &Permitted) -> Ours {
    let Some(login) = &permitted.admitted.login else { return Ours::default() };
    let dialect = permitted.route.family.dialect();
    let rates = dialect.map(|dialect| dialect.rate_headers(&permitted.admitted.usage, &permitted.words.context())).unwrap_or_default();
    Ours { rates, login: login.answer_headers.clone() }
}

/// Streams the body behind the head in `out`. `read` has the beginning of it.
async fn stream<S>(client: &mut Client<'_, S>, mut line: Line, head: AnswerHead, read: &mut BytesMut, out: &mut BytesMut) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut body = Body::new(head.body);
    loop {
        let done = body.pass(read, out)?;
        if done {
            // Given back before the client is written to: whoever asks next finds it.
            if head.keeps_alive && read.is_empty() {
                line.give_back();
            }
            return client.write(out).await;
        }
        if !out.is_empty() {
            client.write(out).await?;
            out.clear();
        }
        // Nothing of this piece is needed any more, and the buffer is whole again.
        if read.is_empty() {
            client.worker.scratch.give(std::mem::take(read));
            *read = client.worker.scratch.take();
        }
        // The client may be gone, and nobody would notice: it is not listened to while it is answered.
        let patience = client.worker.shared.settings.limits.upstream_silence_max;
        let count = client.timer.within(patience, line.read(read)).await.ok_or(io::ErrorKind::TimedOut)??;
        if count == 0 {
            body.end(out)?;
            return client.write(out).await;
        }
    }
}

/// What is still to come of a body.
enum Body {
    Chunked { chunks: Chunks, data: BytesMut },
    Close,
    Length(u64),
}

impl Body {
    fn new(end: BodyEnd) -> Self {
        match end {
            BodyEnd::Chunked => Self::Chunked { chunks: Chunks::default(), data: BytesMut::new() },
            BodyEnd::Close => Self::Close,
            BodyEnd::Length(length) => Self::Length(length),
        }
    }

    /// Passes on what was read; whether that was the end.
    fn pass(&mut self, read: &mut BytesMut, out: &mut BytesMut) -> io::Result<bool> {
        match self {
            Self::Chunked { chunks, data } => {
                let count = chunks.decode(read, data).map_err(io::Error::other)?;
                read.advance(count);
                write_chunk(data, out);
                data.clear();
                if chunks.is_done() {
                    write_last_chunk(out);
                }
                Ok(chunks.is_done())
            }
            Self::Close => {
                write_chunk(read, out);
                read.clear();
                Ok(false)
            }
            Self::Length(left) => {
                let count = usize::try_from(*left).map_or(read.len(), |left| left.min(read.len()));
                out.extend_from_slice(&read[..count]);
                read.advance(count);
                *left -= count as u64;
                Ok(*left == 0)
            }
        }
    }

    /// The upstream has closed.
    fn end(&self, out: &mut BytesMut) -> io::Result<()> {
        match self {
            Self::Close => {
                write_last_chunk(out);
                Ok(())
            }
            Self::Chunked { .. } | Self::Length(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
