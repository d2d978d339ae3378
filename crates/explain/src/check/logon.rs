//! Framing of a Logon: what an engine does by itself, and what goes wrong where a program does it.

use countersign_fix::framer::check_sum;
use countersign_fix::tag;
use countersign_fix::utc_timestamp::UtcTimestamp;

use crate::catalogue::Mistake;
use crate::input::fix::FixLine;
use crate::report::Finding;

/// The faults of a message as such.
pub(crate) fn check(line: &FixLine) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tags: Vec<u32> = line.fields.iter().map(|(tag, _)| *tag).collect();
    let begins = tags.starts_with(&[tag::BEGIN_STRING, tag::BODY_LENGTH, tag::MSG_TYPE]);
    if !begins || tags.last() != Some(&tag::CHECK_SUM) {
        let shown: Vec<String> = tags.iter().take(3).map(u32::to_string).collect();
        let last = tags.last().map_or(0, |tag| *tag);
        findings.push(Finding::fault(Mistake::FixHeaderOrder, format!("it begins with {} and ends with {last}", shown.join(", "))));
    }
    if let Some(length) = line.text(tag::BODY_LENGTH).filter(|length| length.parse() != Ok(line.body_length)) {
        findings.push(Finding::fault(Mistake::FixBodyLength, format!("9={length}, and {} bytes follow", line.body_length)));
    }
    let right = format!("{:03}", line.check_sum);
    if let Some(sum) = line.text(tag::CHECK_SUM).filter(|sum| *sum != right) {
        let hint = if sum.parse() == Ok(piped(line)) { ": it is that of the text with `|` for SOH" } else { "" };
        findings.push(Finding::fault(Mistake::FixCheckSum, format!("10={sum}, and the sum is {right}{hint}")));
    }
    if let (Some(length), Some(data)) = (line.text(tag::RAW_DATA_LENGTH), line.value(tag::RAW_DATA))
        && length.parse() != Ok(data.len())
    {
        findings.push(Finding::fault(Mistake::FixRawDataLength, format!("95={length}, and 96 has {} bytes", data.len())));
    }
    for tag in [tag::MSG_SEQ_NUM, tag::SENDER_COMP_ID, tag::TARGET_COMP_ID, tag::SENDING_TIME] {
        if line.value(tag).is_none_or(<[u8]>::is_empty) {
            findings.push(Finding::fault(Mistake::HeaderMissing, format!("there is no field {tag}")));
        }
    }
    if let Some(sent) = line.value(tag::SENDING_TIME).filter(|sent| !sent.is_empty() && UtcTimestamp::parse(sent).is_err()) {
        let detail = format!("52={} is no UTCTimestamp such as 20261121-00:53:20.000", sent.escape_ascii());
        findings.push(Finding::fault(Mistake::TimestampFormat, detail));
    }
    if line.value(tag::MSG_TYPE) != Some(b"A") {
        let kind = line.text(tag::MSG_TYPE).unwrap_or_default().to_owned();
        findings.push(Finding::fault(Mistake::Refused, format!("35={kind} is no Logon; only a Logon (35=A) carries a proof")));
    }
    findings
}

/// The checksum of the text with a bar for each SOH.
fn piped(line: &FixLine) -> u8 {
    let fields = line.fields.iter().filter(|(tag, _)| *tag != tag::CHECK_SUM);
    let text: Vec<u8> = fields.flat_map(|(tag, value)| [format!("{tag}=").as_bytes(), value, b"|"].concat()).collect();
    check_sum(&text)
}
