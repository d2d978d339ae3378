//! From rows to records: every text is parsed again, so that a row changed by hand is noticed, not used.

use std::num::NonZeroU32;

use countersign_core::{
    AccountId, Address, Algorithm, ApiKeyId, Binding, CredentialId, CredentialState, IpAllowList, KeyRate, NoncePolicy, PublicKey, Purpose,
    Scopes, Secret, SessionId, Timestamp,
};
use countersign_oauth::{Confirmation, Family, Revocation, RevocationTarget};

use crate::db::Row;
use crate::error::StoreError;
use crate::record::{AccountRecord, CredentialRecord, HeldSession, KeyChange, KeyChangeKind, Material, SessionRecord};
use crate::sealing::SealingKey;

/// A row of a table, with the name it is reported under when it is unusable.
struct Reader<'r> {
    row: &'r Row,
    table: &'static str,
    id: String,
}

impl<'r> Reader<'r> {
    fn new(row: &'r Row, table: &'static str, id_column: &str) -> Self {
        Self { row, table, id: row.text(id_column).unwrap_or_default().to_owned() }
    }

    fn bad(&self, why: impl std::fmt::Display) -> StoreError {
        StoreError::BadRecord { table: self.table, id: self.id.clone(), why: why.to_string() }
    }

    fn text(&self, name: &'static str) -> Result<String, StoreError> {
        self.row.text(name).map(str::to_owned).map_err(|error| self.bad(error))
    }

