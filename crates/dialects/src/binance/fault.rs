//! What can be wrong with a message before anybody is asked who sent it, with the venue's code and text.
//!
//! A fault travels as a [`Refusal`] whose sentence for the operator is unique, so that [`Fault::of`] finds it again when the answer
//! is written. Codes and texts are those of the venue's `errors.md`; the few that it documents without a text for this case say so.

use countersign_core::{Detail, Refusal, Reject};

macro_rules! faults {
    ($( $variant:ident $reject:ident $status:literal $code:literal $msg:literal $sentence:literal; )*) => {
        /// One fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault { $( #[doc = $sentence] $variant, )* }

        impl Fault {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The reason on the one list of refusals.
            #[must_use]
            pub const fn reject(self) -> Reject { match self { $( Self::$variant => Reject::$reject, )* } }

            /// HTTP status, and `status` of a WebSocket API reply.
            #[must_use]
            pub const fn status(self) -> u16 { match self { $( Self::$variant => $status, )* } }

            /// The venue's error code.
            #[must_use]
            pub const fn code(self) -> i32 { match self { $( Self::$variant => $code, )* } }

            /// The venue's text.
            #[must_use]
            pub const fn msg(self) -> &'static str { match self { $( Self::$variant => $msg, )* } }

            /// The operator's sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str { match self { $( Self::$variant => $sentence, )* } }
        }
    };
}

faults! {
    // missing
    ApiKeyHeaderMissing MissingCredentials 401 -2014 "API-key format invalid." "There is no X-MBX-APIKEY header, or it is empty.";
    ApiKeyMissing MissingCredentials 400 -1102 "Mandatory parameter 'apiKey' was not sent, was empty/null, or malformed." "There is no apiKey, and the connection is not logged on.";
    NotLoggedOn MissingCredentials 401 -1002 "You are not authorized to execute this request." "The method needs session.logon first.";
    SignatureMissing MissingCredentials 400 -1102 "Mandatory parameter 'signature' was not sent, was empty/null, or malformed." "There is no signature, or it is empty.";
    TimestampMissing MissingCredentials 400 -1102 "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed." "There is no timestamp, or it is empty.";
    // ill-formed
    ApiKeyMalformed Malformed 401 -2014 "API-key format invalid." "The API key has characters that no API key has, or is too long.";
    ApiKeyRepeated Malformed 400 -1101 "Duplicate values for a parameter detected." "There is more than one X-MBX-APIKEY header.";
    ParameterGlued Malformed 400 -1100 "Illegal characters found in a parameter." "A value holds the separator of the signed text, so that it could be read in two ways.";
    ParameterNameIllegal Malformed 400 -1100 "Illegal characters found in a parameter." "A parameter name is empty, percent-encoded or holds other characters than names have.";
    ParameterRepeated Malformed 400 -1101 "Duplicate values for a parameter detected." "A parameter is there more than once.";
    ParameterWithoutValue Malformed 400 -1130 "Invalid data sent for a parameter." "A part between two separators has no equals sign, so that query and body could be cut in two ways.";
    ParametersTooMany Malformed 400 -1101 "Too many parameters sent for this endpoint." "There are more parameters than any endpoint has.";
    RecvWindowMalformed Malformed 400 -1102 "Mandatory parameter 'recvWindow' was not sent, was empty/null, or malformed." "recvWindow is no plain decimal number with at most three decimals.";
    RecvWindowTooLong Malformed 400 -1102 "'recvWindow' contains unexpected value. Cannot be greater than 60000." "recvWindow is longer than a minute.";
    TimestampMalformed Malformed 400 -1100 "Illegal characters found in parameter 'timestamp'; legal range is '^[0-9]{1,20}$'." "timestamp is no plain whole number.";
    // WebSocket API frames
    FrameNotJson Malformed 400 -1135 "Invalid JSON Request" "The frame is no JSON object, or names a member twice.";
    FrameIdMalformed Malformed 400 -1100 "Illegal characters found in parameter 'id'; legal range is '^[a-zA-Z0-9-_]{1,36}$'." "The id is neither a short string nor an integer nor null.";
    FrameIdMissing Malformed 400 -1102 "Mandatory parameter 'id' was not sent, was empty/null, or malformed." "The frame has no id.";
    FrameMethodMalformed Malformed 400 -1102 "Mandatory parameter 'method' was not sent, was empty/null, or malformed." "The frame has no method, or it is no string.";
    FrameParamsMalformed Malformed 400 -1135 "JSON sent for parameter 'params' is not valid" "params is no JSON object, or names a parameter twice.";
    // listen keys: nothing is proved, so nothing is told apart
    ListenKeyUnknown SessionUnknown 400 -1125 "This listenKey does not exist." "There is no such listen key, or it is over.";
    ListenKeysOff RouteUnknown 404 -1020 "This operation is not supported: no listenKey is handed out here. Ask by REST or over the WebSocket API." "Listen keys are off (binance.listen_keys).";
    // size
    BodyTooLarge TooLarge 413 -1130 "Invalid data sent for a parameter." "The body of a signed request is longer than its limit.";
    FrameTooLarge TooLarge 413 -1130 "Invalid data sent for a parameter." "The frame is longer than its limit.";
    // after proof of possession
    LogonNeedsEd25519 WrongAlgorithm 401 -2015 "Invalid API-key, IP, or permissions for action." "session.logon takes Ed25519 keys only; the proof itself was good.";
}

impl Fault {
    /// The fault that a refusal carries, if it came from here.
    #[must_use]
    pub fn of(refusal: &Refusal) -> Option<Self> {
        let Detail::Operator(sentence) = &refusal.detail else { return None };
        Self::ALL.iter().copied().find(|fault| fault.reject() == refusal.reject && fault.sentence() == sentence)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::operator(fault.reject(), fault.sentence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_again_in_its_refusal() {
        for fault in Fault::ALL {
            assert_eq!(Fault::of(&Refusal::from(*fault)), Some(*fault));
        }
        assert_eq!(Fault::of(&Reject::Malformed.into()), None);
        assert_eq!(Fault::of(&Refusal::operator(Reject::BadSignature, Fault::SignatureMissing.sentence())), None);
    }
}
