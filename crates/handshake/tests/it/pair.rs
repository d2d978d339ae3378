//! A client and a gateway in memory, under a virtual clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_core::entropy::SeededEntropy;
use countersign_core::public_key::VerifyingKey;
use countersign_core::{
    AccountId, Algorithm, ApiKeyId, Binding, Credential, CredentialId, MemoryReplayGuard, Now, Purpose, Refusal, Scopes, Timestamp,
    Verifier, VerifyContext, verify, verify_resumption,
};
use countersign_handshake::{
    Authorities, AwaitResumption, AwaitVerification, Channel, ClientConfig, ClientHandshake, ClientSession, ClientStep, Continuation,
    Delegation, Entitlements, Established, FirstToken, GatewayIdentity, HandshakeError, HostPolicy, Need, NonceKeys, Offer, SecretText,
    ServerConfig, ServerHandshake, Signer as _, SigningKey, TicketKeys, Want,
};

pub(crate) const ALGORITHMS: [Algorithm; 4] = [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256, Algorithm::RsaPssSha256, Algorithm::MlDsa65];
pub(crate) const HOST: &str = "127.0.0.1:8443";
pub(crate) const LISTENER: &str = "public";
const START: Timestamp = Timestamp::from_secs(1_800_000_000);

pub(crate) fn client_key(algorithm: Algorithm) -> SigningKey {
    match algorithm {
        Algorithm::EcdsaP256Sha256 => SigningKey::from_pkcs8_pem(algorithm, include_str!("../data/throwaway_es256.pem")).unwrap(),
        Algorithm::Ed25519 => SigningKey::ed25519_from_seed(&[0xc1; 32]),
        Algorithm::MlDsa65 => SigningKey::ml_dsa_65_from_seed(&[0xc2; 32]),
        Algorithm::RsaPssSha256 => SigningKey::from_pkcs8_pem(algorithm, include_str!("../data/throwaway_ps256.pem")).unwrap(),
        Algorithm::EcdsaSecp256k1Recoverable
        | Algorithm::HmacSha256
        | Algorithm::HmacSha384
        | Algorithm::HmacSha512
        | Algorithm::RsaPkcs1Sha256
        | Algorithm::RsaPssSha512 => panic!("not a native algorithm"),
    }
}

pub(crate) fn root_key() -> SigningKey {
    SigningKey::ed25519_from_seed(&[0xa1; 32])
}

pub(crate) fn gateway_key() -> SigningKey {
    SigningKey::ed25519_from_seed(&[0xa2; 32])
}

pub(crate) fn gateway_identity(root: &SigningKey, gateway: SigningKey) -> GatewayIdentity {
    let until = START.saturating_add(Duration::from_secs(7 * 86_400));
    let delegation = Delegation::sign(root, &gateway, START.saturating_sub(Duration::from_secs(60)), until).unwrap();
    GatewayIdentity::new(gateway, &[delegation], &[]).unwrap()
}

/// The same TLS connection, as both ends see it.
pub(crate) fn channel(connection: u8) -> Channel {
    Channel { exporter: Some([connection; 32]), server_certificate_sha256: [0xce; 32], authority: None }
}

pub(crate) fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

pub(crate) fn credential(algorithm: Algorithm) -> Credential {
    let key = client_key(algorithm);
    Credential {
        scopes: scopes("md:read account:read order:read order:write funds:withdraw"),
        ..Credential::new(
            CredentialId::parse(&format!("cred-{algorithm}")).unwrap(),
            AccountId::parse("demo").unwrap(),
            Purpose::Native,
            key.kid().clone(),
            Verifier::PublicKey(VerifyingKey::from_raw(algorithm, key.spki_der()).unwrap()),
        )
    }
}

pub(crate) struct Gateway {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) records: BTreeMap<ApiKeyId, Arc<Credential>>,
    pub(crate) entropy: SeededEntropy,
    pub(crate) now: Now,
    replay: MemoryReplayGuard,
}

