//! One message whose dialect is known: fields, clock, search, verdict.

use countersign_core::{Presented, PresentedPassphrase, Purpose, Refusal, Reject, Secret};

use super::{Options, refused};
use crate::catalogue::Mistake;
use crate::check::clock::{self, Arrival};
use crate::check::passphrase;
use crate::check::request::{fault_of_time, is_placeholder};
use crate::draft::{Draft, Form, Name, Part, Scheme, Text};
use crate::gateway::{self, Reading};
use crate::input::InputError;
use crate::keys::{Material, Named, secret_variants, text_as_is, text_as_secret};
use crate::limits::CLOCK_ERROR_MAX;
use crate::report::{self, Finding, Report, Verdict, Weight};
use crate::search::{Budget, Ways, is_cut_off, search, takes_public_keys, written_otherwise};
use crate::signature::{Reading as Written, looks_mac, looks_public, readings};

/// What MD5 makes (RFC 1321): no library of this crate has it.
const MD5_BYTES: usize = 16;

/// A message of a dialect.
pub(crate) struct Case {
    /// What it says, its faults mended.
    pub(crate) draft: Draft,
    /// The text by its fields as they were sent.
    pub(crate) as_sent: Text,
    /// What the dialect makes of it, its faults mended.
    pub(crate) reading: Reading<'static>,
    /// Whether the unit of its time was not looked at yet.
    pub(crate) checks_time: bool,
}

/// Whether a signature is the secret that it should be made with.
fn is_itself(material: &Material, signature: &str) -> bool {
    matches!(material, Material::Mac(secret) if text_as_is(secret).ct_eq(signature.trim().as_bytes()))
}

impl Case {
    pub(crate) fn conclude(self, mut report: Report, options: &Options, budget: &Budget) -> Result<Report, InputError> {
        let material = options.secret.as_ref().map(|secret| Material::read(self.draft.purpose, secret)).transpose()?;
        self.fields(&mut report);
        if material.as_ref().is_some_and(|material| is_itself(material, &self.draft.key)) {
            report.add(Finding::fault(Mistake::SecretAsKey, ""));
            report.verdict = Verdict::Wrong;
            return Ok(report);
        }
        self.own_checks(&mut report, options);
        let presented = match &self.reading {
            Reading::Presented(presented) => Some(presented),
            Reading::NoProof(why) => {
                report.notes.push((*why).to_owned());
                None
            }
            Reading::Refused(refusal) => {
                if report.faults().is_empty() {
                    report.add(refused(refusal));
                }
                None
            }
        };
        let expected = self.expected(presented);
        if self.draft.scheme != Scheme::Bare {
            let public = match &material {
                Some(Material::Public(key, _)) => Some(key.key_type().to_string()),
                Some(Material::Address(_) | Material::Mac(_)) | None => None,
            };
            report.text = Some(report::shown(&expected, report::algorithm_of(&self.draft, public)));
        }
        self.clock(presented, &mut report, options);
        match &material {
            Some(material) => self.compare(&expected, presented, (material, budget), &mut report, options)?,
            None => self.by_form(presented, &mut report),
        }
        report.findings.sort_by_key(|finding| finding.weight == Weight::Note);
        report.verdict = match (report.faults().is_empty(), &material, presented) {
            (false, ..) => Verdict::Wrong,
            (true, Some(_), Some(_)) => Verdict::Correct,
            (true, ..) => Verdict::Unchecked,
        };
        Ok(report)
    }

    fn fields(&self, report: &mut Report) {
        report.field("API key", self.draft.key.clone());
        if let Some((time, unit)) = &self.draft.time {
            report.field("time", if time.is_empty() { String::new() } else { format!("{time} ({})", unit.name()) });
        }
        if let Some(nonce) = self.draft.text.find(Name::Nonce) {
            report.field("nonce", String::from_utf8_lossy(&nonce.bytes));
        }
        if let Some(window) = self.draft.text.find(Name::Window) {
            report.field("receive window", format!("{} ms", String::from_utf8_lossy(&window.bytes)));
        }
        if let Some(passphrase) = self.draft.passphrase.as_ref().filter(|text| !text.is_empty()) {
            report.field("passphrase", format!("{} characters", passphrase.chars().count()));
        }
        if !self.draft.signature.is_empty() {
            report.field("signature", format!("{} characters", self.draft.signature.chars().count()));
        }
    }

