//! What a credential is for: one row per family of logins.

use std::fmt;

use crate::algorithm::Algorithm;

/// In what form a venue hands out the shared secrets of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretEncoding {
    /// The secret's text is base64; the key of the MAC is what it decodes to.
    Base64,
    /// The secret's text is the key of the MAC, byte for byte.
    Text,
}

macro_rules! purposes {
    ($( $variant:ident $name:literal $doc:literal [$($algorithm:ident)*] $encoding:ident passphrase:$passphrase:literal nonce:$nonce:literal; )*) => {
        /// What a credential is for. One key serves one purpose: a dialect key is never a native key, nor one of another dialect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Purpose { $( #[doc = $doc] $variant, )* }

        impl Purpose {
            /// All of them, in the order they are shown.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The name in configuration, records and audit.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $( Self::$variant => $name, )* } }

            /// What it is, in one sentence.
            #[must_use]
            pub const fn doc(self) -> &'static str { match self { $( Self::$variant => $doc, )* } }

            /// The algorithms that a key of this purpose may have; the first is the usual one.
            #[must_use]
            pub const fn algorithms(self) -> &'static [Algorithm] { match self { $( Self::$variant => &[$( Algorithm::$algorithm, )*], )* } }

            /// In what form the venue hands out shared secrets.
            #[must_use]
            pub const fn secret_encoding(self) -> SecretEncoding { match self { $( Self::$variant => SecretEncoding::$encoding, )* } }

            /// Whether a key of this purpose has a passphrase beside its secret.
            #[must_use]
            pub const fn has_passphrase(self) -> bool { match self { $( Self::$variant => $passphrase, )* } }

            /// Whether its proofs carry an increasing nonce.
            #[must_use]
            pub const fn has_nonce(self) -> bool { match self { $( Self::$variant => $nonce, )* } }
        }
    };
}

purposes! {
    Native "native" "The native handshake `countersign/1`."
        [Ed25519 EcdsaP256Sha256 MlDsa65 RsaPssSha256] Text passphrase:false nonce:false;
    Bearer "bearer" "Access tokens of an issuer outside (RFC 9068), bound by DPoP or a client certificate or not."
        [Ed25519 EcdsaP256Sha256 RsaPssSha256 RsaPssSha512 RsaPkcs1Sha256] Text passphrase:false nonce:false;
    Binance "binance" "Signed requests and logons as at Binance."
        [HmacSha256 Ed25519 RsaPkcs1Sha256] Text passphrase:false nonce:false;
    Bitfinex "bitfinex" "Signed requests and logons as at Bitfinex (v2)."
        [HmacSha384] Text passphrase:false nonce:true;
    Bitmex "bitmex" "Signed requests and logons as at BitMEX."
        [HmacSha256] Text passphrase:false nonce:false;
    Bybit "bybit" "Signed requests and logons as at Bybit (v5)."
        [HmacSha256 RsaPkcs1Sha256] Text passphrase:false nonce:false;
    Coinbase "coinbase" "JWTs signed by a key of the Coinbase Developer Platform (Advanced Trade)."
        [EcdsaP256Sha256 Ed25519] Text passphrase:false nonce:false;
    CoinbaseExchange "coinbase-exchange" "Signed requests and logons as at Coinbase Exchange."
        [HmacSha256] Base64 passphrase:true nonce:false;
    Deribit "deribit" "Signed requests, JSON-RPC and FIX logons as at Deribit."
        [HmacSha256 Ed25519 RsaPkcs1Sha256] Text passphrase:false nonce:false;
    Gate "gate" "Signed requests and logons as at Gate (v4)."
        [HmacSha512] Text passphrase:false nonce:false;
    Gemini "gemini" "Signed requests as at Gemini."
        [HmacSha384] Text passphrase:false nonce:true;
    HttpSignature "http-signature" "HTTP message signatures by RFC 9421, for venues without a dialect of their own."
        [Ed25519 HmacSha256 EcdsaP256Sha256 RsaPssSha512 RsaPkcs1Sha256] Text passphrase:false nonce:false;
    Hyperliquid "hyperliquid" "EIP-712 signed actions as at Hyperliquid; the key id is the signer's address."
        [EcdsaSecp256k1Recoverable] Text passphrase:false nonce:true;
    Kraken "kraken" "Signed requests and FIX logons as at Kraken (spot)."
        [HmacSha512] Base64 passphrase:false nonce:true;
    KrakenFutures "kraken-futures" "Signed requests and challenges as at Kraken Futures."
        [HmacSha512] Base64 passphrase:false nonce:true;
    Kucoin "kucoin" "Signed requests and logons as at KuCoin."
        [HmacSha256] Text passphrase:true nonce:false;
    Okx "okx" "Signed requests and logons as at OKX (v5)."
        [HmacSha256] Text passphrase:true nonce:false;
    ClientCertificate "client-certificate" "A client certificate of mutual TLS."
        [Ed25519 EcdsaP256Sha256 MlDsa65 RsaPssSha256 RsaPkcs1Sha256] Text passphrase:false nonce:false;
}

impl Purpose {
    /// Reads a name as [`Self::name`] writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|purpose| purpose.name() == name)
    }

    /// Whether a key of this algorithm may serve this purpose.
    #[must_use]
    pub fn accepts(self, algorithm: Algorithm) -> bool {
        self.algorithms().contains(&algorithm)
    }

    /// Position in [`Self::ALL`], for tables by purpose.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for (index, purpose) in Purpose::ALL.iter().enumerate() {
            assert_eq!(Purpose::parse(purpose.name()), Some(*purpose));
            assert_eq!(purpose.index(), index);
        }
        assert_eq!(Purpose::parse("nowhere"), None);
    }

    #[test]
    fn native_keys_have_native_algorithms_only() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Purpose::Native.accepts(algorithm), algorithm.is_native(), "{algorithm}");
        }
    }
}
