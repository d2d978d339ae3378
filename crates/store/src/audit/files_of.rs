//! The files of an audit folder: names, order, lines, and a moment at which all of them fit each other.
//!
//! ```text
//!   audit-YYYYMMDD.jsonl   records, one file a day (UTC)
//!   heads.jsonl            signed heads kept for good: hourly, at close, on demand
//!   checkpoint.json        the newest signed head, rewritten each second, and where the log ended then
//!   ended-keys.json        the keys whose end this node has put on record
//!   lock                   held while one process appends; names the newest day
//! ```

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_audit_tree::{Frontier, Hash, Place, SignedHead};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::limits;

/// The files of the log are named by the day, in UTC.
pub(super) const PREFIX: &str = "audit-";
pub(super) const SUFFIX: &str = ".jsonl";
pub(super) const HEADS_FILE: &str = "heads.jsonl";
pub(super) const CHECKPOINT_FILE: &str = "checkpoint.json";
/// In a copy from the database only: the heads of the checkpoints that were copied. In capitals, so that it sorts before every day.
pub(super) const COPIED_HEADS_FILE: &str = "HEADS.copied";
pub(super) const LOCK_FILE: &str = "lock";

pub(super) fn file_name(day: u32) -> String {
    format!("{PREFIX}{day:08}{SUFFIX}")
}

/// The day of a file of the log; `None` for another file.
pub(super) fn day_of_name(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    (digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

/// The days that have a file, oldest first.
pub(super) fn days(folder: &Path) -> io::Result<Vec<u32>> {
    let mut days = Vec::new();
    for entry in fs::read_dir(folder)? {
        days.extend(entry?.file_name().to_str().and_then(day_of_name));
    }
    days.sort_unstable();
    Ok(days)
}

/// The length of a file; 0 when there is none.
pub(super) fn file_length(folder: &Path, name: &str) -> u64 {
    fs::metadata(folder.join(name)).map_or(0, |metadata| metadata.len())
}

/// Where the log ended when its newest head was signed, so that a process that opens it reads only what came later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) head: SignedHead,
    /// The day of the newest file.
    pub(super) day: u32,
    /// Its length.
    pub(super) offset: u64,
    /// The leaf hash of the last record.
    pub(super) last: Hash,
    /// The subtrees that the head's root is of.
    pub(super) peaks: Vec<Hash>,
    /// Length of the file of heads then: it only grows.
    #[serde(default)]
    pub(super) heads: u64,
}

impl Checkpoint {
    /// The checkpoint of a folder; `None` when there is none or it was torn by a crash.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let mut bytes = Vec::new();
        let file = File::open(folder.join(CHECKPOINT_FILE)).ok()?;
        file.take(u64::try_from(limits::AUDIT_KEY_BYTES_MAX).ok()?).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The tree, if its subtrees have the root that was signed.
    pub(super) fn tree(&self) -> Option<Frontier> {
        Frontier::from_peaks(self.head.size, self.peaks.clone()).filter(|tree| tree.root() == self.head.root)
    }
}

/// Lines of a file from where it stands, one in memory at a time.
pub(super) struct Lines<R> {
    reader: R,
}

/// A line that was read.
pub(super) struct ReadLine {
    /// Bytes it takes in the file, its end included.
    pub(super) bytes: u64,
    /// Whether it has its end.
    pub(super) terminated: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader }
    }

    /// Reads the next line into `line`, without its end. Of a line beyond `AUDIT_LINE_BYTES_MAX` the rest is left out, which makes
    /// it no record.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Option<ReadLine>> {
        line.clear();
        let mut read = ReadLine { bytes: 0, terminated: false };
        loop {
            let available = self.reader.fill_buf()?;
            if available.is_empty() {
                return Ok((read.bytes > 0).then_some(read));
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = end.unwrap_or(available.len());
            let room = limits::AUDIT_LINE_BYTES_MAX.saturating_sub(line.len());
            line.extend_from_slice(&available[..part.min(room)]);
            let used = part + usize::from(end.is_some());
            self.reader.consume(used);
            read.bytes += u64::try_from(used).unwrap_or(u64::MAX);
            if end.is_some() {
                read.terminated = true;
                return Ok(Some(read));
            }
        }
    }
}

/// The folder as it was at one moment: later writes are not seen.
pub(super) struct Snapshot {
    folder: PathBuf,
    files: Vec<(Arc<str>, u64)>,
    pub(super) heads: Vec<String>,
    pub(super) copied_heads: Vec<String>,
    pub(super) checkpoint: Option<Checkpoint>,
    /// Length of the file of heads.
    pub(super) heads_bytes: u64,
    /// Whether there is a checkpoint, damaged or not.
    pub(super) has_checkpoint: bool,
    /// Whether processes append here: a copy has no lock.
    pub(super) has_lock: bool,
}

impl Snapshot {
    /// Takes it while no process appends. A copy without a lock file is taken as it is.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::io("read", folder, source);
        let lock = match File::open(folder.join(LOCK_FILE)) {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        lock.as_ref().map_or(Ok(()), File::lock_shared).map_err(failed)?;
        let mut files = Vec::new();
        for day in days(folder).map_err(failed)? {
            let name = file_name(day);
            let length = fs::metadata(folder.join(&name)).map_err(failed)?.len();
            files.push((Arc::from(name), length));
        }
        let heads = read_heads(folder, HEADS_FILE).map_err(failed)?;
        let copied_heads = read_heads(folder, COPIED_HEADS_FILE).map_err(failed)?;
        let checkpoint = Checkpoint::read(folder);
        let (heads_bytes, has_lock) = (file_length(folder, HEADS_FILE), lock.is_some());
        let has_checkpoint = folder.join(CHECKPOINT_FILE).exists();
        Ok(Self { folder: folder.to_owned(), files, heads, copied_heads, checkpoint, heads_bytes, has_checkpoint, has_lock })
    }

    /// Shows every line in order, with its place.
    ///
    /// # Errors
    /// [`StoreError::Io`], and what `see` fails with.
    pub(super) fn each_line<E: From<StoreError>>(&self, mut see: impl FnMut(&[u8], &Place) -> Result<(), E>) -> Result<(), E> {
        let mut line = Vec::new();
        for (name, length) in &self.files {
            let path = self.folder.join(&**name);
            let failed = |source| StoreError::io("read", &path, source);
            let file = File::open(&path).map_err(failed)?;
            let mut lines = Lines::new(BufReader::with_capacity(READ_BYTES, file.take(*length)));
            let mut place = Place { file: Arc::clone(name), line: 0 };
            while lines.next(&mut line).map_err(failed)?.is_some() {
                place.line += 1;
                if !line.is_empty() {
                    see(&line, &place)?;
                }
            }
        }
        Ok(())
    }
}

/// Bytes read at a time: a system call for a few hundred records.
pub(super) const READ_BYTES: usize = 128 * 1024;

fn read_heads(folder: &Path, name: &str) -> io::Result<Vec<String>> {
    let file = match File::open(folder.join(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut lines = Lines::new(BufReader::new(file.take(limits::AUDIT_HEADS_BYTES_MAX)));
    let (mut line, mut heads) = (Vec::new(), Vec::new());
    while lines.next(&mut line)?.is_some() {
        if !line.is_empty() {
            heads.push(String::from_utf8_lossy(&line).into_owned());
        }
    }
    Ok(heads)
}
