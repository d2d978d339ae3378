//! Signature and MAC algorithms. An algorithm is a property of a registered key, never of a message.

use std::fmt;

/// How a credential proves possession.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256, signature as fixed `r || s` (64 bytes, RFC 7518 3.4).
    EcdsaP256Sha256,
    /// ECDSA on secp256k1 over a Keccak-256 hash, as `r || s || v` (65 bytes): verified by recovering the signer's address
    /// (Ethereum yellow paper, appendix F). Dialects only.
    EcdsaSecp256k1Recoverable,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// HMAC-SHA-256 with a shared secret. Dialects only: never a native key.
    HmacSha256,
    /// HMAC-SHA-384 with a shared secret. Dialects only.
    HmacSha384,
    /// HMAC-SHA-512 with a shared secret. Dialects only.
    HmacSha512,
    /// ML-DSA-65 (FIPS 204), empty context.
    MlDsa65,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 to 4096 bits. Dialects only.
    RsaPkcs1Sha256,
    /// RSASSA-PSS with SHA-256 (salt as long as the hash), 2048 to 4096 bits.
    RsaPssSha256,
    /// RSASSA-PSS with SHA-512 (salt as long as the hash), 2048 to 4096 bits. Dialects only.
    RsaPssSha512,
}

impl Algorithm {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 10] = [
        Self::Ed25519,
        Self::EcdsaP256Sha256,
        Self::MlDsa65,
        Self::RsaPssSha256,
        Self::RsaPssSha512,
        Self::RsaPkcs1Sha256,
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
        Self::EcdsaSecp256k1Recoverable,
    ];

    /// The name in configuration, records and native tokens: the JOSE name where one exists (RFC 7518, RFC 8037).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ES256",
            Self::EcdsaSecp256k1Recoverable => "ES256K-R",
            Self::Ed25519 => "Ed25519",
            Self::HmacSha256 => "HS256",
            Self::HmacSha384 => "HS384",
            Self::HmacSha512 => "HS512",
            Self::MlDsa65 => "ML-DSA-65",
            Self::RsaPkcs1Sha256 => "RS256",
            Self::RsaPssSha256 => "PS256",
            Self::RsaPssSha512 => "PS512",
        }
    }

    /// Reads a name as [`Self::name`] writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether the verifier holds only a public key, so that a proof is evidence against its owner.
    #[must_use]
    pub const fn is_public_key(self) -> bool {
        !self.is_mac()
    }

    /// Whether both sides hold one shared secret.
    #[must_use]
    pub const fn is_mac(self) -> bool {
        matches!(self, Self::HmacSha256 | Self::HmacSha384 | Self::HmacSha512)
    }

    /// Whether a native key may use it: no shared secrets, no PKCS #1 v1.5, no key known only by its address, one
    /// algorithm for each type of key.
    #[must_use]
    pub const fn is_native(self) -> bool {
        self.is_public_key() && !matches!(self, Self::EcdsaSecp256k1Recoverable | Self::RsaPkcs1Sha256 | Self::RsaPssSha512)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