    /// What shows in the draft itself.
    fn own_checks(&self, report: &mut Report, options: &Options) {
        let draft = &self.draft;
        // Of headers and parameters it is told already.
        if draft.around.fix || report.faults().is_empty() {
            let bare = draft.scheme == Scheme::Bare;
            let missing = match (draft.key.is_empty(), draft.signature.is_empty() && !bare) {
                (false, false) => None,
                (false, true) => Some("there is no signature"),
                (true, false) => Some("there is no API key"),
                (true, true) => Some("there is neither an API key nor a signature"),
            };
            if let Some(missing) = missing {
                report.add(Finding::fault(Mistake::HeaderMissing, missing));
            }
        }
        for value in [&draft.key, &draft.signature].into_iter().filter(|value| !value.is_empty()) {
            if is_placeholder(value) {
                report.add(Finding::fault(Mistake::Placeholder, value));
            }
        }
        if draft.key.contains(|c: char| !c.is_ascii_graphic() || c == '"') {
            report.add(Finding::fault(Mistake::KeyHasBlanks, draft.key.escape_debug().to_string()));
        }
        // Of a token it is said already which names in it differ.
        let tells = draft.purpose != Purpose::Coinbase && !draft.key.is_empty();
        if let Some(own) = options.api_key.as_ref().filter(|own| tells && **own != draft.key) {
            report.add(Finding::fault(Mistake::KeyOther, format!("{} was sent, {own} was given", draft.key)));
        }
        if let Some((time, unit)) = draft.time.as_ref().filter(|(time, _)| self.checks_time && !time.is_empty())
            && let Some(fault) = fault_of_time(draft.purpose, time, *unit)
        {
            report.add(fault);
        }
    }

    /// The text that the dialect expects, in parts where they are known.
    fn expected(&self, presented: Option<&Presented<'_>>) -> Text {
        let Some(presented) = presented else { return self.draft.text.clone() };
        let signed = presented.signed.contiguous();
        if self.draft.text.compose() == *signed {
            return self.draft.text.clone();
        }
        Text::new(vec![Part { name: Name::Payload, bytes: signed.into_owned(), form: Form::Plain }])
    }

    fn clock(&self, presented: Option<&Presented<'_>>, report: &mut Report, options: &Options) {
        let Some(presented) = presented else { return };
        let arrival = Arrival { at: options.at, now: options.now };
        let (clock, finding) = clock::check(self.draft.purpose, presented.freshness, arrival, options.last_nonce);
        // A time in another unit is told as that, and no distance to it means anything.
        let unit = report
            .faults()
            .iter()
            .any(|mistake| matches!(mistake, Mistake::TimestampFormat | Mistake::TimestampInMillis | Mistake::TimestampInSeconds));
        report.clock =
            clock.filter(|clock| !unit || clock.skew_ms.unsigned_abs() < CLOCK_ERROR_MAX.as_millis().try_into().unwrap_or(u64::MAX));
        if let Some(finding) = finding {
            report.add(finding);
        }
    }

    /// What shows without a key.
    fn by_form(&self, presented: Option<&Presented<'_>>, report: &mut Report) {
        if let Some((sent, text)) = self.passphrase(presented)
            && let Some(named) = passphrase::by_form(self.draft.purpose, sent, text)
        {
            report.add(Finding::from(&named));
        }
        if self.draft.signature.is_empty() || self.draft.scheme == Scheme::Bare {
            return;
        }
        let public = takes_public_keys(self.draft.purpose) && looks_public(&self.draft.signature);
        let found = readings(&self.draft.signature, self.draft.encoding, public);
        match found.first() {
            None => report.add(Finding::fault(Mistake::SignatureLength, "it is neither hexadecimal nor base64")),
            // Text of one alphabet may be text of the other by chance, so this is told and not judged.
            Some((Some(named), _)) => report.add(Finding::note(named.mistake, &named.detail)),
            Some((None, _)) => {}
        }
        report.notes.push("with --secret the signature itself is checked, and the mistake behind a wrong one is searched".to_owned());
    }

