//! The catalogue: every mistake that can be named, with what was seen, what to do about it, and at which dialects it is made.
//!
//! The ids are stable: scripts and support articles refer to them. `docs/explain.md` is this table as a page, and a test compares both.

use std::fmt;

use countersign_core::Purpose;

/// At which dialects a mistake can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// These.
    Only(&'static [Purpose]),
}

impl Scope {
    /// Whether the mistake can be made at this dialect.
    #[must_use]
    pub fn covers(self, purpose: Purpose) -> bool {
        match self {
            Self::All => true,
            Self::Only(purposes) => purposes.contains(&purpose),
        }
    }

    /// Names for people.
    #[must_use]
    pub fn names(self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Only(purposes) => purposes.iter().map(|purpose| purpose.name()).collect::<Vec<_>>().join(", "),
        }
    }
}

/// Which part of a request is to be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Time, window, nonce.
    Clock,
    /// FIX framing and logon.
    Fix,
    /// The secret or key.
    Key,
    /// Header, parameter or frame as such.
    Request,
    /// Form of the signature.
    Signature,
    /// The signed text.
    Text,
    /// Claims of a token.
    Token,
}

impl Group {
    /// The word in reports and documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Fix => "fix",
            Self::Key => "key",
            Self::Request => "request",
            Self::Signature => "signature",
            Self::Text => "text",
            Self::Token => "token",
        }
    }
}

macro_rules! scope {
    (all) => { Scope::All };
    ($($purpose:ident)+) => { Scope::Only(&[$(Purpose::$purpose,)+]) };
}

macro_rules! mistakes {
    ($( $variant:ident $group:ident $id:literal [$($scope:ident)+] $title:literal $saw:literal $remedy:literal; )*) => {
        /// One mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mistake { $( #[doc = $title] $variant, )* }

        impl Mistake {
            /// The whole catalogue, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The stable id.
            #[must_use]
            pub const fn id(self) -> &'static str { match self { $( Self::$variant => $id, )* } }

            /// What it is called.
            #[must_use]
            pub const fn title(self) -> &'static str { match self { $( Self::$variant => $title, )* } }

            /// How it shows.
            #[must_use]
            pub const fn saw(self) -> &'static str { match self { $( Self::$variant => $saw, )* } }

            /// What to do about it.
            #[must_use]
            pub const fn remedy(self) -> &'static str { match self { $( Self::$variant => $remedy, )* } }

            /// What of a request it is about.
            #[must_use]
            pub const fn group(self) -> Group { match self { $( Self::$variant => Group::$group, )* } }

            /// Where it can be made.
            #[must_use]
            pub const fn scope(self) -> Scope { match self { $( Self::$variant => scope!($($scope)+), )* } }
        }
    };
}

