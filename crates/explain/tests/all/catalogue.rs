//! Each row of the catalogue is reached: some client makes this mistake, and it alone is named.
//!
//! The tests of the mistakes run once more, a file of them on one thread, and what they assert is counted.

use std::collections::BTreeSet;

use countersign_explain::{Mistake, Scope};

use crate::client::NAMED;
use crate::mistakes::{clock, fix, hyperliquid, key, requests, signature, text, token, written};

/// Rows that a file of tests reaches.
struct Reached {
    stories: &'static [fn()],
    rows: &'static [Mistake],
}

impl Reached {
    #[track_caller]
    fn check(&self) {
        NAMED.with_borrow_mut(BTreeSet::clear);
        self.stories.iter().for_each(|story| story());
        let named = NAMED.take();
        let unreached: Vec<_> = self.rows.iter().filter(|mistake| !named.contains(mistake)).map(|mistake| mistake.id()).collect();
        assert_eq!(unreached, Vec::<&str>::new(), "no request has these findings, and no other");
    }
}

const CLOCK: Reached = Reached {
    stories: &[
        clock::a_clock_that_is_wrong_is_measured,
        clock::without_a_time_of_arrival_the_clock_is_told_and_not_judged,
        clock::windows,
        clock::units,
        clock::another_time_was_signed_than_sent,
        clock::ends,
        clock::nonces,
    ],
    rows: &[
        Mistake::ClockBehind,
        Mistake::ClockAhead,
        Mistake::WindowTooSmall,
        Mistake::WindowTooLarge,
        Mistake::TimestampInSeconds,
        Mistake::TimestampInMillis,
        Mistake::TimestampFormat,
        Mistake::TimestampDiffers,
        Mistake::ExpiresPassed,
        Mistake::ExpiresTooFar,
        Mistake::NonceNotIncreasing,
    ],
};

const FIX: Reached = Reached {
    stories: &[
        fix::signed_texts,
        fix::frames,
        fix::binance_signs_by_a_private_key,
        fix::deribit_wants_a_plain_hash,
        fix::kraken_signs_whole_fields,
    ],
    rows: &[
        Mistake::PlainHash,
        Mistake::HmacForHash,
        Mistake::FixFieldOrder,
        Mistake::FixFieldLeftOut,
        Mistake::FixTrailingSoh,
        Mistake::FixPipe,
        Mistake::FixTagsSigned,
        Mistake::FixMsgType,
        Mistake::FixSeqNum,
        Mistake::FixSendingTime,
        Mistake::FixRawDataLength,
        Mistake::FixBodyLength,
        Mistake::FixCheckSum,
        Mistake::FixHeaderOrder,
    ],
};

const HYPERLIQUID: Reached = Reached {
    stories: &[
        hyperliquid::both_networks_are_right_towards_a_gateway_and_one_towards_the_venue,
        hyperliquid::what_was_signed_is_found,
        hyperliquid::the_clock_is_in_the_nonce,
        hyperliquid::without_a_key_the_signer_is_told,
        hyperliquid::what_a_user_signed_is_found,
    ],
    rows: &[
        Mistake::NonceUnit,
        Mistake::ChainNetwork,
        Mistake::ChainId,
        Mistake::ActionVault,
        Mistake::ActionChanged,
        Mistake::ActionScheme,
        Mistake::SignerUnknown,
    ],
};

const KEY: Reached = Reached {
    stories: &[
        key::forms_of_a_text_secret,
        key::a_base64_secret_used_as_text,
        key::hash_functions,
        key::ed25519_keys,
        key::rsa_keys,
        key::the_secret_of_another_key,
    ],
    rows: &[
        Mistake::ParametersReordered,
        Mistake::SecretNewline,
        Mistake::SecretQuoted,
        Mistake::SecretNotDecoded,
        Mistake::SecretDecoded,
        Mistake::SecretHexDecoded,
        Mistake::SecretEncoded,
        Mistake::SecretLetters,
        Mistake::SecretIsPassphrase,
        Mistake::SecretIsKey,
        Mistake::SecretEmpty,
        Mistake::KeyTypeHmac,
        Mistake::KeyTypeSignature,
        Mistake::WrongHash,
        Mistake::ProofTwice,
        Mistake::RsaPss,
        Mistake::WrongSecret,
        Mistake::SignatureHex,
        Mistake::KeyOther,
    ],
};

