//! A report as text for people.

use std::fmt::Write as _;

use crate::report::{Finding, Report, SignedText, Verdict, Weight};

/// The text of a report.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = write_all(report, &mut out);
    out
}

fn write_all(report: &Report, out: &mut String) -> std::fmt::Result {
    match &report.dialect {
        Some(dialect) => writeln!(out, "{} of dialect {}: {}\n", report.input, dialect.name, dialect.why)?,
        None => writeln!(out, "{}\n", report.input)?,
    }
    writeln!(out, "{}", headline(report))?;
    for finding in &report.findings {
        write_finding(finding, out)?;
    }
    if let Some(difference) = &report.difference {
        let part = difference.part.as_ref().map(|part| format!(", in the {part}")).unwrap_or_default();
        writeln!(out, "\nfirst difference: byte {}{part}", difference.at)?;
        writeln!(out, "  expected  {}\n  signed    {}", difference.expected, difference.signed)?;
    }
    if !report.fields.is_empty() {
        writeln!(out, "\nfound")?;
        let width = report.fields.iter().map(|field| field.name.len()).max().unwrap_or_default();
        for field in &report.fields {
            writeln!(out, "  {:width$}  {}", field.name, field.value)?;
        }
    }
    if let Some(text) = &report.text {
        write_text(text, out)?;
    }
    if let Some(clock) = &report.clock {
        writeln!(out, "\nclock\n  {}", clock.sentence)?;
    }
    for note in &report.notes {
        writeln!(out, "\nnote: {note}")?;
    }
    Ok(())
}

fn headline(report: &Report) -> String {
    let ids: Vec<_> = report.findings.iter().filter(|finding| finding.weight == Weight::Fault).map(|finding| finding.id).collect();
    match report.verdict {
        Verdict::Correct => "CORRECT: the proof is right".to_owned(),
        Verdict::Unchecked => "NOTHING WRONG that shows without the key".to_owned(),
        Verdict::Unrecognized => "NOT RECOGNISED".to_owned(),
        Verdict::Wrong => format!("WRONG: {}", ids.join(", ")),
    }
}

fn write_finding(finding: &Finding, out: &mut String) -> std::fmt::Result {
    let mark = if finding.weight == Weight::Note { " (a remark)" } else { "" };
    writeln!(out, "\n  {}{mark}: {}\n    saw   {}\n    do    {}", finding.id, finding.title, finding.saw, finding.remedy)
}

fn write_text(text: &SignedText, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\nto be signed: {}, {} bytes", text.algorithm, text.bytes)?;
    let width = text.parts.iter().map(|part| part.name.len()).max().unwrap_or_default();
    for part in &text.parts {
        let form = if part.form.is_empty() { String::new() } else { format!("  ({})", part.form) };
        writeln!(out, "  {:width$}  {}{form}", part.name, part.text)?;
    }
    writeln!(out, "  together: {}", text.text)?;
    match &text.sha256 {
        Some(hash) => writeln!(out, "  SHA-256 of it: {hash}"),
        None => Ok(()),
    }
}
