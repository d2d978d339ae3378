//! The form of the signature, and the passphrase beside it.

use aws_lc_rs::hmac::HMAC_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_explain::Mistake;

use crate::client::*;

const QUERY: &str = "symbol=BTCUSDT&timestamp=1795222400000";

fn okx_mac() -> Vec<u8> {
    mac(HMAC_SHA256, SECRET.as_bytes(), format!("{ISO}GET/api/v5/abc").as_bytes())
}

fn okx_with(signature: &str) -> String {
    okx_request("GET", "/api/v5/abc", "", signature)
}

#[test]
pub(crate) fn encodings() {
    let bytes = okx_mac();
    let base64 = base64_text(&bytes);
    assert!(faults(okx_with(&base64)).is_empty());
    named(Mistake::SignatureHex, okx_with(&hex::encode(&bytes)));
    named(Mistake::SignatureBase64Url, okx_with(&URL_SAFE_NO_PAD.encode(&bytes)));
    named(Mistake::SignatureHexOfText, okx_with(&base64_text(hex::encode(&bytes).as_bytes())));
    named(Mistake::SignatureHexOfText, okx_with(&base64.replace('=', "%3D")));
    named(Mistake::SignatureDecorated, okx_with(&format!("\"{base64}\"")));
    let signer = Signer { write: base64_text, ..binance() };
    named(Mistake::SignatureBase64, binance_get(QUERY, &signer.sign(QUERY).replace('+', "%2B").replace('=', "%3D")));
    named(Mistake::SignatureDecorated, binance_get(QUERY, &format!("0x{}", binance().sign(QUERY))));
    let upper = binance().sign(QUERY).to_uppercase();
    assert!(faults(binance_get(QUERY, &upper)).is_empty(), "hexadecimal has no case");
}

#[test]
pub(crate) fn lengths() {
    let whole = binance().sign(QUERY);
    named(Mistake::SignatureLength, binance_get(QUERY, &whole[..62]));
    named(Mistake::SignatureLength, binance_get(QUERY, &whole[..61]));
    named(Mistake::SignatureLength, okx_with("no-signature!"));
}

#[test]
pub(crate) fn a_wrong_form_and_a_wrong_text_are_both_named() {
    let signer = Signer { write: hex_text, ..okx() };
    let mut found = faults(okx_with(&signer.sign(format!("{ISO}get/api/v5/abc"))));
    found.sort_unstable();
    assert_eq!(found, ["method-lower-case", "signature-hex"]);
}

fn kucoin(passphrase: &str, version: &str) -> String {
    kucoin_request("GET", "/api/v1/accounts", "", &okx().sign(format!("{NOW_MS}GET/api/v1/accounts")), passphrase, version)
}

#[test]
pub(crate) fn passphrases() {
    let encrypted = base64_text(&mac(HMAC_SHA256, SECRET.as_bytes(), PASSPHRASE.as_bytes()));
    for version in ["2", "3"] {
        assert!(faults(kucoin(&encrypted, version)).is_empty());
        named(Mistake::PassphraseClear, kucoin(PASSPHRASE, version));
        named(Mistake::PassphraseWrong, kucoin(&base64_text(&[7; 32]), version));
    }
    let right = mac(HMAC_SHA256, SECRET.as_bytes(), PASSPHRASE.as_bytes());
    for made in [
        hex::encode(&right),
        URL_SAFE_NO_PAD.encode(&right),
        base64_text(hex::encode(&right).as_bytes()),
        base64_text(&mac(HMAC_SHA256, PASSPHRASE.as_bytes(), SECRET.as_bytes())),
        base64_text(&sha256(PASSPHRASE.as_bytes())),
        base64_text(PASSPHRASE.as_bytes()),
    ] {
        named(Mistake::PassphraseEncoding, kucoin(&made, "2"));
    }
    assert!(faults(kucoin(PASSPHRASE, "1")).is_empty());
    named(Mistake::PassphraseEncrypted, kucoin(&encrypted, "1"));
    named(Mistake::PassphraseWrong, kucoin("another", "1"));
    let right = okx_with(&base64_text(&okx_mac()));
    named(Mistake::PassphraseWrong, right.replace(PASSPHRASE, "another"));
    named(Mistake::PassphraseEncrypted, right.replace(PASSPHRASE, &encrypted));
    named(Mistake::HeaderMissing, right.replace(&format!("OK-ACCESS-PASSPHRASE: {PASSPHRASE}\r\n"), ""));
}
