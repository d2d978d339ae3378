//! SessionRejectReason (373) and BusinessRejectReason (380): the standard's two lists, with the standard's words.

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $( $variant:ident = $number:literal $text:literal; )* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( #[doc = $text] $variant, )* }

        impl $name {
            /// All reasons, in the order of the standard.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The value on the wire.
            #[must_use]
            pub const fn number(self) -> u16 { match self { $( Self::$variant => $number, )* } }

            /// The words for Text (58).
            #[must_use]
            pub const fn text(self) -> &'static str { match self { $( Self::$variant => $text, )* } }

            /// The reason of a number; a number that is not listed means "other".
            #[must_use]
            pub const fn of(number: u16) -> Self { match number { $( $number => Self::$variant, )* _ => Self::Other } }
        }
    };
}

reasons! {
    /// Why a session refuses a message: SessionRejectReason (373).
    SessionRejectReason {
        InvalidTagNumber = 0 "Invalid tag number";
        RequiredTagMissing = 1 "Required tag missing";
        TagNotDefinedForMsgType = 2 "Tag not defined for this message type";
        UndefinedTag = 3 "Undefined tag";
        TagWithoutValue = 4 "Tag specified without a value";
        ValueIncorrect = 5 "Value is incorrect (out of range) for this tag";
        DataFormat = 6 "Incorrect data format for value";
        Decryption = 7 "Decryption problem";
        Signature = 8 "Signature problem";
        CompId = 9 "CompID problem";
        SendingTimeAccuracy = 10 "SendingTime accuracy problem";
        InvalidMsgType = 11 "Invalid MsgType";
        XmlValidation = 12 "XML validation error";
        TagRepeated = 13 "Tag appears more than once";
        TagOutOfOrder = 14 "Tag specified out of required order";
        GroupOutOfOrder = 15 "Repeating group fields out of order";
        GroupCount = 16 "Incorrect NumInGroup count for repeating group";
        DelimiterInValue = 17 "Non \"data\" value includes field delimiter (SOH character)";
        ApplVerId = 18 "Invalid/Unsupported application version";
        Other = 99 "Other";
    }
}

reasons! {
    /// Why an application refuses a message that the session accepted: BusinessRejectReason (380).
    BusinessRejectReason {
        Other = 0 "Other";
        UnknownId = 1 "Unknown ID";
        UnknownSecurity = 2 "Unknown Security";
        UnsupportedMsgType = 3 "Unsupported Message Type";
        ApplicationNotAvailable = 4 "Application not available";
        ConditionallyRequiredFieldMissing = 5 "Conditionally required field missing";
        NotAuthorized = 6 "Not authorized";
        DeliverToFirmNotAvailable = 7 "DeliverTo firm not available at this time";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back() {
        for reason in SessionRejectReason::ALL {
            assert_eq!(SessionRejectReason::of(reason.number()), *reason);
        }
        for reason in BusinessRejectReason::ALL {
            assert_eq!(BusinessRejectReason::of(reason.number()), *reason);
        }
        assert_eq!(SessionRejectReason::of(50), SessionRejectReason::Other);
    }
}
