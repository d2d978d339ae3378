//! A copy of each node's audit log in the database that nodes share.
//!
//! ```text
//!   audit/*.jsonl ── whole lines beyond what is there ──▶ audit_lines (node, file, begins, line)      append-only
//! ```
//!
//! The head of each checkpoint goes along (`HEADS.copied`), behind the lines that it is of: so of a copy, too, only the newest seconds
//! are under no signature, and a log that was cut is found by what its copy has.
//!
//! The file stays the log: a decision is recorded when it is in the file, and nothing waits for the copy. What is not copied yet waits
//! in the file, however long the database is gone, and is found again after a restart, because the database says how far it is. A
//! copy that is fetched is the files byte for byte, so it is verified like the log itself, by the same signed heads.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::files_of::{COPIED_HEADS_FILE, Checkpoint, HEADS_FILE, Lines, day_of_name, days, file_name};
use crate::db::{Db, Sql};
use crate::error::StoreError;
use crate::{files, limits};

const SHIP: &str = "INSERT INTO audit_lines (node, file, begins, ends, line) \
     SELECT $1, value ->> 0, (value ->> 1)::bigint, (value ->> 2)::bigint, decode(value ->> 3, 'hex') \
     FROM json_array_elements($2::json) ON CONFLICT DO NOTHING";

/// Copies the log of one node. SQLite has no others to copy it for.
#[derive(Clone)]
pub struct AuditShipper {
    db: Db,
    node: String,
    folder: PathBuf,
    /// How far each file is copied; not asked for yet at first.
    copied: Option<BTreeMap<String, u64>>,
}

/// Lines of files, and how far they reach.
struct Batch {
    lines: Vec<Value>,
    copied: BTreeMap<String, u64>,
    is_last: bool,
}

impl AuditShipper {
    pub(crate) fn new(db: Db, node: &str, folder: &Path) -> Self {
        Self { db, node: node.to_owned(), folder: folder.to_owned(), copied: None }
    }

    /// Copies some lines, if there are new ones; whether all are copied now. A failure loses nothing: ask again.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn ship(&mut self) -> Result<bool, StoreError> {
        let copied = match self.copied.take() {
            Some(copied) => copied,
            None => self.ask().await?,
        };
        let folder = self.folder.clone();
        let read = tokio::task::spawn_blocking(move || read(&folder, copied)).await;
        let read = read.map_err(io::Error::other).and_then(|read| read);
        let batch = read.map_err(|source| StoreError::io("read", &self.folder, source))?;
        if !batch.lines.is_empty() {
            let lines = Value::Array(batch.lines).to_string();
            // What was not written is asked for anew.
            self.db.run(SHIP, &[self.node.as_str().into(), lines.into()]).await?;
        }
        self.copied = Some(batch.copied);
        Ok(batch.is_last)
    }

    async fn ask(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let far = "SELECT file, max(ends) AS ends FROM audit_lines WHERE node = $1 GROUP BY file";
        let rows = self.db.rows(far, &[self.node.as_str().into()]).await?;
        let failed = |source| StoreError::database(self.db.place(), source);
        let row = |row: &crate::db::Row| Ok((row.text("file")?.to_owned(), u64::try_from(row.number("ends")?).unwrap_or(0)));
        rows.iter().map(row).collect::<Result<_, _>>().map_err(failed)
    }
}

impl std::fmt::Debug for AuditShipper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuditShipper({} of {})", self.folder.display(), self.node)
    }
}

/// Files whose lines are heads, not records.
const HEADS_FILES: [&str; 2] = [HEADS_FILE, COPIED_HEADS_FILE];

