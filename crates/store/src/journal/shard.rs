//! One pair of journal files, written by some of the threads.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_core::{Monotonic, Now, ReplayId, Timestamp};

use crate::error::StoreError;
use crate::{files, limits};

const ID_BYTES: usize = 20;
const RECORD_BYTES: usize = ID_BYTES + 8;

/// In place of an id: the record is a horizon. No id is all zeros by more than chance (2^-160).
const HORIZON: [u8; ID_BYTES] = [0; ID_BYTES];

/// The generation being written, and the one before it.
pub(super) struct Shard {
    current: Generation,
    other: Ended,
    /// When they change places.
    turn_at: Monotonic,
}

struct Generation {
    path: PathBuf,
    /// Opened by the first write: most shards of a small gateway are never used.
    file: Option<File>,
    /// The latest signed time in it.
    latest: Option<Timestamp>,
}

struct Ended {
    path: PathBuf,
    latest: Option<Timestamp>,
}

/// What a file from the process before us tells about itself.
#[derive(Default)]
struct Summary {
    first: Option<Timestamp>,
    latest: Option<Timestamp>,
}

impl Shard {
    /// Goes on where the process before us stopped: what it wrote stays until it is old, however often we are started.
    pub(super) fn open(folder: &Path, number: usize, now: Now) -> Result<Self, StoreError> {
        let path = |side: char| folder.join(format!("replay-{number:02}-{side}.journal"));
        let (a, b) = (path('a'), path('b'));
        let (of_a, of_b) = (summary(&a)?, summary(&b)?);
        let ((path, of_current), (other, of_other)) = if of_b.first > of_a.first { ((b, of_b), (a, of_a)) } else { ((a, of_a), (b, of_b)) };
        let age = of_current.first.map_or(Duration::ZERO, |first| now.wall.saturating_since(first));
        Ok(Self {
            current: Generation { path, file: None, latest: of_current.latest },
            other: Ended { path: other, latest: of_other.latest },
            turn_at: now.mono.saturating_add(limits::JOURNAL_RETENTION.saturating_sub(age)),
        })
    }

    pub(super) fn append(&mut self, id: ReplayId, signed_at: Timestamp, now: Monotonic) -> io::Result<()> {
        if now >= self.turn_at {
            self.turn(now)?;
        }
        self.current.append(&id.to_bytes(), signed_at)
    }

    /// The generation before is old enough to be overwritten; the current one takes its place. What is overwritten leaves its
    /// horizon behind.
    fn turn(&mut self, now: Monotonic) -> io::Result<()> {
        // Emptied first: if that fails nothing has changed, and the next write tries again.
        let fresh = Generation::create(&self.other)?;
        let old = std::mem::replace(&mut self.current, fresh);
        self.other = Ended { path: old.path, latest: old.latest };
        self.turn_at = now.saturating_add(limits::JOURNAL_RETENTION);
        Ok(())
    }
}

impl Generation {
    /// A generation in the place of one that is forgotten.
    fn create(forgotten: &Ended) -> io::Result<Self> {
        let mut generation = Self { path: forgotten.path.clone(), file: None, latest: None };
        let file = generation.open()?;
        file.set_len(0)?;
        generation.file = Some(file);
        if let Some(latest) = forgotten.latest {
            generation.append(&HORIZON, latest)?;
        }
        Ok(generation)
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(files::PRIVATE_FILE_MODE).open(&self.path)
    }

    fn append(&mut self, id: &[u8; ID_BYTES], signed_at: Timestamp) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                let file = self.open()?;
                // A record that was torn is cut off, so that those after it are found at their places.
                file.set_len(whole(file.metadata()?.len()))?;
                file
            }
        };
        let mut record = [0; RECORD_BYTES];
        record[..ID_BYTES].copy_from_slice(id);
        // Rounded up: a horizon must not lie before what it stands for.
        record[ID_BYTES..].copy_from_slice(&signed_at.as_micros().div_ceil(1_000).to_be_bytes());
        match file.write(&record) {
            Ok(RECORD_BYTES) => {
                self.file = Some(file);
                self.latest = self.latest.max(Some(signed_at));
                Ok(())
            }
            // The file is opened again for the next record, which cuts off what this one left.
            Ok(_) => Err(ErrorKind::WriteZero.into()),
            Err(error) => Err(error),
        }
    }
}

const fn whole(bytes: u64) -> u64 {
    bytes - bytes % RECORD_BYTES as u64
}

fn summary(path: &Path) -> Result<Summary, StoreError> {
    let mut summary = Summary::default();
    if !path.try_exists().map_err(|source| StoreError::io("read", path, source))? {
        return Ok(summary);
    }
    each_record(path, |id, signed_at| {
        // A horizon is older than the generation it leads.
        if id.is_some() {
            summary.first.get_or_insert(signed_at);
        }
        summary.latest = summary.latest.max(Some(signed_at));
    })?;
    Ok(summary)
}

/// Calls `take` with each whole record of a file; without an id for a horizon.
pub(super) fn each_record(path: &Path, mut take: impl FnMut(Option<ReplayId>, Timestamp)) -> Result<(), StoreError> {
    let failed = |source| StoreError::io("read", path, source);
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let mut record = [0; RECORD_BYTES];
    loop {
        match reader.read_exact(&mut record) {
            Ok(()) => {}
            // The end, or a record that was torn: its write was never answered with success.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(source) => return Err(failed(source)),
        }
        let (id, signed_at) = parse(&record);
        take(id, signed_at);
    }
}

fn parse(record: &[u8; RECORD_BYTES]) -> (Option<ReplayId>, Timestamp) {
    let (id, millis) = record.split_first_chunk::<ID_BYTES>().expect("28 bytes begin with 20");
    let millis: [u8; 8] = millis.try_into().expect("and end with 8");
    ((*id != HORIZON).then(|| ReplayId::from_bytes(id)), Timestamp::from_millis(u64::from_be_bytes(millis)))
}