const REQUESTS: Reached = Reached {
    stories: &[
        requests::headers,
        requests::keys,
        requests::a_secret_that_was_sent_is_shown_nowhere,
        requests::what_is_missing_says_what_is_there,
        requests::places_and_methods,
        requests::what_the_dialect_refuses_for_its_ambiguity_is_said,
        requests::without_a_key_the_expected_text_is_told,
        requests::nothing_that_is_known_is_said,
    ],
    rows: &[
        Mistake::SecretAsKey,
        Mistake::SecretOther,
        Mistake::HeaderMissing,
        Mistake::HeaderMisspelt,
        Mistake::HeaderRepeated,
        Mistake::KeyHasBlanks,
        Mistake::Placeholder,
        Mistake::MethodSentLowerCase,
        Mistake::QueryAndBody,
        Mistake::BodyIsNoForm,
        Mistake::Refused,
    ],
};

const SIGNATURE: Reached = Reached {
    stories: &[signature::encodings, signature::lengths, signature::a_wrong_form_and_a_wrong_text_are_both_named, signature::passphrases],
    rows: &[
        Mistake::SignatureBase64,
        Mistake::SignatureBase64Url,
        Mistake::SignatureHexOfText,
        Mistake::SignatureDecorated,
        Mistake::SignatureLength,
        Mistake::PassphraseClear,
        Mistake::PassphraseEncrypted,
        Mistake::PassphraseEncoding,
        Mistake::PassphraseWrong,
    ],
};

const TEXT: Reached = Reached {
    stories: &[
        text::right_texts_are_called_right,
        text::order_of_parameters,
        text::websocket_parameters_must_be_sorted,
        text::where_the_signature_stands,
        text::query_and_body_have_no_seam,
        text::percent_encoding,
        text::method_and_path,
        text::kraken_futures_signs_without_its_prefix,
        text::bodies,
        text::a_body_that_was_sent_or_signed_with_a_line_break,
        text::inner_hashes,
        text::parts_and_separators,
        text::the_text_as_a_whole,
        text::more_and_less_than_the_text,
        text::where_only_parameters_are_signed,
        text::rules_of_older_versions_and_of_others,
        text::a_login_of_gate_signs_its_parameter_or_nothing,
        text::two_mistakes_are_both_named,
        text::the_first_byte_that_differs_is_shown,
    ],
    rows: &[
        Mistake::ParametersSorted,
        Mistake::ParametersNotSorted,
        Mistake::ParameterLeftOut,
        Mistake::ParametersAfterSignature,
        Mistake::SignatureSigned,
        Mistake::QueryBodyJoined,
        Mistake::BodyBeforeQuery,
        Mistake::EncodingNotSigned,
        Mistake::EncodingSigned,
        Mistake::DoubleEncoding,
        Mistake::PlusForSpace,
        Mistake::EncodingCase,
        Mistake::EncodingAdded,
        Mistake::MethodWrong,
        Mistake::MethodLowerCase,
        Mistake::MethodLeftOut,
        Mistake::PathLeftOut,
        Mistake::PathPrefixLeftOut,
        Mistake::PathPrefixKept,
        Mistake::PathPrefixAdded,
        Mistake::PathSlash,
        Mistake::FullUrlSigned,
        Mistake::QueryLeftOut,
        Mistake::QuestionMark,
        Mistake::BodyLeftOut,
        Mistake::BodyNotSent,
        Mistake::BodyNewline,
        Mistake::JsonReserialised,
        Mistake::BodyOtherForm,
        Mistake::BodyHashLeftOut,
        Mistake::BodyHashWrong,
        Mistake::InnerHashHex,
        Mistake::TimestampLeftOut,
        Mistake::NonceLeftOut,
        Mistake::KeyLeftOut,
        Mistake::WindowLeftOut,
        Mistake::WindowNotSent,
        Mistake::PartsReordered,
        Mistake::SeparatorsLeftOut,
        Mistake::LastSeparatorLeftOut,
        Mistake::SeparatorsAdded,
        Mistake::TextNewline,
        Mistake::TextHashed,
        Mistake::TextCut,
        Mistake::TextTwice,
        Mistake::PayloadPlain,
        Mistake::LettersChanged,
        Mistake::WindowDiffers,
        Mistake::MethodSigned,
        Mistake::PathSigned,
        Mistake::CredentialSigned,
        Mistake::ParameterNotSent,
        Mistake::OldVersion,
        Mistake::OtherRule,
        Mistake::ConstantLeftOut,
    ],
};