/// Reads whole lines beyond what is copied, up to a bound. Days before the newest that is copied are copied whole.
fn read(folder: &Path, mut copied: BTreeMap<String, u64>) -> io::Result<Batch> {
    let newest = copied.keys().rfind(|file| !HEADS_FILES.contains(&file.as_str())).cloned().unwrap_or_default();
    let days = days(folder)?.into_iter().map(file_name).filter(|file| *file >= newest);
    let (mut lines, mut bytes) = (Vec::new(), 0);
    // Before the lines: it must not be of some that come later.
    let head = Checkpoint::read(folder).map(|checkpoint| checkpoint.head);
    for file in days.chain([HEADS_FILE.to_owned()]) {
        let begin = copied.get(&file).copied().unwrap_or(0);
        let end = append_lines(folder, &file, begin, &mut lines, &mut bytes)?;
        if end > begin {
            copied.insert(file, end);
        }
        if is_full(&lines, bytes) {
            return Ok(Batch { lines, copied, is_last: false });
        }
    }
    let before = copied.get(COPIED_HEADS_FILE).copied().unwrap_or(0);
    if let Some(head) = head.filter(|head| head.size > before) {
        lines.push(json!([COPIED_HEADS_FILE, before, head.size, hex::encode(serde_json::to_vec(&head)?)]));
        copied.insert(COPIED_HEADS_FILE.to_owned(), head.size);
    }
    Ok(Batch { lines, copied, is_last: true })
}

fn is_full(lines: &[Value], bytes: u64) -> bool {
    lines.len() >= limits::SHIP_LINES_MAX || bytes >= limits::SHIP_BYTES_MAX
}

/// Where the last whole line that was taken ends.
fn append_lines(folder: &Path, name: &str, begin: u64, lines: &mut Vec<Value>, bytes: &mut u64) -> io::Result<u64> {
    let mut file = match File::open(folder.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(begin),
        opened => opened?,
    };
    file.seek(SeekFrom::Start(begin))?;
    let (mut reader, mut line, mut at) = (Lines::new(BufReader::new(file)), Vec::new(), begin);
    while !is_full(lines, *bytes) {
        let Some(read) = reader.next(&mut line)?.filter(|read| read.terminated) else { break };
        let end = at + read.bytes;
        lines.push(json!([name, at, end, hex::encode(&line)]));
        *bytes += read.bytes;
        at = end;
    }
    Ok(at)
}

/// Writes the copy of a node's log into a new folder, file by file as it was; how many lines.
///
/// # Errors
/// [`StoreError::Io`] when the folder is there already or cannot be written; an infrastructure failure.
pub(crate) async fn fetch(db: &Db, node: &str, folder: &Path) -> Result<u64, StoreError> {
    let failed = |source| StoreError::io("write", folder, source);
    DirBuilder::new().mode(files::PRIVATE_FOLDER_MODE).create(folder).map_err(failed)?;
    let page = "SELECT file, begins, line FROM audit_lines \
                WHERE node = $1 AND (file, begins) > ($2, $3) AND file <> $5 ORDER BY file, begins LIMIT $4";
    let told = |source| StoreError::database(db.place(), source);
    // One a second was copied: the newest is of all the others' records, too.
    let newest = "SELECT line FROM audit_lines WHERE node = $1 AND file = $2 ORDER BY begins DESC LIMIT 1";
    for row in &db.rows(Sql::from(newest), &[node.into(), COPIED_HEADS_FILE.into()]).await? {
        append(folder, COPIED_HEADS_FILE, row.bytes_or_none("line").map_err(told)?.unwrap_or_default()).map_err(failed)?;
    }
    let (mut file, mut begins, mut count) = (String::new(), -1_i64, 0);
    loop {
        let rows = db
            .rows(Sql::from(page), &[node.into(), file.as_str().into(), begins.into(), limits::COPY_ROWS.into(), COPIED_HEADS_FILE.into()])
            .await?;
        for row in &rows {
            (file, begins) = (row.text("file").map_err(told)?.to_owned(), row.number("begins").map_err(told)?);
            append(folder, &file, row.bytes_or_none("line").map_err(told)?.unwrap_or_default()).map_err(failed)?;
            count += 1;
        }
        if rows.len() < limits::COPY_ROWS as usize {
            return Ok(count);
        }
    }
}

/// Adds a line to a file of a log. The name is from a database that others can write, and is no path.
fn append(folder: &Path, name: &str, line: &[u8]) -> io::Result<()> {
    if !HEADS_FILES.contains(&name) && day_of_name(name).is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the database holds lines of a file that is none of a log"));
    }
    let mut file = OpenOptions::new().append(true).create(true).mode(files::PRIVATE_FILE_MODE).open(folder.join(name))?;
    file.write_all(&[line, b"\n"].concat())
}