    fn text_or_none(&self, name: &'static str) -> Result<Option<&'r str>, StoreError> {
        self.row.text_or_none(name).map_err(|error| self.bad(error))
    }

    fn bytes_or_none(&self, name: &'static str) -> Result<Option<&'r [u8]>, StoreError> {
        self.row.bytes_or_none(name).map_err(|error| self.bad(error))
    }

    fn parsed<T, E: std::fmt::Display>(&self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, StoreError> {
        let text = self.row.text(name).map_err(|error| self.bad(error))?;
        parse(text).map_err(|error| self.bad(format_args!("{name}: {error}")))
    }

    fn named<T>(&self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        self.parsed(name, |text| parse(text).ok_or("not a known name"))
    }

    fn time(&self, name: &'static str) -> Result<Timestamp, StoreError> {
        self.integer(name).and_then(|micros| self.micros(micros))
    }

    fn time_or_none(&self, name: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let micros = self.row.number_or_none(name).map_err(|error| self.bad(error))?;
        micros.map(|micros| self.micros(micros)).transpose()
    }

    fn micros(&self, micros: i64) -> Result<Timestamp, StoreError> {
        u64::try_from(micros).map(Timestamp::from_micros).map_err(|error| self.bad(error))
    }

    fn integer(&self, name: &'static str) -> Result<i64, StoreError> {
        self.row.number(name).map_err(|error| self.bad(error))
    }

    fn number<T: TryFrom<i64>>(&self, name: &'static str) -> Result<T, StoreError> {
        T::try_from(self.integer(name)?).map_err(|_| self.bad(format_args!("{name}: out of range")))
    }

    fn units(&self, name: &'static str) -> Result<NonZeroU32, StoreError> {
        let units = u32::try_from(self.integer(name)?).ok().and_then(NonZeroU32::new);
        units.ok_or_else(|| self.bad(format_args!("{name}: not a rate")))
    }
}

/// Microseconds as the databases store them; the far end of time stays far.
pub(super) fn micros(time: Timestamp) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn account(row: &Row) -> Result<AccountRecord, StoreError> {
    let reader = Reader::new(row, "account", "id");
    Ok(AccountRecord {
        id: reader.parsed("id", AccountId::parse)?,
        label: reader.text("label")?,
        created: reader.time("created")?,
        cancel_on_disconnect: reader.integer("cancel_on_disconnect")? == 1,
    })
}

/// The name of an account alone.
pub(super) fn account_id(row: &Row) -> Result<AccountId, StoreError> {
    Reader::new(row, "account", "id").parsed("id", AccountId::parse)
}

pub(super) fn credential(row: &Row, sealing: &SealingKey) -> Result<CredentialRecord, StoreError> {
    let reader = Reader::new(row, "credential", "id");
    let key_id = reader.parsed("key_id", ApiKeyId::parse)?;
    Ok(CredentialRecord {
        id: reader.parsed("id", CredentialId::parse)?,
        account: reader.parsed("account", AccountId::parse)?,
        purpose: reader.named("purpose", Purpose::parse)?,
        material: material(&reader, &key_id, sealing)?,
        passphrase: passphrase(&reader, sealing)?,
        nonce: NoncePolicy {
            window: reader.number("nonce_window")?,
            epoch: reader.number("nonce_epoch")?,
            floor: reader.parsed("nonce_floor", str::parse)?,
        },
        key_id,
        scopes: reader.parsed("scopes", Scopes::parse)?,
        ip_allow: reader.parsed("ip_allow", |text| IpAllowList::parse(text.split_ascii_whitespace()))?,
        rate: KeyRate { weight_per_minute: reader.units("weight_per_minute")?, orders_per_10s: reader.units("orders_per_10s")? },
        min_bind: reader.named("min_bind", Binding::parse)?,
        not_after: reader.time_or_none("not_after")?,
        state: reader.named("state", CredentialState::parse)?,
        label: reader.text("label")?,
        created: reader.time("created")?,
        replaces: reader.text_or_none("replaces")?.map(CredentialId::parse).transpose().map_err(|error| reader.bad(error))?,
        explain: reader.integer("explain")? != 0,
    })
}

fn material(reader: &Reader<'_>, key_id: &ApiKeyId, sealing: &SealingKey) -> Result<Material, StoreError> {
    let algorithm = match reader.text_or_none("algorithm")? {
        Some(name) => Some(Algorithm::parse(name).ok_or_else(|| reader.bad("not a known algorithm"))?),
        None => None,
    };
    let spki = reader.bytes_or_none("spki")?;
    let sealed = reader.bytes_or_none("sealed_secret")?;
    match (algorithm, spki, sealed) {
        (None, None, None) => Ok(Material::Certificate { key_id: key_id.clone() }),
        (Some(algorithm), Some(spki), None) => {
            let key = PublicKey::from_spki_der(spki).map_err(|error| reader.bad(error))?;
            if !key.key_type().signs(algorithm) {
                return Err(reader.bad("the key is not one for its algorithm"));
            }
            Ok(Material::PublicKey(key, algorithm))
        }
        (Some(algorithm), None, Some(sealed)) if algorithm.is_mac() => {
            let secret = sealing.open(&reader.id, sealed).map_err(|_| reader.bad("its sealed secret does not open"))?;
            Ok(Material::Secret(secret, algorithm))
        }
        (Some(Algorithm::EcdsaSecp256k1Recoverable), None, None) => {
            let address = Address::parse(key_id.as_str()).ok_or_else(|| reader.bad("its name is no address"))?;
            Ok(Material::Address(address))
        }
        (_, _, _) => Err(reader.bad("its algorithm does not fit what is stored")),
    }
}

/// Sealed under another name than the secret, so that the two cannot change places.
fn passphrase(reader: &Reader<'_>, sealing: &SealingKey) -> Result<Option<Secret>, StoreError> {
    let Some(sealed) = reader.bytes_or_none("sealed_passphrase")? else { return Ok(None) };
    let opened = sealing.open(&passphrase_name(&reader.id), sealed);
    opened.map(Some).map_err(|_| reader.bad("its sealed passphrase does not open"))
}

/// What the passphrase of a credential is sealed under.
pub(super) fn passphrase_name(id: &str) -> String {
    format!("{id} passphrase")
}

pub(super) fn key_change(row: &Row) -> Result<KeyChange, StoreError> {
    let reader = Reader::new(row, "key change", "credential");
    Ok(KeyChange {
        seq: reader.integer("seq")?,
        at: reader.time("at")?,
        by: reader.text("by")?,
        credential: reader.parsed("credential", CredentialId::parse)?,
        account: reader.parsed("account", AccountId::parse)?,
        purpose: reader.named("purpose", Purpose::parse)?,
        key_id: reader.parsed("key_id", ApiKeyId::parse)?,
        kind: reader.named("change", KeyChangeKind::parse)?,
        detail: reader.text("detail")?,
    })
}

pub(super) fn session(row: &Row) -> Result<SessionRecord, StoreError> {
    let reader = Reader::new(row, "session", "sid");
    Ok(SessionRecord {
        sid: reader.named("sid", SessionId::parse)?,
        account: reader.parsed("account", AccountId::parse)?,
        credential: reader.parsed("credential", CredentialId::parse)?,
        ch: reader.text("ch")?,
        contract: reader.text("contract")?,
        remote: reader.text_or_none("remote")?.map(str::parse).transpose().map_err(|error: std::net::AddrParseError| reader.bad(error))?,
        created: reader.time("created")?,
        ended: reader.time_or_none("ended")?,
        end_reason: reader.text_or_none("end_reason")?.map(str::to_owned),
        shown: reader.text_or_none("shown")?.map(str::to_owned),
    })
}

pub(super) fn held_session(row: &Row) -> Result<HeldSession, StoreError> {
    Ok(HeldSession { session: session(row)?, node: Reader::new(row, "session", "sid").text("node")? })
}

pub(super) fn sid(row: &Row) -> Result<SessionId, StoreError> {
    Reader::new(row, "refresh family", "sid").named("sid", SessionId::parse)
}

pub(super) fn family(row: &Row) -> Result<Family, StoreError> {
    let reader = Reader::new(row, "refresh family", "sid");
    let hash = |name: &'static str| -> Result<Option<[u8; 32]>, StoreError> {
        let bytes = reader.bytes_or_none(name)?;
        bytes.map(|bytes| bytes.try_into().map_err(|_| reader.bad(format_args!("{name}: not 32 bytes")))).transpose()
    };
    Ok(Family {
        sid: reader.named("sid", SessionId::parse)?,
        credential: reader.parsed("credential", CredentialId::parse)?,
        account: reader.parsed("account", AccountId::parse)?,
        key_id: reader.parsed("key_id", ApiKeyId::parse)?,
        purpose: reader.named("purpose", Purpose::parse)?,
        scopes: reader.parsed("scopes", Scopes::parse)?,
        audience: reader.text("audience")?,
        cnf: reader.parsed("cnf", |text| serde_json::from_str::<Confirmation>(text))?,
        generation: reader.number("generation")?,
        current: hash("current_hash")?.ok_or_else(|| reader.bad("no hash"))?,
        previous: hash("previous_hash")?,
        rotated: reader.time("rotated")?,
        created: reader.time("created")?,
        ends: reader.time("ends")?,
        revoked: reader.text_or_none("revoked")?.map(str::to_owned),
    })
}

pub(super) fn revocation(row: &Row) -> Result<Revocation, StoreError> {
    let reader = Reader::new(row, "token revocation", "target");
    Ok(Revocation {
        target: reader.named("target", RevocationTarget::parse)?,
        epoch: reader.number("epoch")?,
        until: reader.time("until")?,
        by: reader.text("by")?.into(),
    })
}