const TOKEN: Reached = Reached {
    stories: &[token::claims_against_the_request, token::times, token::names_and_algorithms, token::audiences, token::signatures],
    rows: &[
        Mistake::SignatureStandardBase64,
        Mistake::SignatureDer,
        Mistake::JwtWrongHost,
        Mistake::JwtWrongMethod,
        Mistake::JwtWrongPath,
        Mistake::JwtExpired,
        Mistake::JwtNotYetValid,
        Mistake::JwtSubject,
        Mistake::JwtOtherKey,
        Mistake::JwtAlgorithm,
        Mistake::JwtAudience,
        Mistake::JwtMalformed,
    ],
};

const WRITTEN: Reached = Reached {
    stories: &[
        written::json_of_other_libraries,
        written::json_that_is_escaped_already,
        written::members_and_lists,
        written::parameters_of_other_libraries,
        written::characters_around_the_text_and_of_it,
        written::secrets_that_are_not_quite_the_secret,
        written::bytes_that_were_written_otherwise,
        written::inner_hashes_that_became_text,
        written::payloads_in_base64,
        written::times_of_other_languages,
    ],
    rows: &[
        Mistake::ParametersJoined,
        Mistake::NumbersRewritten,
        Mistake::InnerHashText,
        Mistake::BodyHashed,
        Mistake::TextQuoted,
        Mistake::TextCharset,
        Mistake::TextEmpty,
        Mistake::SecretCut,
        Mistake::HmacSwapped,
        Mistake::SignatureDigits,
        Mistake::SecretSent,
    ],
};

#[test]
fn rows_of_clock() {
    CLOCK.check();
}

#[test]
fn rows_of_fix() {
    FIX.check();
}

#[test]
fn rows_of_hyperliquid() {
    HYPERLIQUID.check();
}

#[test]
fn rows_of_key() {
    KEY.check();
}

#[test]
fn rows_of_requests() {
    REQUESTS.check();
}

#[test]
fn rows_of_signature() {
    SIGNATURE.check();
}

#[test]
fn rows_of_text() {
    TEXT.check();
}

#[test]
fn rows_of_token() {
    TOKEN.check();
}

#[test]
fn rows_of_written() {
    WRITTEN.check();
}

#[test]
fn every_row_is_reached_by_one_of_the_files() {
    let reached: BTreeSet<Mistake> =
        [CLOCK, FIX, HYPERLIQUID, KEY, REQUESTS, SIGNATURE, TEXT, TOKEN, WRITTEN].iter().flat_map(|file| file.rows).copied().collect();
    let unreached: Vec<_> = Mistake::ALL.iter().filter(|mistake| !reached.contains(mistake)).map(|mistake| mistake.id()).collect();
    assert_eq!(unreached, Vec::<&str>::new());
}

#[test]
fn every_row_can_be_made_at_a_dialect() {
    for mistake in Mistake::ALL {
        match mistake.scope() {
            Scope::All => {}
            Scope::Only(purposes) => {
                let known = |purpose: &_| countersign_dialects::of_purpose(*purpose).is_some();
                assert!(!purposes.is_empty() && purposes.iter().all(known), "{mistake}");
                let unique: BTreeSet<_> = purposes.iter().map(|purpose| purpose.name()).collect();
                assert_eq!(unique.len(), purposes.len(), "{mistake}");
            }
        }
    }
}