mistakes! {
    // clock
    ClockBehind Clock "clock-behind" [all] "The client's clock is behind" "The signed time is older than the window allows." "Synchronise the clock (NTP), or measure the offset against the server's time and add it. A larger window only hides it.";
    ClockAhead Clock "clock-ahead" [all] "The client's clock is ahead" "The signed time is further in the future than the venue accepts." "Synchronise the clock (NTP), or subtract the measured offset. No window helps against a clock that is ahead.";
    WindowTooSmall Clock "window-too-small" [Binance Bybit] "The receive window is too small" "The request was younger than the venue's ordinary window of 5 s when it arrived, but older than the one it asked for." "Send no receive window, or one that covers the time on the way and in queues.";
    WindowTooLarge Clock "window-too-large" [Binance] "The receive window is larger than allowed" "recvWindow is above 60000 ms." "Use at most 60000, better 5000.";
    TimestampInSeconds Clock "timestamp-in-seconds" [Binance Bybit Deribit Kucoin] "Seconds where milliseconds are wanted" "The timestamp has ten digits." "Send milliseconds since 1970: multiply by 1000.";
    TimestampInMillis Clock "timestamp-in-milliseconds" [Bitmex Coinbase CoinbaseExchange Gate Okx] "Milliseconds where seconds are wanted" "The timestamp has thirteen digits." "Send seconds since 1970: divide by 1000.";
    TimestampFormat Clock "timestamp-format" [all] "The timestamp is written in another form" "The time is not in the one form that the venue reads." "Write the time exactly as the dialect's page shows it; OKX wants 2026-11-21T00:51:51.840Z.";
    TimestampDiffers Clock "timestamp-differs" [all] "Another time or nonce was signed than sent" "The signature is over the same text with another time or nonce in it." "Read the clock once, and use that one text for both the signature and the request.";
    ExpiresPassed Clock "expires-passed" [Bitmex Bybit] "The expiry is over already" "The time in the request says until when it is good, and that was before it arrived." "Send a time ahead of now: five seconds at BitMEX, some at a Bybit login.";
    ExpiresTooFar Clock "expires-too-far" [Bitmex Bybit Coinbase] "The expiry is too far away" "The proof would be good for longer than allowed." "Let it end soon: two minutes for a JWT, a minute for a login.";
    NonceNotIncreasing Clock "nonce-not-increasing" [Bitfinex Gemini Hyperliquid Kraken KrakenFutures] "The nonce is not above the last one" "A higher nonce was used with this key before." "Use one clock unit for all programs that share the key (ms and ns do not mix), or one key per program; `countersign key reset-nonce` begins anew.";
    NonceUnit Clock "nonce-unit" [Hyperliquid Kraken] "The nonce is no time in milliseconds" "The nonce must be the time in milliseconds here, and it is in another unit." "Use milliseconds since 1970 as the nonce.";
    // text: parameters
    ParametersSorted Text "parameters-sorted" [all] "Parameters were sorted before signing, but sent unsorted" "The signature fits the parameters in alphabetical order." "Sign the text exactly as it is sent; sort both or neither.";
    ParametersNotSorted Text "parameters-not-sorted" [Binance] "Parameters were not sorted before signing" "The signature fits the parameters in the order of the frame." "Sort the parameters by name before signing a WebSocket API frame.";
    ParametersReordered Text "parameters-reordered" [all] "Parameters were signed in another order than sent" "The signature fits the same parameters in another order." "Build the text once, sign it, and send that very text; maps without order reorder silently.";
    ParameterLeftOut Text "parameter-left-out" [all] "A parameter is sent that was not signed" "The signature fits the text without one of the parameters." "Add every parameter before signing, none after.";
    ParametersAfterSignature Text "parameters-after-signature" [Binance] "Parameters stand after the signature and were not signed" "The signature fits what stands before it only." "Make `signature` the last parameter: everything before it is signed.";
    SignatureSigned Text "signature-signed" [Binance] "The empty signature parameter was signed, too" "The signature fits the text with `signature=` in it." "Sign the text before `signature` is added to it.";
    QueryBodyJoined Text "query-body-joined" [Binance] "Query and body were joined by a sign" "The signature fits query and body with `&` or a line break between them." "Append the body to the query directly, without anything between.";
    BodyBeforeQuery Text "body-before-query" [Binance] "The body was signed before the query" "The signature fits body and query in the other order." "Sign the query first, then the body.";
    ParametersJoined Text "parameters-joined" [all] "The parameters were joined in another way" "The signature fits the same parameters with other signs between them, or their values alone." "Sign name=value pairs joined by `&`, exactly as they are sent.";
    NumbersRewritten Text "numbers-rewritten" [all] "Numbers were written otherwise when they were signed" "The signature fits the parameters with other zeros in their numbers." "Make text of each number once, and use that text for both the signature and the request.";
    // text: encoding
    EncodingNotSigned Text "encoding-not-signed" [all] "The text was signed before it was percent-encoded" "The signature fits the decoded text; the request carries the encoded one." "Encode first, then sign what goes on the wire.";
    EncodingSigned Text "encoding-signed" [Gate Kucoin] "The percent-encoded text was signed" "The signature fits the encoded query; this venue signs it as it was before." "Sign the query before it is percent-encoded.";
    DoubleEncoding Text "double-encoding" [all] "The text was percent-encoded twice" "One side has `%25` where the other has `%`." "Encode once: hand the HTTP library either raw values or a finished query, not encoded values.";
    PlusForSpace Text "plus-for-space" [all] "A space is `+` on one side and `%20` on the other" "The signature fits the text with the other spelling of a space." "Use one encoder for signing and sending; `%20` is read the same everywhere.";
    EncodingCase Text "encoding-case" [all] "Percent-encoding in other letters" "The signature fits the text with %2f for %2F, or the reverse." "Use one encoder for signing and sending; RFC 3986 asks for upper-case digits.";
    EncodingAdded Text "encoding-added" [all] "An encoded text was signed, a raw one was sent" "The signature fits the text with more characters percent-encoded than were sent." "Sign what the HTTP library really sends; switch its own encoding off or encode both.";
    // text: method, path
    MethodWrong Text "method-wrong" [Bitmex CoinbaseExchange Deribit Gate Kucoin Okx] "Another method was signed" "The signature fits the same request with another method." "Sign the method that is sent.";
    MethodLowerCase Text "method-lower-case" [Bitmex CoinbaseExchange Deribit Gate Kucoin Okx] "The method was signed in lower case" "The signature fits the request with the method in lower case." "Sign the method in capitals, as it stands in the request line.";
    MethodLeftOut Text "method-left-out" [Bitmex CoinbaseExchange Deribit Gate Kucoin Okx] "The method was not signed" "The signature fits the text without the method." "Put the method into the text where the dialect's page has it.";
    PathLeftOut Text "path-left-out" [Bitfinex Bitmex CoinbaseExchange Deribit Gate Kraken KrakenFutures Kucoin Okx] "The path was not signed" "The signature fits the text without the path." "Put the path into the text where the dialect's page has it.";
    PathPrefixLeftOut Text "path-prefix-left-out" [Bitfinex Bitmex CoinbaseExchange Deribit Gate Kraken KrakenFutures Kucoin Okx] "The beginning of the path was not signed" "The signature fits the path without its first segments, such as /api/v5 or /0/private." "Sign the whole path as it stands in the request line.";
    PathPrefixKept Text "path-prefix-kept" [KrakenFutures] "The /derivatives prefix was signed" "The signature fits the path with /derivatives in front." "Sign the path from /api/v3 on, without /derivatives.";
    PathPrefixAdded Text "path-prefix-added" [Bitfinex Bitmex CoinbaseExchange Deribit Gate Kraken KrakenFutures Kucoin Okx] "Something was signed in front of the path" "The signature fits the path with more in front, such as /api or /api/v5 once more." "Sign the path as it stands in the request line: of a base address and a path that both begin with /api, one is enough.";
    PathSlash Text "path-slash" [Bitfinex Bitmex CoinbaseExchange Deribit Gate Kraken KrakenFutures Kucoin Okx] "A slash at the end of the path differs" "The signature fits the path with one slash more or less at its end." "Sign the path as it stands in the request line.";
    FullUrlSigned Text "full-url-signed" [Bitfinex Bitmex CoinbaseExchange Deribit Gate Kraken KrakenFutures Kucoin Okx] "The whole URL was signed" "The signature fits the text with scheme and host in front of the path." "Sign path and query only.";
    QueryLeftOut Text "query-left-out" [Bitmex CoinbaseExchange Deribit Gate Kucoin Okx] "The query was not signed" "The signature fits the path without the query." "Sign path and query, with the question mark, as in the request line.";
    QuestionMark Text "question-mark" [Binance Bitmex Bybit CoinbaseExchange Deribit Gate Kucoin Okx] "The question mark differs" "The signature fits the text with the `?` left out, or one added." "With a query the text has its `?`; without one it has none.";
    // text: body
    BodyLeftOut Text "body-left-out" [all] "The body was not signed" "The signature fits the text without the body." "Append the body to the text as it is sent.";
    BodyNotSent Text "body-not-sent" [all] "A body was signed that was not sent" "The signature fits the text with a body such as `{}`, or the parameters as JSON." "Sign nothing where the body is empty: no {}, no null, no copy of the query.";
    BodyNewline Text "body-newline" [all] "A line break at the end of the body differs" "The signature fits the body with one line break more or less." "Sign the bytes that are sent; read files without their last line break on both sides.";
    JsonReserialised Text "json-reserialised" [all] "The JSON was written again between signing and sending" "The signature fits the same JSON with other blanks, escapes or order." "Serialise once, sign that text, and send that very text as bytes (`data=`, not `json=`).";
    BodyOtherForm Text "body-other-form" [all] "The body was signed in another form than sent" "The signature fits the parameters as JSON where a form was sent, or the reverse." "Sign the body as it is sent.";
    BodyHashLeftOut Text "body-hash-left-out" [Gate Kraken KrakenFutures] "A part was signed plain that should be hashed" "The signature fits the text without the inner hash." "Gate: hex SHA-512 of the body. Kraken: SHA-256 of nonce and body, as bytes.";
    BodyHashWrong Text "body-hash-wrong" [Gate Kraken KrakenFutures] "The inner hash is another one" "The signature fits the text with another hash function inside." "Use the hash of the dialect's page for the inner part.";
    InnerHashText Text "inner-hash-text" [Kraken KrakenFutures] "The inner hash was used as text" "The signature fits the bytes of the hash after they were made text: as UTF-8, or in base64." "Join bytes with bytes: Buffer.concat in Node, no toString(), no 'binary' strings.";
    BodyHashed Text "body-hashed" [all] "The body was hashed or encoded before it was signed" "The signature fits the text with a hash, or the base64, of the body in its place." "Put the body into the text as it is sent.";
    InnerHashHex Text "inner-hash-hex" [Kraken KrakenFutures] "The inner hash was used as hex" "The signature fits the text with the hash in hexadecimal instead of its bytes." "Append the 32 bytes of the hash, not its text: digest(), not hexdigest().";
    // text: composition
    TimestampLeftOut Text "timestamp-left-out" [all] "The time was not signed" "The signature fits the text without the time." "Put the time into the text where the dialect's page has it.";
    NonceLeftOut Text "nonce-left-out" [Bitfinex Deribit Kraken KrakenFutures] "The nonce was not signed" "The signature fits the text without the nonce." "Put the nonce into the text where the dialect's page has it.";
    KeyLeftOut Text "key-left-out" [Bybit] "The API key was not signed" "The signature fits the text without the API key." "The text is timestamp, API key, receive window, then query or body.";
    WindowLeftOut Text "window-left-out" [Bybit] "The receive window was not signed" "The signature fits the text without the receive window." "A window that is sent is part of the text: timestamp, key, window, then query or body.";
    WindowNotSent Text "window-not-sent" [Bybit] "A receive window was signed that was not sent" "The signature fits the text with a window of 5000, and there is no X-BAPI-RECV-WINDOW." "Send the header that was signed, or leave both out.";
    PartsReordered Text "parts-reordered" [all] "The parts were signed in another order" "The signature fits the same parts in another order." "Use the order of the dialect's page.";
    SeparatorsLeftOut Text "separators-left-out" [Deribit Gate] "The line breaks between the parts were left out" "The signature fits the parts without what separates them." "Put one line feed between the parts, as the dialect's page shows.";
    LastSeparatorLeftOut Text "last-separator-left-out" [Deribit] "The last line break was left out" "The signature fits the text without the line feed at its end." "The text ends with a line feed, also after an empty body.";
    SeparatorsAdded Text "separators-added" [all] "Something was put between the parts" "The signature fits the parts with a sign between them." "Join the parts without anything between.";
    TextNewline Text "text-newline" [all] "A line break or blank was signed around the text" "The signature fits the text with white space at its beginning or end." "Use `printf %s` or `echo -n` in a shell; trim the text before signing.";
    TextHashed Text "text-hashed" [all] "The text was hashed before it was signed" "The signature fits the hash of the text." "Sign the text itself: HMAC and signature algorithms hash by themselves.";
    TextQuoted Text "text-quoted" [all] "The text was signed with quotes around it" "The signature fits the text as a program prints it: in quotes, or as b'...'." "Sign the text itself: no JSON.stringify of a string, no str() of bytes.";
    TextCharset Text "text-charset" [all] "The text was signed in another character encoding" "The signature fits the text in UTF-16, or with a byte order mark." "Sign the bytes of the text in UTF-8: Encoding.UTF8 without a mark, getBytes(UTF_8).";
    TextEmpty Text "text-empty" [all] "Nothing was signed" "The signature fits an empty text." "Hand the text to the HMAC before it is finished; a stream that was read already has nothing in it.";
    TextCut Text "text-cut" [all] "The end of the text was cut off" "The signature fits the text without its last character." "Cut a separator off only where there is one: `query[:-1]` takes a digit else.";
    TextTwice Text "text-twice" [all] "The text was signed twice over" "The signature fits the text and the text again." "Hand the text to the HMAC once: one update() for each new object.";
    PayloadPlain Text "payload-plain" [Gemini] "The payload was signed before it was base64-encoded" "The signature fits the JSON instead of the X-GEMINI-PAYLOAD header." "Encode the JSON in base64 first, and sign that text.";
    LettersChanged Text "letters-changed" [all] "The text was signed in other letters" "The signature fits the text in lower or upper case." "Do not change the case of the text.";
    WindowDiffers Text "window-differs" [Bybit] "Another receive window was signed than sent" "The signature fits another window." "Read the window once, and use that one text for both the signature and the header.";
    MethodSigned Text "method-signed" [Binance Bitfinex Bybit Kraken KrakenFutures] "The method was signed" "The signature fits the text with the method in it, which is no part of it here." "Leave the method out of the text.";
    PathSigned Text "path-signed" [Binance Bybit] "The path was signed" "The signature fits the text with the path in it, alone or with the method or the host; here only parameters are signed." "Sign the parameters alone: no method, no path, no question mark.";
    CredentialSigned Text "credential-signed" [all] "The API key or the passphrase was signed" "The signature fits the text with the API key or the passphrase in it, which are no part of it here." "Leave them out of the text: they travel beside it.";
    ParameterNotSent Text "parameter-not-sent" [all] "A parameter was signed that is not sent" "The signature fits the text with something more in its parameters." "Send every parameter that is signed, and join them without `&` at the end.";
    OldVersion Text "old-version" [Bitfinex Bitmex Bybit CoinbaseExchange Kucoin] "It is made by the rule of an older version" "Text or headers are those of a version that came before." "Follow the dialect's page: Bybit v5 signs timestamp, key, window, then query or body; Bitfinex v2 has bfx- headers; BitMEX has api-expires in place of api-nonce, KuCoin KC-API-TIMESTAMP in place of KC-API-NONCE.";
    OtherRule Text "other-rule" [all] "It was signed by another rule" "The signature fits the text of another venue, or of a request where a login is wanted, or the reverse." "Build the text as the dialect's page shows it; requests and logins have different ones.";
    ConstantLeftOut Text "constant-left-out" [Bitfinex] "The constant before the nonce is missing" "The login signs the nonce without `AUTH` in front of it." "Sign and send `AUTH` and the nonce as authPayload.";
    // key
    SecretNewline Key "secret-newline" [all] "The secret has a line break or blank around it" "The signature fits the secret with white space around it, or without." "Trim what is read from a file or a variable.";
    SecretQuoted Key "secret-quoted" [all] "The secret has quotes or other signs around it" "The signature fits the secret with a sign that is no part of it." "Take quotes, commas and brackets out of the variable or .env file; in Python use `decode()`, not `str()`, to make text of bytes.";
    SecretCut Key "secret-cut" [all] "A part of the secret is missing, or it stands twice" "The signature fits the secret without some of its characters, or doubled." "Copy the whole secret, once; look for columns that cut it, and for selections that miss the first or last character.";
    SecretNotDecoded Key "secret-not-decoded" [CoinbaseExchange Kraken KrakenFutures] "The secret was used as text" "The signature fits the secret as it is written; it is base64 and must be decoded." "Decode the secret from base64, and key the HMAC with the bytes.";
    SecretDecoded Key "secret-decoded" [Binance Bitfinex Bitmex Bybit Deribit Gate Gemini Kucoin Okx] "The secret was base64-decoded" "The signature fits the decoded secret; here it is used as it is written." "Key the HMAC with the text of the secret, byte for byte.";
    SecretHexDecoded Key "secret-hex-decoded" [all] "The secret was hex-decoded" "The signature fits the bytes that the secret is as hexadecimal." "Key the HMAC with the text of the secret (or its base64 bytes, where the page says so).";
    SecretEncoded Key "secret-encoded" [all] "The secret was encoded or hashed once more" "The signature fits another encoding or a hash of the secret." "Use the secret as the venue gave it.";
    SecretLetters Key "secret-letters" [all] "The secret was used in other letters" "The signature fits the secret in lower or upper case." "Do not change the case of the secret.";
    SecretIsPassphrase Key "secret-is-passphrase" [CoinbaseExchange Kucoin Okx] "The passphrase was used as the secret" "The signature fits the passphrase as key." "Sign with the secret; the passphrase travels beside it.";
    SecretIsKey Key "secret-is-key" [all] "The API key was used as the secret" "The signature fits the API key as key of the HMAC." "Sign with the secret; the API key only names it. Perhaps the two were swapped.";
    SecretAsKey Key "secret-as-key" [all] "The secret was sent as the API key" "What stands where the API key belongs is the secret." "Send the key and sign with the secret: the two are swapped. Take this secret for known to others, and make a new key.";
    SecretOther Key "secret-other" [Deribit] "Another secret was shown" "The login shows its secret itself, and it is not the one that was given." "Send the secret that belongs to this client_id, whole and without blanks.";
    SecretEmpty Key "secret-empty" [all] "The secret was empty" "The signature fits no secret, or a word that programs have for one that is not set." "The variable that holds the secret is not set.";
    KeyTypeHmac Key "key-type-hmac" [Binance Bybit Coinbase Deribit] "An HMAC was sent where a signature by the private key is needed" "The signature is an HMAC, but the key is Ed25519, RSA or EC." "Sign with the private key; the PEM text is not an HMAC secret.";
    KeyTypeSignature Key "key-type-signature" [Binance Bybit Deribit] "A signature by a private key was sent where an HMAC is needed" "The proof has the form of an Ed25519 or RSA signature, but the key has a shared secret." "Use the API key that belongs to the private key, or sign with the shared secret.";
    WrongHash Key "wrong-hash" [all] "Another hash function" "The signature fits with another hash function." "Use the one of the dialect's page.";
    HmacSwapped Key "hmac-swapped" [all] "Text and secret were swapped in the HMAC" "The signature fits an HMAC over the secret, keyed with the text." "The secret is the key of the HMAC, the text its message; libraries differ in which comes first.";
    PlainHash Key "plain-hash" [all] "A plain hash instead of an HMAC" "The proof is a hash over text and secret." "Use HMAC, not a hash over the two joined.";
    ProofTwice Key "hmac-twice" [all] "The HMAC was hashed once more" "The signature is a hash, or another HMAC, over the right HMAC." "Send the HMAC itself, encoded once.";
    HmacForHash Key "hmac-for-hash" [Deribit] "An HMAC instead of a plain hash" "The proof is an HMAC; this logon wants SHA-256 over RawData and secret, joined." "Password = base64(SHA-256(RawData || secret)).";
    RsaPss Key "rsa-pss" [Binance Bybit Deribit] "RSA-PSS instead of PKCS #1 v1.5" "The signature verifies with PSS padding." "Sign with PKCS #1 v1.5 padding and SHA-256.";
    WrongSecret Key "wrong-secret" [all] "No known mistake explains the signature" "Neither the expected text nor any known variation of it gives this signature under this secret." "Most often the secret belongs to another key. Else compare the text that your program signs with the one below, byte for byte.";
    // signature
    SignatureHex Signature "signature-hex" [all] "The signature is in hex where base64 is wanted" "The signature is right, but written in hexadecimal." "Encode the bytes of the signature in base64.";
    SignatureBase64 Signature "signature-base64" [all] "The signature is in base64 where hex is wanted" "The signature is right, but written in base64." "Write the bytes of the signature in hexadecimal.";
    SignatureBase64Url Signature "signature-base64url" [all] "The signature is in base64url" "The signature is right, but with - and _ for + and /, or without its padding." "Use the standard base64 alphabet with its padding.";
    SignatureStandardBase64 Signature "signature-standard-base64" [Coinbase] "The JWT signature is in standard base64" "The signature is right, but with + and / or padding." "JWTs use base64url without padding in all three parts.";
    SignatureHexOfText Signature "signature-encoded-twice" [all] "The signature was encoded twice" "The signature is right, but its text was encoded once more." "Encode the bytes of the signature, not its hexadecimal text; encode it for the URL once.";
    SignatureDecorated Signature "signature-decorated" [all] "The signature has something around it" "The signature is right, but has quotes, blanks or a prefix." "Send the bare signature.";
    SignatureDer Signature "signature-der" [Coinbase] "ES256 signature in DER" "The signature is right, but in DER; JWTs want r and s, 32 bytes each." "Use a JWT library, or convert DER to r || s (RFC 7518, 3.4).";
    SignatureDigits Signature "signature-digits" [all] "The bytes of the signature were written in another way" "The signature is right, but its bytes were written without leading zeros, as signed numbers, or after they were made text." "Write each byte as two hexadecimal digits, or all of them in base64; never make text of the bytes first.";
    SecretSent Signature "secret-sent" [all] "The secret itself was sent" "What stands where the signature belongs is the secret." "Send what is made with the secret, never the secret: take this one for known to others, and make a new key.";
    SignatureLength Signature "signature-length" [all] "The signature has a length that none has" "The text is no encoding of any signature of this dialect: cut off, or something else." "Send the whole signature; look for columns or fields that cut it.";
    // request
    HeaderMissing Request "header-missing" [all] "A header, parameter or member is missing" "Something that the rule needs is not there, or empty." "Send it.";
    HeaderMisspelt Request "header-misspelt" [all] "A header is misspelt" "There is a header of nearly the right name." "Write the name as the dialect's page does.";
    HeaderRepeated Request "header-repeated" [all] "A header or parameter stands twice" "Two readings of the request are possible, so it is refused." "Send it once; look for a library that adds it by itself.";
    KeyHasBlanks Request "key-has-blanks" [all] "The API key has blanks or quotes in it" "The API key is not the bare text that the venue gave." "Trim it, and take the quotes out.";
    KeyOther Request "key-other" [all] "The request names another key" "The API key in the request is not the one that was given." "Use the secret that belongs to the API key; keys and secrets come in pairs.";
    Placeholder Request "placeholder" [all] "A placeholder was sent" "A value is the name of a variable or an example, not the real thing." "Set the variable; check that the shell really replaced it (no single quotes).";
    MethodSentLowerCase Request "method-sent-lower-case" [all] "The request line has the method in lower case" "Methods are case-sensitive (RFC 9110, 9.1)." "Send the method in capitals.";
    QueryAndBody Request "query-and-body" [Bitfinex Bybit Gemini Kraken KrakenFutures] "Parameters stand where the signature does not cover them" "There is a query where only the body is signed, or a body where only the query is." "Send the parameters in one place: the query of a GET, the body of a POST.";
    BodyIsNoForm Request "body-no-form" [Binance Kraken] "The parameters are not written as the venue reads them" "A part of query or body has no name, no equals sign, or the nonce cannot be read." "Write name=value pairs joined by &.";
    PassphraseClear Request "passphrase-clear" [Kucoin] "The passphrase is clear where its MAC is wanted" "KC-API-KEY-VERSION is 2 or 3, and the passphrase is sent as it is." "Send base64(HMAC-SHA-256(secret, passphrase)), or key version 1.";
    PassphraseEncrypted Request "passphrase-encrypted" [CoinbaseExchange Kucoin Okx] "The passphrase is a MAC where the clear one is wanted" "The passphrase that was sent is its MAC under the secret." "Send the passphrase as it is; at KuCoin set KC-API-KEY-VERSION to 2 or 3.";
    PassphraseWrong Request "passphrase-wrong" [CoinbaseExchange Kucoin Okx] "The passphrase is another one" "The signature is right, and the passphrase is not the key's." "Use the passphrase that was chosen when the key was made; it is not the password of the account.";
    PassphraseEncoding Request "passphrase-encoding" [Kucoin] "The passphrase was made a MAC in another way" "What was sent is made of the passphrase, but is not base64(HMAC-SHA-256(secret, passphrase))." "Key the HMAC with the secret, hash the passphrase with SHA-256, and encode the 32 bytes in standard base64.";
    Refused Request "refused" [all] "The request breaks the dialect's grammar" "It is refused before any signature is looked at." "See the dialect's page.";
    // token
    JwtWrongHost Token "jwt-wrong-host" [Coinbase] "The token was made for another host" "The host in `uri` is not the Host of the request." "Put the host (with its port) that is dialled into `uri`.";
    JwtWrongMethod Token "jwt-wrong-method" [Coinbase] "The token was made for another method" "The method in `uri` is not that of the request." "Make one token per request, with its method.";
    JwtWrongPath Token "jwt-wrong-path" [Coinbase] "The token was made for another path" "The path in `uri` is not that of the request; often it has the query in it." "Put the path without the query into `uri`.";
    JwtExpired Token "jwt-expired" [Coinbase] "The token is over" "`exp` was before the request arrived." "Make a new token for each request; it lives two minutes.";
    JwtNotYetValid Token "jwt-not-yet-valid" [Coinbase] "The token is not valid yet" "`nbf` is after the request arrived." "Synchronise the clock.";
    JwtSubject Token "jwt-subject" [Coinbase] "`sub` and `kid` name different keys" "The claims and the header of the token disagree." "Put the name of the key into both.";
    JwtOtherKey Token "jwt-other-key" [Coinbase] "The token names another key" "`kid` is not the key that was given." "Put the name of the key whose private half signs into `kid` and `sub`.";
    JwtAlgorithm Token "jwt-algorithm" [Coinbase] "The `alg` of the token is not the key's" "CDP keys sign with ES256 (EC) or EdDSA (Ed25519)." "Use the algorithm of the key; never HS256 or none.";
    JwtAudience Token "jwt-audience" [Coinbase] "The token is for another audience" "`aud` names none that the venue takes for this message." "Leave `aud` out, or name cdp_service or retail_rest_api_proxy; public_websocket_api is only for WebSocket frames, in tokens without `uri`.";
    JwtMalformed Token "jwt-malformed" [Coinbase] "The token is no JWT that can be read" "Three parts in base64url without padding are wanted, with the claims that the venue asks for." "Use a JWT library.";
    // Hyperliquid
    ChainNetwork Text "chain-network" [Hyperliquid] "Signed for the other network" "The signature fits the other `source`, main network a and test network b, or the other `hyperliquidChain`." "Tell the SDK which network it is on; it decides by the address that it dials.";
    ChainId Text "chain-id" [Hyperliquid] "Signed with another chain id" "The signature fits the domain with another chainId." "L1 actions are signed in the domain Exchange, version 1, chainId 1337, whatever the network; transfers, withdrawals and approvals in HyperliquidSignTransaction, version 1, with the chain that `signatureChainId` names.";
    ActionVault Text "action-vault" [Hyperliquid] "vaultAddress or expiresAfter was not signed as sent" "The signature fits the action with or without them." "Hash vaultAddress and expiresAfter exactly when they are sent.";
    ActionChanged Text "action-changed" [Hyperliquid] "The action was signed in another form than sent" "The signature fits the action with its members in another order or its numbers written otherwise." "Keep the order of the members, and write numbers without trailing zeros, in what is hashed and in what is sent.";
    ActionScheme Text "action-scheme" [Hyperliquid] "The action was signed by the rule of the other actions" "The signature fits the action as an L1 action." "Transfers, withdrawals and approvals are signed as typed data of their own, HyperliquidTransaction:UsdSend and so on.";
    SignerUnknown Key "signer-unknown" [Hyperliquid] "The signature is another key's" "The address that the signature recovers is not the key's; after any change of the action it is one that nobody has." "Sign with the wallet that is registered, over the action as it is sent.";
    // FIX
    FixFieldOrder Fix "fix-field-order" [Binance CoinbaseExchange Deribit Kraken] "The fields were signed in another order" "The signature fits the same values in another order." "Use the order of the rule, whatever the order in the message.";
    FixFieldLeftOut Fix "fix-field-left-out" [Binance CoinbaseExchange Deribit Kraken] "A field was not signed" "The signature fits the text without one of its fields." "Sign every field that the rule names; at Coinbase Exchange the passphrase is one of them.";
    FixMsgType Fix "fix-msg-type" [Binance CoinbaseExchange Deribit Kraken] "Another MsgType was signed than sent" "The signature fits another text for tag 35." "Sign the value of tag 35 as it is sent, the one letter A.";
    FixTrailingSoh Fix "fix-trailing-soh" [Binance CoinbaseExchange Deribit Kraken] "The separator at the end differs" "The signature fits the text with one SOH more or less at its end." "Join the values with SOH, and put none after the last (Kraken: one after each field).";
    FixPipe Fix "fix-pipe" [Binance CoinbaseExchange Deribit Kraken] "The signed text has another separator than SOH" "The signature fits the text with `|`, a blank or nothing for SOH." "`|` is only how logs show SOH: sign byte 01.";
    FixTagsSigned Fix "fix-tags-signed" [Binance CoinbaseExchange Deribit Kraken] "Tags were signed where only values are, or the reverse" "The signature fits the text with `35=` and so on in it." "Sign what the rule names: values only at Binance and Coinbase, whole fields at Kraken.";
    FixSeqNum Fix "fix-seq-num" [Binance CoinbaseExchange Deribit Kraken] "Another MsgSeqNum was signed than sent" "The signature fits another number in tag 34." "Sign after the engine has set 34, in its toAdmin callback.";
    FixSendingTime Fix "fix-sending-time" [Binance CoinbaseExchange Deribit Kraken] "Another SendingTime was signed than sent" "The signature fits another time in tag 52." "Sign after the engine has set 52, with its exact text and precision.";
    FixRawDataLength Fix "fix-raw-data-length" [Binance CoinbaseExchange Deribit Kraken] "RawDataLength is wrong" "Tag 95 is not the length of tag 96." "Set 95 to the number of bytes in 96.";
    FixBodyLength Fix "fix-body-length" [Binance CoinbaseExchange Deribit Kraken] "BodyLength is wrong" "Tag 9 is not the number of bytes between its own SOH and tag 10." "Let the engine compute it; count bytes, not characters.";
    FixCheckSum Fix "fix-check-sum" [Binance CoinbaseExchange Deribit Kraken] "CheckSum is wrong" "Tag 10 is not the sum of all bytes before it, modulo 256." "Let the engine compute it, with SOH and not `|`; three digits.";
    FixHeaderOrder Fix "fix-header-order" [Binance CoinbaseExchange Deribit Kraken] "The message does not begin with 8, 9, 35 or end with 10" "The first three fields and the last have fixed places." "Write 8, 9, 35 first and 10 last.";
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_every_row_says_something() {
        let ids: BTreeSet<_> = Mistake::ALL.iter().map(|mistake| mistake.id()).collect();
        assert_eq!(ids.len(), Mistake::ALL.len());
        for mistake in Mistake::ALL {
            assert!(mistake.id().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'), "{mistake}");
            assert!(mistake.title().len() > 10 && mistake.saw().ends_with('.') && mistake.remedy().ends_with('.'), "{mistake}");
        }
    }

    #[test]
    fn the_page_has_every_row() {
        let page = include_str!("../../../docs/explain.md");
        for mistake in Mistake::ALL {
            assert!(page.contains(&format!("| `{}` | {} |", mistake.id(), mistake.title())), "{mistake} is not on the page");
        }
    }
}