    fn passphrase<'c>(&'c self, presented: Option<&'c Presented<'_>>) -> Option<(&'c PresentedPassphrase, &'c str)> {
        Some((presented?.passphrase.as_ref()?, self.draft.passphrase.as_deref()?))
    }

    /// Compares the signature with the right one, and searches where they differ.
    fn compare(
        &self,
        expected: &Text,
        presented: Option<&Presented<'_>>,
        (material, budget): (&Material, &Budget),
        report: &mut Report,
        options: &Options,
    ) -> Result<(), InputError> {
        let draft = &self.draft;
        report.field("key given", material.describe(draft.purpose));
        if draft.scheme != Scheme::Bare && !draft.signature.is_empty() {
            let ways = match material {
                Material::Address(_) => return Err(InputError::new("an address is no key of this dialect")),
                Material::Mac(secret) => {
                    let variants = secret_variants(draft.purpose, secret, options.passphrase.as_ref(), &draft.key);
                    Ways::shared(&variants, draft.scheme)
                }
                Material::Public(key, text) => Ways::public(key, &text_as_secret(text, &draft.key)),
            };
            self.search(expected, (&ways, budget), material, report);
        }
        self.judge(presented, material, report, options);
        Ok(())
    }

    fn search(&self, expected: &Text, (ways, budget): (&Ways, &Budget), material: &Material, report: &mut Report) {
        let draft = &self.draft;
        let public = matches!(material, Material::Public(..));
        let readings = readings(&draft.signature, draft.encoding, public);
        let mut bases = vec![expected.clone()];
        for other in [&draft.text, &self.as_sent] {
            if bases.iter().all(|base| base.compose() != other.compose()) {
                bases.push(other.clone());
            }
        }
        // What one MAC shows, before the thousands of the search.
        if let Some(finding) = self.of_the_right_one(expected, ways, material, &readings) {
            report.add(finding);
            return;
        }
        match search(draft, &bases, ways, &readings, budget) {
            Some(hit) if hit.mistakes.is_empty() => {}
            Some(hit) => {
                report.difference = report::difference(expected, &hit.text);
                for named in &hit.mistakes {
                    report.add(Finding::from(named));
                }
            }
            None => report.add(Finding::from(&self.unexplained(material, &readings, !ways.may_make(&readings)))),
        }
    }

    /// The right signature, cut off or in a writing that no reading finds; or the secret in its place.
    fn of_the_right_one(&self, expected: &Text, ways: &Ways, material: &Material, readings: &[Written]) -> Option<Finding> {
        let signature = &self.draft.signature;
        if is_itself(material, signature) {
            return Some(Finding::fault(Mistake::SecretSent, ""));
        }
        if is_cut_off(expected, ways, readings) {
            return Some(Finding::fault(Mistake::SignatureLength, "the signature is right as far as it goes: it was cut off"));
        }
        written_otherwise(expected, ways, signature).map(|how| Finding::fault(Mistake::SignatureDigits, how))
    }

    /// A MAC by its length, which none has that could be right: that of MD5 is told from others, and nothing of it is made here.
    fn of_its_length(&self, readings: &[Written]) -> Named {
        let length = readings.first().map_or(0, |(_, bytes)| bytes.len());
        let wanted = match self.draft.scheme {
            Scheme::Bare => 0,
            Scheme::Hmac(hash) | Scheme::SecretThenText(hash) | Scheme::TextThenSecret(hash) => hash.bytes(),
        };
        if readings.iter().any(|(_, bytes)| bytes.len() == MD5_BYTES) {
            return Named::new(Mistake::WrongHash, format!("it has {MD5_BYTES} bytes, as many as MD5 makes; {wanted} are wanted"));
        }
        Named::new(Mistake::SignatureLength, format!("it has {length} bytes; {wanted} are wanted"))
    }

    fn unexplained(&self, material: &Material, readings: &[Written], impossible: bool) -> Named {
        let text = &self.draft.signature;
        match material {
            Material::Mac(_) if takes_public_keys(self.draft.purpose) && looks_public(text) => Named::new(Mistake::KeyTypeSignature, ""),
            Material::Public(..) if looks_mac(text) => {
                Named::new(Mistake::KeyTypeHmac, "keyed with something else than the key's own text")
            }
            Material::Address(_) | Material::Mac(_) | Material::Public(..) if readings.is_empty() => {
                Named::new(Mistake::SignatureLength, "it is neither hexadecimal nor base64")
            }
            Material::Mac(_) if impossible => self.of_its_length(readings),
            Material::Address(_) | Material::Mac(_) | Material::Public(..) => Named::new(Mistake::WrongSecret, ""),
        }
    }

    /// The verdict of the gateway's own verification, and what it knows that the search does not.
    fn judge(&self, presented: Option<&Presented<'_>>, material: &Material, report: &mut Report, options: &Options) {
        let Some(presented) = presented else { return };
        if let (Some((sent, text)), Material::Mac(secret)) = (self.passphrase(Some(presented)), material) {
            let secret = secret_variants(self.draft.purpose, secret, None, "").remove(0).1;
            let named = match &options.passphrase {
                Some(own) => passphrase::by_key(sent, text, &secret, own),
                None => passphrase::by_form(self.draft.purpose, sent, text),
            };
            if let Some(named) = named {
                report.add(Finding::from(&named));
            }
        }
        let Some(verifier) = material.verifier(self.draft.purpose) else {
            report.add(Finding::fault(Mistake::KeyOther, "a key of this kind is none of this dialect"));
            return;
        };
        let passphrase: Option<&Secret> = options.passphrase.as_ref().filter(|_| presented.passphrase.is_some());
        match gateway::verdict(presented, verifier, passphrase, options.at) {
            Ok(()) => report.gateway = Some("accept".to_owned()),
            Err(refusal) => {
                report.gateway = Some(refusal.reject.label().to_owned());
                if report.faults().is_empty() {
                    report.add(self.unforeseen(&refusal));
                }
            }
        }
    }

    /// A refusal for what no check and no search has found.
    fn unforeseen(&self, refusal: &Refusal) -> Finding {
        if refusal.reject == Reject::WrongAlgorithm && self.draft.purpose == Purpose::Coinbase {
            return Finding::fault(Mistake::JwtAlgorithm, "the key that was given is of another kind");
        }
        if refusal.reject != Reject::BadSignature {
            return refused(refusal);
        }
        match self.draft.scheme {
            Scheme::Bare => Finding::fault(Mistake::SecretOther, ""),
            Scheme::Hmac(_) | Scheme::SecretThenText(_) | Scheme::TextThenSecret(_) => {
                Finding::fault(Mistake::Refused, "the signature is right, but its text can be read in two ways")
            }
        }
    }
}