impl Gateway {
    /// A gateway that knows one key per algorithm and accepts every mode.
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut entropy = SeededEntropy::new_dangerous_for_tests(42);
        let mut config = ServerConfig {
            gateway: gateway_identity(&root_key(), gateway_key()),
            policy: HostPolicy { min_bind: Binding::Chl, ..HostPolicy::default() },
            authorities: Authorities::Listed(BTreeSet::from([HOST.to_owned()])),
            nonces: NonceKeys::new(root_key().kid().as_str(), [0, 0, 0, 1], &mut entropy, START),
            tickets: Arc::new(TicketKeys::new(
                root_key().kid().as_str(),
                LISTENER,
                Duration::from_secs(86_400),
                &mut SeededEntropy::new_dangerous_for_tests(43),
                START,
            )),
        };
        change(&mut config);
        let records = ALGORITHMS.map(|algorithm| {
            let record = credential(algorithm);
            (record.key_id.clone(), Arc::new(record))
        });
        let now = Now { wall: START, ..Now::default() };
        Self { config: Arc::new(config), records: records.into(), entropy, now, replay: MemoryReplayGuard::default() }
    }

    pub(crate) fn change_record(&mut self, algorithm: Algorithm, change: impl FnOnce(&mut Credential)) {
        let mut record = credential(algorithm);
        change(&mut record);
        self.records.insert(record.key_id.clone(), Arc::new(record));
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.wall = self.now.wall.saturating_add(time);
        self.now.mono = self.now.mono.saturating_add(time);
    }

    pub(crate) fn accept(&self, channel: Channel) -> ServerHandshake {
        ServerHandshake::new(Arc::clone(&self.config), channel, self.now)
    }

    /// What the shell does between a hello and its welcome.
    pub(crate) fn judge(&mut self, awaiting: AwaitVerification) -> Result<Established, Refusal> {
        let presented = awaiting.presented();
        let record = self.records.get(&presented.key_id);
        let context =
            VerifyContext { now: self.now, remote: None, replay: &self.replay, nonces: &countersign_core::MemoryNonceGuard::default() };
        let identity = verify(presented, record, &context)?;
        let entitlements = Entitlements::of(identity.credential(), self.now.wall);
        awaiting.conclude(identity, &entitlements, |_| Ok(SecretText::new("an.access.token".to_owned())), &mut self.entropy, self.now)
    }
}

impl Gateway {
    /// What the shell does between a resume and its welcome; `session` is what the session says.
    pub(crate) fn judge_resume(&mut self, awaiting: AwaitResumption, session: Continuation) -> Result<Established, Refusal> {
        let presented = awaiting.presented();
        let identity = verify_resumption(presented, self.records.get(&presented.key_id), None, self.now.wall)?;
        awaiting.check_identity(&identity)?;
        awaiting.conclude(identity, session, |_| Ok(SecretText::new("an.other.token".to_owned())), &mut self.entropy, self.now)
    }
}

pub(crate) fn client(algorithm: Algorithm, bind: Binding) -> ClientConfig {
    ClientConfig {
        key: Arc::new(client_key(algorithm)),
        algorithms: vec![algorithm],
        pins: vec![root_key().kid().to_string()],
        host: HOST.to_owned(),
        offer: Offer { bind, want: Want { scopes: scopes("md:read order:write"), ..Want::default() }, need: Need::default() },
        pipe: false,
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Client(HandshakeError),
    Gateway(Refusal),
}

impl Failure {
    pub(crate) fn reject(&self) -> countersign_core::Reject {
        match self {
            Self::Gateway(refusal) => refusal.reject,
            Self::Client(error) => panic!("the client failed: {error}"),
        }
    }

    pub(crate) fn error(&self) -> &HandshakeError {
        match self {
            Self::Client(error) => error,
            Self::Gateway(refusal) => panic!("the gateway refused: {refusal}"),
        }
    }
}

/// A first token that is an offer.
pub(crate) fn hello(first: FirstToken) -> AwaitVerification {
    match first {
        FirstToken::Hello(awaiting) => *awaiting,
        FirstToken::Resume(awaiting) => panic!("{awaiting:?}"),
    }
}

/// One handshake between two ends that may see different channels.
pub(crate) fn shake_over(
    gateway: &mut Gateway,
    client: &ClientConfig,
    client_channel: Channel,
    server_channel: Channel,
) -> Result<(ClientSession, Established), Failure> {
    let ours = ClientHandshake::new(Arc::new(client.clone()), client_channel, gateway.now).map_err(Failure::Client)?;
    let mut theirs = gateway.accept(server_channel);
    let nonce = theirs.nonce(&mut gateway.entropy, gateway.now);
    let awaiting = ours.hello(Some(&nonce), &mut gateway.entropy, gateway.now).map_err(Failure::Client)?;
    let received =
        theirs.receive_frame(awaiting.hello_frame().as_bytes(), gateway.now).map_err(|declined| Failure::Gateway(declined.refusal))?;
    let established = gateway.judge(hello(received)).map_err(Failure::Gateway)?;
    match awaiting.receive_frame(established.welcome_frame().expose().as_bytes(), gateway.now).map_err(Failure::Client)? {
        ClientStep::Open(session) => Ok((*session, established)),
        step @ (ClientStep::Retry(..) | ClientStep::Wait(_)) => panic!("{step:?}"),
    }
}

/// One handshake over one connection.
pub(crate) fn shake(gateway: &mut Gateway, client: &ClientConfig) -> Result<(ClientSession, Established), Failure> {
    shake_over(gateway, client, channel(1), channel(1))
}
